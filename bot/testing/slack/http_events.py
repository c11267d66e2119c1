"""Signed HTTP delivery: events with Slack's retries, interactions without."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from bot.testing.slack.state import Json

if TYPE_CHECKING:
    from bot.testing.slack.delivery import Delivery
    from bot.testing.slack.interactions import Interaction


def signed(secret: str, body: bytes, timestamp: int | str | None = None) -> dict[str, str]:
    """The headers with which Slack proves that it wrote the body: HMAC-SHA256 of `v0:timestamp:body`."""
    moment = str(int(time.time()) if timestamp is None else timestamp)
    digest = hmac.new(secret.encode(), b"v0:" + moment.encode() + b":" + body, hashlib.sha256).hexdigest()
    form = "application/x-www-form-urlencoded"
    return {
        "Content-Type": "application/json" if body.startswith(b"{") else form,
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": f"v0={digest}",
    }


class HttpEvents:
    """Posts to the bot's address; what is not answered well within the patience is posted again."""

    def __init__(self, slack: Delivery) -> None:
        self._slack = slack
        self._session: aiohttp.ClientSession | None = None
        self._waiting: list[str] = []

    def waiting(self) -> list[str]:
        """The event ids not acknowledged yet."""
        return list(self._waiting)

    async def open(self) -> None:
        """Be ready to post."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))

    async def close(self) -> None:
        """Post no more."""
        if self._session is not None:
            await self._session.close()

    async def send(self, payload: Json) -> None:
        """Post an event until it is acknowledged, at most once and `redeliveries` times again."""
        self._waiting.append(payload["event_id"])
        try:
            if not await self._tried(payload):
                self._slack.undelivered.append(payload)
        finally:
            self._waiting.remove(payload["event_id"])

    async def interact(self, interaction: Interaction) -> None:
        """Post a command, an action or a view once; the answer is its acknowledgement."""
        payload = interaction.payload
        form = payload if interaction.kind == "slash_commands" else {"payload": json.dumps(payload)}
        status, answer = await self._post(urlencode(_as_text(form)).encode(), {})
        if status == 200:
            interaction.acknowledge(_parsed(answer))

    async def verify(self) -> bool:
        """Whether the bot answers Slack's question for the address's owner."""
        challenge = self._slack.identity("challenge")
        body = {"token": "fake-verification-token", "challenge": challenge, "type": "url_verification"}
        status, answer = await self._post(json.dumps(body).encode(), {})
        return status == 200 and challenge in answer.decode()

    async def _tried(self, payload: Json) -> bool:
        body = json.dumps(payload).encode()
        headers: dict[str, str] = {}
        for attempt in range(self._slack.redeliveries + 1):
            sent_at = self._slack.clock()
            status, _ = await self._post(body, headers)
            if 200 <= status < 300:
                self._slack.ack_seconds.append(self._slack.clock() - sent_at)
                return True
            reason = "http_timeout" if status == 0 else "http_error" if status > 0 else "connection_failed"
            headers = {"X-Slack-Retry-Num": str(attempt + 1), "X-Slack-Retry-Reason": reason}
            await asyncio.sleep(self._slack.redeliver_seconds)
        return False

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """The status and the answer; 0 for too late, -1 for no connection."""
        assert self._session is not None, "the fake is not serving"
        try:
            async with asyncio.timeout(self._slack.patience_seconds):
                async with self._session.post(
                    self._slack.events_url,
                    data=body,
                    headers=signed(self._slack.signing_secret, body) | headers,
                    allow_redirects=False,
                ) as response:
                    return response.status, await response.read()
        except TimeoutError:
            return 0, b""
        except aiohttp.ClientError:
            return -1, b""


def _as_text(form: Json) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in form.items()}


def _parsed(answer: bytes) -> Json | None:
    if not answer:
        return None
    try:
        parsed: Json = json.loads(answer)
    except ValueError:
        return {"text": answer.decode()}
    return parsed
