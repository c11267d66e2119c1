"""One Socket Mode connection, from hello to goodbye. It never replaces itself: that is its keeper's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import aiohttp

log = logging.getLogger(__name__)

Envelope: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Callable[[Envelope], Awaitable[dict[str, Any] | None]]
"""Takes an envelope and returns what acknowledges it; None when it must come again."""

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MOST_BYTES = 16 * 2**20


class LinkRefused(Exception):
    """Slack opened no connection, and said why in one word."""


class Link:
    """Open it with `opened`, then `run` it. `leaving` is set when it should be replaced.

    Its health is what comes back to its pings: a link on which nothing is said is a good link.
    """

    def __init__(self, line: aiohttp.ClientWebSocketResponse, answer: Answer, ping_seconds: float) -> None:
        self.leaving = asyncio.Event()
        self.reason = ""
        self._line = line
        self._answer = answer
        self._ping_seconds = ping_seconds
        self._heard_at = time.monotonic()
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    async def opened(
        cls, session: aiohttp.ClientSession, address: str, answer: Answer, ping_seconds: float
    ) -> Link:
        """Connect and wait for Slack's hello. Raises LinkRefused, TimeoutError or an aiohttp error."""
        async with asyncio.timeout(OPEN_SECONDS):
            line = await session.ws_connect(
                address,
                autoping=False,
                max_msg_size=MOST_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
            )
            try:
                first = await line.receive()
                frame = _parsed(first.data) if first.type is aiohttp.WSMsgType.TEXT else {}
                if frame.get("type") != "hello":
                    raise LinkRefused(str(frame.get("reason") or "no hello"))
            except BaseException:
                await line.close()
                raise
        return cls(line, answer, ping_seconds)

    @property
    def is_well(self) -> bool:
        """Whether something came lately, pongs included, and nobody asked it to leave."""
        return not self.leaving.is_set() and self._silent_for() < 2.5 * self._ping_seconds

    async def run(self) -> None:
        """Carry envelopes until the connection ends; then what was being answered is answered still."""
        pinging = asyncio.create_task(self._ping())
        try:
            await self._listen()
        finally:
            pinging.cancel()
            self.leave("closed")
            await asyncio.gather(*self._answering, return_exceptions=True)
            await self._line.close()

    def leave(self, reason: str) -> None:
        """Ask for its replacement."""
        self.reason = self.reason or reason
        self.leaving.set()

    async def close(self) -> None:
        """End it once what it brought is acknowledged."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._answering:
                    await asyncio.wait(self._answering)
        await self._line.close()

    async def _listen(self) -> None:
        async for frame in self._line:
            self._heard_at = time.monotonic()
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take(_parsed(frame.data))
            elif frame.type is aiohttp.WSMsgType.PING:
                await self._line.pong(frame.data)

    def _take(self, frame: Envelope) -> None:
        if frame.get("type") == "disconnect":
            self.leave(str(frame.get("reason") or "disconnect"))
        elif "envelope_id" in frame:
            answering = asyncio.create_task(self._acknowledge(frame))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

    async def _acknowledge(self, envelope: Envelope) -> None:
        try:
            answer = await self._answer(envelope)
            if answer is not None:
                await self._line.send_json({"envelope_id": envelope["envelope_id"], **answer})
        except (ConnectionError, aiohttp.ClientError) as error:
            log.info("an acknowledgement was not sent, so Slack sends again: %s", type(error).__name__)
        except Exception:  # the wall around one envelope: it comes again
            log.exception("an envelope was not answered")

    async def _ping(self) -> None:
        """Ask whether the other side is there; its silence alone ends the link."""
        while not self._line.closed:
            with suppress(ConnectionError, aiohttp.ClientError):
                await self._line.ping()
            await asyncio.sleep(self._ping_seconds)
            if self._silent_for() > 2.5 * self._ping_seconds:
                log.warning(
                    "a Slack connection answers no ping for %.0f s and is replaced", self._silent_for()
                )
                self.leave("no answer to pings")
                return

    def _silent_for(self) -> float:
        return time.monotonic() - self._heard_at


def _parsed(text: str) -> Envelope:
    try:
        frame = json.loads(text)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}
