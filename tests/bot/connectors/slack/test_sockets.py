"""Socket Mode: two sockets, each replaced before it ends; health by pings, deafness by the history.

The long form: `DISCONNECTS=200 .venv/bin/python -m pytest tests/bot/connectors/slack/test_sockets.py`.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest

from bot.connectors.slack.presence import Timing
from bot.testing.slack import Dice, FakeSlack
from storage import StorageUnavailable
from tests.bot.connectors.slack.conftest import QUICK, Run, Talk, relax, running

DISCONNECTS = int(os.environ.get("DISCONNECTS", "20"))
PER_SECOND = 50
CHANNELS = 5


async def two_sockets(talk: Talk) -> None:
    await talk.eventually(lambda: talk.slack.sockets == 2)


@pytest.mark.timeout(900)
async def test_forced_disconnects_lose_nothing_and_leave_no_gap(tmp_path: Path) -> None:
    """P2, F18: disconnects of both kinds under 50 events a second, some of them delivered twice."""
    async with FakeSlack(dice=Dice(duplicate=0.05)).serving() as slack, running(slack, tmp_path) as talk:
        slack.socket_mode.warning_seconds = 0.3
        await two_sockets(talk)
        await relax(talk)
        channels = [slack.add_channel(f"room-{number}") for number in range(CHANNELS)]
        said: list[tuple[str, str]] = []

        async def feed() -> None:
            while True:
                channel = channels[len(said) % CHANNELS]
                said.append((channel, f"number {len(said)}"))
                slack.say(channel, f"/echo {said[-1][1]}", mention_bot=True)
                await asyncio.sleep(1 / PER_SECOND)

        feeding = asyncio.create_task(feed())
        for number in range(DISCONNECTS):
            slack.disconnect("warning" if number % 2 else "refresh_requested")
            await asyncio.sleep(0.4)
        feeding.cancel()
        await slack.settled(60)
        async with asyncio.timeout(120):
            while sum(len(slack.shown(channel)) for channel in channels) < len(said):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        shown = [(channel, text) for channel in channels for text in talk.texts(channel)]
        assert sorted(shown) == sorted(said), "nothing lost, nothing doubled"
        assert slack.repeated() == []
        assert slack.gap == 0
        assert slack.undelivered == []
        assert slack.sockets_opened >= DISCONNECTS + 2
        assert slack.violations == []


async def test_both_sockets_reset_at_once_come_back(talk: Talk) -> None:
    await two_sockets(talk)
    talk.slack.abort()
    await talk.say(talk.slack.dm("ann"), "echo back")
    await two_sockets(talk)
    assert talk.texts(talk.slack.dm("ann")) == ["back"]


async def test_half_open_sockets_are_found_and_replaced(talk: Talk) -> None:
    """F17: no answer to two pings and a half; with the real 10 s between pings that is 25 s."""
    await two_sockets(talk)
    opened, began = talk.slack.sockets_opened, time.monotonic()
    talk.slack.freeze()
    await two_sockets(talk)
    assert talk.slack.sockets_opened >= opened + 2
    assert time.monotonic() - began < 6 * QUICK.ping
    await talk.say(talk.slack.dm("ann"), "echo found")
    assert talk.texts(talk.slack.dm("ann")) == ["found"]


def test_half_open_sockets_are_found_within_a_minute() -> None:
    assert 2.5 * Timing().ping + Timing().ping < 60


async def test_a_quiet_link_is_not_replaced(run: Run) -> None:
    """F17: three minutes of pings and many probes, on a scale of a hundred."""
    timing = Timing(ping=0.1, stagger=0.01, first_pause=0.05, note=0.05, quiet=0.3)
    async with run(timing=timing) as talk:
        await two_sockets(talk)
        opened = talk.slack.sockets_opened
        await asyncio.sleep(3)
        assert talk.slack.sockets_opened == opened
        assert talk.slack.sockets == 2


async def test_deaf_links_are_found_by_the_history(run: Run) -> None:
    """Fact 7: the sockets look well and bring nothing. What was missed is answered, too."""
    timing = Timing(ping=0.5, stagger=0.01, first_pause=0.05, note=0.05, quiet=0.5)
    async with run(timing=timing) as talk:
        channel = talk.slack.dm("ann")
        await talk.say(channel, "echo heard")
        await two_sockets(talk)
        opened = talk.slack.sockets_opened
        ts = talk.slack.say(channel, "echo unheard", deliver=False)
        await talk.finished(talk.key(channel, ts))
        await talk.eventually(lambda: talk.slack.sockets_opened >= opened + 2)
        await two_sockets(talk)
        assert talk.texts(channel) == ["heard", "unheard"]


async def test_too_many_websockets_are_waited_for(run: Run) -> None:
    async with run() as talk:
        await two_sockets(talk)
        opened = talk.slack.sockets_opened
        talk.slack.too_many_websockets(2)
        talk.slack.disconnect("refresh_requested")
        await talk.eventually(lambda: talk.slack.sockets == 2 and talk.slack.sockets_opened > opened)
        tries = [method for method, _ in talk.slack.requests if method == "apps.connections.open"]
        assert len(tries) <= opened + 4, "no hurry"
        assert talk.slack.gap == 0


async def test_failures_to_connect_are_tried_ever_slower(run: Run, slack: FakeSlack) -> None:
    slack.fail_next("apps.connections.open", 500, times=2)
    slack.fail_next("apps.connections.open", 429, headers={"Retry-After": "0.2"})
    async with run() as talk:
        await two_sockets(talk)
        assert talk.connector.status() == "ok"


async def test_a_link_that_is_disabled_comes_back(talk: Talk) -> None:
    await two_sockets(talk)
    talk.slack.disconnect("link_disabled")
    await asyncio.sleep(0.3)
    await two_sockets(talk)
    await talk.say(talk.slack.dm("ann"), "echo again")


async def test_what_cannot_be_stored_is_not_acknowledged_and_comes_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F8, P1: the database is away; Slack sends again, and the message is answered once."""
    async with run() as talk:
        channel, accept, tries = talk.slack.general, talk.bot.store.inbox.accept, 0

        async def away(event: object) -> object:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise StorageUnavailable("the database is locked")
            return await accept(event)  # type: ignore[arg-type]

        monkeypatch.setattr(talk.bot.store.inbox, "accept", away)
        ts = talk.slack.say(channel, "echo kept", mention_bot=True)
        await asyncio.sleep(0.5)
        assert talk.slack.unacknowledged
        await talk.finished(talk.key(channel, ts))
        await talk.slack.settled()
        assert talk.texts(channel) == ["kept"]


async def test_a_slow_database_is_waited_for_before_the_acknowledgement(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run() as talk:
        talk.slack.redeliver_seconds = 10
        accept = talk.bot.store.inbox.accept

        async def slow(event: object) -> object:
            await asyncio.sleep(1)
            return await accept(event)  # type: ignore[arg-type]

        monkeypatch.setattr(talk.bot.store.inbox, "accept", slow)
        ts = talk.slack.say(talk.slack.dm("ann"), "echo slowly")
        await asyncio.sleep(0.7)
        assert talk.slack.unacknowledged
        await talk.finished(talk.key(talk.slack.dm("ann"), ts))
        assert not talk.slack.unacknowledged


async def test_a_late_retry_is_processed_once(talk: Talk) -> None:
    """F23: the third attempt, long after the first was answered."""
    channel = talk.slack.dm("ann")
    ts = await talk.say(channel, "echo once")
    payload = talk.slack.payload(channel, ts)
    talk.slack.socket_mode.send(payload)
    await talk.slack.settled()
    await asyncio.sleep(0.2)
    assert talk.texts(channel) == ["once"]


async def test_above_the_high_water_mark_slack_is_left_to_send_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P9: a flood while the database stands still is bounded; what Slack gives up its history tells."""
    async with run() as talk:
        slack, channel = talk.slack, talk.slack.general
        slack.redeliver_seconds, slack.redeliveries = 0.2, 3
        presence = talk.connector._presence
        assert presence is not None
        assert presence.sockets is not None
        monkeypatch.setattr(presence.sockets, "_high_water", 20)
        gate, accept = asyncio.Event(), talk.bot.store.inbox.accept

        async def closed(event: object) -> object:
            await gate.wait()
            return await accept(event)  # type: ignore[arg-type]

        monkeypatch.setattr(talk.bot.store.inbox, "accept", closed)
        sent = [slack.say(channel, f"/echo {number}") for number in range(100)]
        await talk.eventually(lambda: presence.sockets is not None and presence.sockets.left_out)
        assert presence.sockets._waiting <= 20
        await talk.eventually(lambda: slack.undelivered)
        gate.set()
        for ts in sent:
            await talk.finished(talk.key(channel, ts))
        assert sorted(talk.texts(channel), key=int) == [str(number) for number in range(100)]


@pytest.mark.parametrize("payload", [{}, {"type": "event_callback"}, {"type": "event_callback", "event": {}}])
async def test_a_payload_that_cannot_be_read_is_acknowledged(talk: Talk, payload: dict[str, object]) -> None:
    talk.slack.socket_mode.send({"event_id": "odd", "team_id": talk.slack.team_id, **payload})
    await talk.slack.settled()
    assert talk.slack.undelivered == []
    await talk.say(talk.slack.dm("ann"), "echo well")


async def test_odd_frames_do_not_end_the_bot(talk: Talk) -> None:
    for socket in talk.slack.socket_mode.open:
        socket.outgoing.put_nowait("no json")
        socket.outgoing.put_nowait("[]")
        socket.outgoing.put_nowait('{"type": "news"}')
    await talk.say(talk.slack.dm("ann"), "echo well")
    assert talk.texts(talk.slack.dm("ann")) == ["well"]
