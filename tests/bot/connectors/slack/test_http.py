"""Events over HTTP: what Slack signed is taken once, all else refused before it is parsed.

The long form: `FUZZED=100000 .venv/bin/python -m pytest tests/bot/connectors/slack/test_http.py`.
"""

import asyncio
import io
import json
import logging
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from pydantic import SecretStr

from bot.connectors.slack import SlackConnector
from bot.connectors.slack.http import MOST_BYTES
from bot.errors import BadSettings
from bot.settings import Settings, SlackSettings
from bot.testing.slack import FakeSlack
from storage import StorageUnavailable
from tests.bot.connectors.slack.conftest import Run, Talk

FUZZED = int(os.environ.get("FUZZED", "3000"))
COPIES, CLIENTS = 1000, 50
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
    "application/json; charset=x",
)


@pytest.fixture
async def talk(run: Run, slack: FakeSlack) -> AsyncIterator[Talk]:
    """A bot that takes events over HTTP."""
    secret = SecretStr(slack.signing_secret)
    async with run(app_token=SecretStr(""), signing_secret=secret, port=0) as talking:
        slack.deliver_by = "http"
        slack.events_url = f"http://127.0.0.1:{talking.connector.port}/slack/events"
        yield talking


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as opened:
        yield opened


async def post(session: aiohttp.ClientSession, talk: Talk, body: bytes, headers: Any) -> int:
    async with session.post(talk.slack.events_url, data=io.BytesIO(body), headers=headers) as response:
        await response.read()
        return response.status


async def test_slack_sees_that_the_address_is_the_bots(talk: Talk) -> None:
    assert await talk.slack.verify_url()


async def test_events_and_interactions_come_over_http(talk: Talk) -> None:
    channel = talk.slack.general
    await talk.say(channel, "/panel", mention_bot=True)
    (shown,) = talk.slack.shown(channel)
    interaction = talk.slack.press(channel, shown.ts, "control-0")
    await talk.eventually(lambda: len(talk.slack.shown(channel)) == 2)
    await interaction.acknowledged()
    assert talk.texts(channel) == ["Choose:", "again"]
    command = talk.slack.slash("/parley", "whisper secret")
    await talk.eventually(lambda: command.responses)
    assert command.responses[-1]["text"] == "psst: secret"
    form = talk.slack.slash("/parley", "repeat")
    await form.acknowledged()
    assert form.view is not None
    wrong = {"times": {"answer": "x"}, "text": {"answer": "y"}}
    answer = await talk.slack.submit(form.view, wrong).acknowledged()
    assert answer is not None
    assert answer["response_action"] == "errors"


async def test_a_thousand_copies_of_a_webhook_are_one_message(
    talk: Talk, session: aiohttp.ClientSession
) -> None:
    """P12: identical signed requests from fifty clients: one conversation, one message, one reply."""
    channel = talk.slack.general
    ts = talk.slack.say(channel, "echo once", mention_bot=True, deliver=False)
    body = json.dumps(talk.slack.payload(channel, ts)).encode()
    headers = talk.slack.sign(body)
    statuses = await asyncio.gather(*(post(session, talk, body, headers) for _ in range(COPIES)))
    assert Counter(statuses) == {200: COPIES}
    await talk.finished(talk.key(channel, ts))
    await asyncio.sleep(0.3)
    assert talk.texts(channel) == ["once"]
    assert len(talk.accepted) == 1
    assert len(await talk.bot.store.history.conversations("slack", None)) == 1


async def test_copies_signed_at_different_times_are_one_message(
    talk: Talk, session: aiohttp.ClientSession
) -> None:
    channel = talk.slack.general
    ts = talk.slack.say(channel, "echo once", mention_bot=True, deliver=False)
    body = json.dumps(talk.slack.payload(channel, ts)).encode()
    now = int(time.time())
    for number in range(20):
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
        assert await post(session, talk, body, talk.slack.sign(body, now - number) | retry) == 200
    await talk.finished(talk.key(channel, ts))
    assert talk.texts(channel) == ["once"]


async def test_a_replay_has_no_effect(talk: Talk, session: aiohttp.ClientSession) -> None:
    """F35: a command that was taken once is not taken again, whatever its signature is worth."""
    form = {"command": "/parley", "text": "echo once", "trigger_id": "t1", "user_id": talk.slack.user("ann")}
    form |= {"team_id": talk.slack.team_id, "channel_id": talk.slack.general, "user_name": "ann"}
    body = urlencode(form).encode()
    headers = talk.slack.sign(body)
    assert [await post(session, talk, body, headers) for _ in range(3)] == [200] * 3
    await talk.eventually(lambda: talk.slack.shown(talk.slack.general))
    await asyncio.sleep(0.2)
    assert len(talk.accepted) == 1
    assert talk.texts(talk.slack.general) == ["once"]


@pytest.mark.parametrize(
    ("skew", "status"), [(-299, 200), (299, 200), (-301, 401), (302, 401), (0, 200), (-86400, 401)]
)
async def test_the_clock_may_be_five_minutes_off(
    talk: Talk, session: aiohttp.ClientSession, skew: int, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
    with caplog.at_level(logging.WARNING):
        assert await post(session, talk, body, talk.slack.sign(body, int(time.time()) + skew)) == status
    assert ("check NTP" in caplog.text) == (status == 401)


async def test_what_slack_did_not_sign_is_refused(talk: Talk, session: aiohttp.ClientSession) -> None:
    channel = talk.slack.general
    ts = talk.slack.say(channel, "echo forged", mention_bot=True, deliver=False)
    body = json.dumps(talk.slack.payload(channel, ts)).encode()
    good = talk.slack.sign(body)
    stamp, signature = good["X-Slack-Request-Timestamp"], good["X-Slack-Signature"]
    for headers in (
        {},
        good | {"X-Slack-Signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")},
        good | {"X-Slack-Signature": signature.removeprefix("v0=")},
        good | {"X-Slack-Signature": ""},
        good | {"X-Slack-Signature": "v0=é"},
        good | {"X-Slack-Request-Timestamp": str(int(stamp) + 1)},
        good | {"X-Slack-Request-Timestamp": "soon"},
        good | {"X-Slack-Request-Timestamp": "-1"},
        good | {"X-Slack-Request-Timestamp": "٣"},
        good | {"X-Slack-Request-Timestamp": "9" * 400},
    ):
        assert await post(session, talk, body, headers) == 401, headers
    assert await post(session, talk, body[:-1], good) == 401
    assert talk.accepted == []


async def test_a_large_body_is_refused_before_it_is_checked(
    talk: Talk, session: aiohttp.ClientSession
) -> None:
    body = b"x" * (MOST_BYTES + 1)
    assert await post(session, talk, body, talk.slack.sign(body)) == 413
    assert await post(session, talk, body[:-1], talk.slack.sign(body[:-1])) == 200, "signed, and nothing"


async def test_other_addresses_and_methods_are_refused(talk: Talk, session: aiohttp.ClientSession) -> None:
    origin = talk.slack.events_url.removesuffix("/slack/events")
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        async with session.request(method, talk.slack.events_url) as response:
            assert response.status == 401
    for path in ("/", "/slack", "/slack/events/", "/slack/events/../..", "/%2e%2e/etc/passwd"):
        async with session.post(f"{origin}{path}", data=b"{}") as response:
            assert response.status == 401
    async with session.post(talk.slack.events_url, data=b"{}", headers={"Expect": "a miracle"}) as response:
        assert response.status == 401


async def test_what_cannot_be_stored_comes_again_and_is_answered_once(
    talk: Talk, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1, F8: 503 while the database is away, so that Slack sends again; then 200."""
    accept, statuses = talk.bot.store.inbox.accept, []
    away = True

    async def locked(event: Any) -> Any:
        if away:
            raise StorageUnavailable("the database is locked")
        return await accept(event)

    monkeypatch.setattr(talk.bot.store.inbox, "accept", locked)
    channel = talk.slack.dm("ann")
    ts = talk.slack.say(channel, "echo kept", deliver=False)
    body = json.dumps(talk.slack.payload(channel, ts)).encode()
    headers = talk.slack.sign(body)
    statuses.append(await post(session, talk, body, headers))
    away = False
    statuses += [await post(session, talk, body, headers) for _ in range(3)]
    assert statuses == [503, 200, 200, 200]
    await talk.finished(talk.key(channel, ts))
    assert talk.texts(channel) == ["kept"]


async def test_slack_retries_until_the_database_is_back(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    accept, tries = talk.bot.store.inbox.accept, 0

    async def locked(event: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StorageUnavailable("the database is locked")
        return await accept(event)

    monkeypatch.setattr(talk.bot.store.inbox, "accept", locked)
    channel = talk.slack.dm("ann")
    await talk.say(channel, "echo at last")
    await talk.slack.settled()
    assert talk.texts(channel) == ["at last"]
    assert talk.slack.undelivered == []


@pytest.mark.timeout(1800)
async def test_fuzzed_requests_are_answered_with_200_401_or_413(
    talk: Talk, session: aiohttp.ClientSession
) -> None:
    """P3, F35: junk of all kinds, a third of it rightly signed. Nothing fails, nothing is taken."""
    chance = random.Random(35)
    statuses: Counter[int] = Counter()

    async def client(count: int) -> None:
        for _ in range(count):
            body = junk(chance, talk.slack.team_id)
            statuses[await post(session, talk, body, headers_for(talk, body, chance))] += 1

    await asyncio.gather(*(client(FUZZED // 20) for _ in range(20)))
    assert set(statuses) <= {200, 401, 413}
    assert statuses[200] > FUZZED // 10
    assert statuses[401] > FUZZED // 3
    talk.slack.deliver_by = "http"
    await talk.say(talk.slack.dm("ann"), "echo well")
    assert talk.texts(talk.slack.dm("ann")) == ["well"]


def junk(chance: random.Random, team: str) -> bytes:
    """A body that is nothing, or nearly something."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(300))
    if kind == 1:
        return b"[" * chance.randrange(2000)
    if kind == 2:
        return urlencode({chance.choice(["payload", "command", "ssl_check", "x"]): odd_text(chance)}).encode()
    if kind == 3:
        return b"payload=" + urlencode({"": json.dumps(odd(chance, 3))}).encode()[1:]
    if kind == 4 and chance.random() < 0.02:
        return b"x" * (MOST_BYTES + chance.randrange(2))
    names = ["type", "event", "team_id", "team", "user", "channel", "command", "view", "actions", "message"]
    body = {name: odd(chance, 3) for name in chance.sample(names, chance.randrange(len(names)))}
    if chance.random() < 0.7:
        body |= {"team_id": team, "team": {"id": team}}
    kinds = ["event_callback", "block_actions", "view_submission", "message_action", "url_verification"]
    body["type"] = chance.choice([*kinds, odd(chance, 1)])
    return json.dumps(body).encode()


def odd(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8)
    if kind < 3 or depth == 0:
        return chance.choice([None, True, 0, -1, 1e308, "", "message", "app_mention", "T1", odd_text(chance)])
    if kind < 5:
        return [odd(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = ["type", "ts", "channel", "user", "id", "subtype", "text", "item", "message", "files", "team"]
    return {name: odd(chance, depth - 1) for name in chance.sample(names, chance.randrange(6))}


def odd_text(chance: random.Random) -> str:
    letters = 'a<>&\x00\ud800é👍{}[]"\\|`*_@#!: \n'
    return (
        "".join(chance.choice(letters) for _ in range(chance.randrange(40)))
        .encode("utf-8", "replace")
        .decode()
    )


def headers_for(talk: Talk, body: bytes, chance: random.Random) -> dict[str, str]:
    kind = chance.randrange(6)
    if kind < 2:
        return talk.slack.sign(body) | {"Content-Type": chance.choice(TYPES)}
    if kind == 2:
        return talk.slack.sign(body, int(time.time()) + chance.choice([-400, 400, 10**9]))
    if kind == 3:
        return talk.slack.sign(body + b" ")
    names = ["X-Slack-Signature", "X-Slack-Request-Timestamp", "X-Slack-Retry-Num", "Content-Type", "Expect"]
    values = ["", "v0=", "v0=" + "0" * 64, "1", "x" * 500, "nan", "1e9", str(int(time.time())), "é"]
    return {name: chance.choice(values) for name in chance.sample(names, chance.randrange(len(names)))}


def test_http_needs_the_signing_secret() -> None:
    token = SecretStr("xoxb-1")
    with pytest.raises(BadSettings, match="SIGNING_SECRET"):
        SlackConnector(Settings(slack=SlackSettings(bot_token=token)))


async def test_a_port_that_is_taken_is_the_operators(run: Run, slack: FakeSlack) -> None:
    given = {
        "app_token": SecretStr(""),
        "signing_secret": SecretStr(slack.signing_secret),
        "port": slack.port,
    }
    with pytest.raises(BadSettings, match="cannot be listened on"):
        async with run(**given):
            pass


def test_the_same_token_twice_is_refused_and_not_shown() -> None:
    """F49."""
    token = SecretStr("xoxb-secret-token")
    slack = SlackSettings(bot_token=token, app_token=SecretStr("xapp-1"), more_bot_tokens=(token,))
    with pytest.raises(BadSettings, match="twice") as refusal:
        SlackConnector(Settings(slack=slack))
    assert "secret-token" not in str(refusal.value)
