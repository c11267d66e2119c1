"""Slack's events, commands and presses over HTTP, at one address: POST /slack/events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bot.connectors.slack.app import UNAVAILABLE, dispatch
from bot.connectors.slack.committing import UNREADABLE
from bot.connectors.slack.signatures import SKEW_SECONDS, Remembered, Verdict, verdict
from bot.errors import BadSettings

log = logging.getLogger(__name__)

PATH = "/slack/events"
MOST_BYTES = 1024 * 1024
READ_SECONDS = 10.0
COMPLAINT_SECONDS = 60.0
OK, UNAUTHORIZED, TOO_LARGE = 200, 401, 413


class Receiver:
    """Answers 200, 401 or 413, and 503 only when the inbox cannot be written: then Slack sends again.

    What Slack did not sign is not parsed. The same signed request has an effect once, however often and
    from however many sides it comes. (What is not even HTTP the server beneath answers with 400.)
    """

    def __init__(self, app: AsyncApp, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._secret = secret
        self._clock = clock
        self._answers: Remembered[asyncio.Future[web.Response | None]] = Remembered()
        self._complained_at = 0.0

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve until left; the port in use. Raises BadSettings when it cannot be listened on."""
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_route("*", "/{anything:.*}", self.answer, expect_handler=_no_expectations)
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=2.0,
            auto_decompress=False,  # signatures are of what was sent
        )
        await runner.setup()
        try:
            await _listen(runner, host, port)
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.method != "POST" or request.path != PATH:
            return web.Response(status=UNAUTHORIZED)
        body = await _body(request)
        if body is None:
            return web.Response(status=TOO_LARGE)
        signature = _header(request, "X-Slack-Signature")
        timestamp = _header(request, "X-Slack-Request-Timestamp")
        found = verdict(self._secret, body, timestamp, signature, self._clock())
        if found is Verdict.LATE:
            self._complain(timestamp)
        if found is not Verdict.GOOD:
            return web.Response(status=UNAUTHORIZED)
        return await self._once(signature, body, request)

    async def _once(self, signature: str, body: bytes, request: web.Request) -> web.Response:
        """The answer to a signed request; its copies wait for the first and are answered like it."""
        while (before := self._answers.get(signature)) is not None:
            if (answer := await asyncio.shield(before)) is not None:
                return _copy(answer)
        outcome: asyncio.Future[web.Response | None] = asyncio.get_running_loop().create_future()
        self._answers.keep(signature, outcome)
        answer = None
        try:
            answer = await self._dispatched(body, request)
        finally:
            stored = answer is not None and answer.status == OK
            if not stored:
                self._answers.drop(signature)
            outcome.set_result(answer if stored else None)
        return _copy(answer)

    async def _dispatched(self, body: bytes, request: web.Request) -> web.Response:
        kind = request.headers.get("Content-Type", "")
        try:
            text = body.decode()
            response = await dispatch(self._app, text, mode="http", headers={"Content-Type": kind})
        except UNREADABLE as error:
            log.warning("a signed request cannot be read and is left out: %s", type(error).__name__)
            return web.Response(status=OK)
        return _web_response(response)

    def _complain(self, timestamp: str) -> None:
        """Say, at most once a minute, that the clock is wrong: Slack's own requests are refused for it."""
        moment = time.monotonic()
        if moment - self._complained_at < COMPLAINT_SECONDS and self._complained_at:
            return
        self._complained_at = moment
        away = self._clock() - int(timestamp)
        log.warning(
            "a request that Slack signed is %.0f s from this machine's clock, more than %d s: check NTP",
            away,
            SKEW_SECONDS,
        )


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadSettings(
            f"slack.host and slack.port: {host}:{port} cannot be listened on ({why}). Set others."
        ) from None


async def _no_expectations(request: web.Request) -> None:
    """Ask for the body of who waits to be asked; other wishes are passed over."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _body(request: web.Request) -> bytes | None:
    """The body, empty when it cannot be read; None when it is too large."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return None
    except (TimeoutError, OSError, web.HTTPException, web.RequestPayloadError):
        return b""


def _header(request: web.Request, name: str) -> str:
    """A header that is there once; empty otherwise."""
    values = request.headers.getall(name, [])
    return values[0] if len(values) == 1 else ""


def _web_response(response: BoltResponse) -> web.Response:
    status = OK if response.status == OK else UNAVAILABLE
    kind = str((response.headers.get("content-type") or ["text/plain"])[0]).partition(";")[0]
    return web.Response(status=status, text=response.body or "", content_type=kind)


def _copy(answer: web.Response) -> web.Response:
    """An answer is sent once; its copies say the same."""
    return web.Response(status=answer.status, text=answer.text or "", content_type=answer.content_type)
