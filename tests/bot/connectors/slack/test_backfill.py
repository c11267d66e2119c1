"""What was written while the bot was away."""

import asyncio

from bot.testing.slack import FakeSlack
from storage import InboxState
from tests.bot.connectors.slack.conftest import Run, Talk


async def heard(talk: Talk) -> None:
    """Wait until it is noted that everything so far was heard."""
    area = f"slack:{talk.connector.account}"
    before = dict(await talk.bot.store.notes.read(area))
    while await talk.bot.store.notes.read(area) == before:
        await asyncio.sleep(0.02)


async def test_what_was_missed_is_answered_oldest_first(run: Run, slack: FakeSlack) -> None:
    channel, direct = slack.general, slack.dm("ann")
    async with run() as talk:
        begun = await talk.say(channel, "/echo begin", mention_bot=True)
        old = await talk.say(channel, "just talking")
        await heard(talk)
    missed = [slack.say(direct, f"echo {number}", deliver=False) for number in range(5)]
    inside = slack.say(channel, "and on", thread=begun, deliver=False)
    mention = slack.say(channel, "echo top", mention_bot=True, deliver=False)
    in_old = slack.say(channel, "echo below", thread=old, mention_bot=True, deliver=False)
    async with run() as talk:
        for ts in missed:
            await talk.finished(talk.key(direct, ts))
        for ts in (inside, mention, in_old):
            await talk.finished(talk.key(channel, ts))
        assert sorted(talk.texts(direct)) == [str(number) for number in range(5)]
        assert talk.texts(channel, begun) == ["begin", "and on"]
        assert talk.texts(channel, mention) == ["top"]
        assert talk.texts(channel, old) == ["below"]


async def test_history_and_events_of_the_same_messages_are_one(run: Run, slack: FakeSlack) -> None:
    """F51: both deliver the same."""
    async with run() as talk:
        await heard(talk)
    channel = slack.dm("ann")
    sent = [slack.say(channel, f"echo {number}", deliver=False) for number in range(20)]
    async with run(wait=False) as talk:
        await talk.eventually(lambda: slack.sockets)
        for ts in sent:
            slack.socket_mode.send(slack.payload(channel, ts))
        for ts in sent:
            await talk.finished(talk.key(channel, ts))
        await slack.settled()
        assert sorted(talk.texts(channel), key=int) == [str(number) for number in range(20)]
        assert slack.repeated() == []


async def test_an_edit_while_away_counts(run: Run, slack: FakeSlack) -> None:
    channel = slack.general
    async with run() as talk:
        ts = await talk.say(channel, "as it was")
        await heard(talk)
    slack.message(channel, ts).text = "as it is"
    slack.message(channel, ts).edited = {"user": slack.user("ann"), "ts": slack.moment()}
    async with run() as talk:
        async with asyncio.timeout(10):
            while (message := await talk.bot.store.history.message(talk.key(channel, ts))) is None or (
                not message.edited
            ):
                await asyncio.sleep(0.02)
        assert message.text == "as it is"


async def test_a_first_start_reads_no_history(run: Run, slack: FakeSlack) -> None:
    ts = slack.say(slack.dm("ann"), "echo before your time", deliver=False)
    async with run() as talk:
        await heard(talk)
        assert await talk.bot.store.inbox.state(talk.key(slack.dm("ann"), ts)) is None
        assert "users.conversations" not in {method for method, _ in slack.requests}


async def test_reading_back_can_be_switched_off(run: Run, slack: FakeSlack) -> None:
    async with run() as talk:
        await heard(talk)
    ts = slack.say(slack.dm("ann"), "echo missed", deliver=False)
    async with run(catch_up_hours=0.0) as talk:
        await heard(talk)
        assert await talk.bot.store.inbox.state(talk.key(slack.dm("ann"), ts)) is None


async def test_slack_that_is_busy_or_broken_is_read_later(run: Run, slack: FakeSlack) -> None:
    async with run() as talk:
        await heard(talk)
    channel = slack.dm("ann")
    ts = slack.say(channel, "echo patient", deliver=False)
    slack.fail_next("users.conversations", 429, headers={"Retry-After": "0.1"}, times=2)
    slack.fail_next("conversations.history", 500, times=2)
    async with run() as talk:
        assert await talk.finished(talk.key(channel, ts)) is InboxState.ANSWERED
        assert talk.texts(channel) == ["patient"]


async def test_a_channel_that_cannot_be_read_does_not_hinder_the_others(run: Run, slack: FakeSlack) -> None:
    async with run() as talk:
        await talk.say(slack.general, "hello")
        await heard(talk)
    channel = slack.dm("ann")
    ts = slack.say(channel, "echo still", deliver=False)
    slack.fail_next("conversations.history", 200, {"ok": False, "error": "not_in_channel"})
    async with run() as talk:
        await talk.finished(talk.key(channel, ts))
        assert talk.texts(channel) == ["still"]


async def test_a_break_of_all_sockets_is_read_up(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    await talk.say(channel, "echo here")
    await heard(talk)
    talk.slack.abort()
    ts = talk.slack.say(channel, "echo meanwhile", deliver=False)
    await talk.finished(talk.key(channel, ts))
    assert talk.texts(channel) == ["here", "meanwhile"]
