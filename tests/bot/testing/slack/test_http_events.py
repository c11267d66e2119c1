"""Signed HTTP events into a small receiver, and into Bolt behind aiohttp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack


@dataclass
class Receiver:
    """Verifies with Slack's own library, and answers as told."""

    verifier: SignatureVerifier
    answers: list[int] = field(default_factory=list)
    delay: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    retries: list[tuple[str | None, str | None]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self.verifier.is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        headers = request.headers
        self.retries.append((headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason")))
        self.bodies.append(read(body))
        await asyncio.sleep(self.delay)
        if self.bodies[-1].get("type") == "url_verification":
            return web.Response(text=self.bodies[-1]["challenge"])
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


def read(body: bytes) -> dict[str, Any]:
    if body.startswith(b"{"):
        told: dict[str, Any] = json.loads(body)
        return told
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    return json.loads(form["payload"]) if "payload" in form else form


async def site(serve: Any) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/slack/events", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    await runner.cleanup()


@pytest.fixture
async def receiver(slack: FakeSlack) -> AsyncIterator[Receiver]:
    receiver = Receiver(SignatureVerifier(slack.signing_secret))
    slack.deliver_by = "http"
    async for address in site(receiver.serve):
        slack.events_url = address
        yield receiver


async def test_address_is_verified(slack: FakeSlack, receiver: Receiver) -> None:
    assert await slack.verify_url()
    receiver.verifier = SignatureVerifier("another secret")
    assert not await slack.verify_url()


async def test_event_is_signed_and_comes_once(slack: FakeSlack, receiver: Receiver) -> None:
    ts = slack.say(slack.general, "hello")
    await slack.settled()
    assert [each["event"]["ts"] for each in receiver.bodies] == [ts]
    assert receiver.retries == [(None, None)]


async def test_failures_are_tried_again_three_times(slack: FakeSlack, receiver: Receiver) -> None:
    slack.redeliver_seconds = 0.2
    receiver.answers = [500, 503, 404, 500]
    slack.say(slack.general, "hello")
    await slack.settled()
    assert receiver.retries == [(None, None), *[(str(number), "http_error") for number in (1, 2, 3)]]
    assert len({each["event_id"] for each in receiver.bodies}) == 1
    assert [each["event_id"] for each in slack.undelivered] == [receiver.bodies[0]["event_id"]]


async def test_late_answer_is_no_answer(slack: FakeSlack, receiver: Receiver) -> None:
    slack.redeliver_seconds = 0.2
    slack.patience_seconds = 0.1
    receiver.delay = 0.2
    slack.redeliveries = 1
    slack.say(slack.general, "hello")
    await slack.settled()
    assert receiver.retries == [(None, None), ("1", "http_timeout")]


async def test_nobody_there(slack: FakeSlack) -> None:
    slack.redeliver_seconds = 0.2
    slack.deliver_by, slack.events_url, slack.redeliveries = "http", "http://127.0.0.1:9/", 1
    slack.say(slack.general, "hello")
    await slack.settled()
    assert len(slack.undelivered) == 1


async def test_forged_and_stale_signatures(slack: FakeSlack, receiver: Receiver) -> None:
    body = json.dumps(slack.payload(slack.general, slack.say(slack.general, "x", deliver=False))).encode()
    assert receiver.verifier.is_valid_request(body, slack.sign(body))
    assert not receiver.verifier.is_valid_request(body + b" ", slack.sign(body))
    assert not receiver.verifier.is_valid_request(body, slack.sign(body, 1_700_000_000))


async def test_command_and_action_come_as_forms(slack: FakeSlack, receiver: Receiver) -> None:
    ts = slack.say(slack.general, "x", deliver=False)
    slack.slash("/ask", "what & why?")
    slack.shortcut("report", slack.general, ts)
    await slack.settled()
    by_type = {each.get("type", "command"): each for each in receiver.bodies}
    assert by_type["command"]["text"] == "what & why?"
    assert by_type["message_action"]["message"]["ts"] == ts


async def test_bolt_behind_aiohttp_answers_a_command(slack: FakeSlack, client: AsyncWebClient) -> None:
    app = AsyncApp(client=client, signing_secret=slack.signing_secret)

    @app.command("/ask")
    async def ask(ack: Any, command: dict[str, str]) -> None:
        await ack(f"you asked {command['text']}")

    async def serve(request: web.Request) -> web.Response:
        headers: dict[str, Any] = dict(request.headers)
        asked = AsyncBoltRequest(body=(await request.read()).decode(), headers=headers)
        answer = await app.async_dispatch(asked)
        return web.Response(
            status=answer.status,
            text=answer.body,
            content_type=answer.first_headers()["content-type"].split(";")[0],
        )

    slack.deliver_by = "http"
    async for address in site(serve):
        slack.events_url = address
        command = slack.slash("/ask", "this")
        assert (await command.answered())["text"] == "you asked this"
        assert await slack.verify_url()
    assert [each.text for each in slack.ephemerals(slack.general)] == ["you asked this"]
