"""One request at a server: let through by the gate, tried again while that helps, ended in time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp

from bot.endpoint.failures import broken_off, pause, refusal, unreachable
from bot.endpoint.gate import Gate
from bot.endpoint.options import EndpointOptions
from bot.endpoint.stream import NONSENSE, Answer, events, parse, take
from bot.errors import DeadlineExceeded, ModelError, Uncomputable
from bot.message import Priority

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
LARGEST_BODY = 16 * 2**20

Form = Callable[[], aiohttp.FormData]


def open_session(options: EndpointOptions) -> aiohttp.ClientSession:
    """What sends the requests, with the key."""
    headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    return aiohttp.ClientSession(headers=headers, timeout=timeout)


class Requests:
    """Requests at one server. One that fails before its first words is tried again, twice at most."""

    def __init__(self, options: EndpointOptions, gate: Gate, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._gate = gate
        self._session = session

    async def listed(self) -> dict[str, Any] | None:
        """The models the server has; None when it does not say."""
        wait = Wait(self._options.seconds)
        async with self._asked("GET", "models", wait) as response:
            if response.status in (404, 405, 501):
                return None
            if response.status != 200:
                raise refusal(response.status, response.headers, self._options)
            return parse(await _whole(response, wait))

    async def stream(
        self, answer: Answer, body: Mapping[str, Any], priority: Priority, wait: Wait
    ) -> AsyncGenerator[str, None]:
        """The pieces of an answer, as soon as the gate lets it through."""
        async with wait.limited():
            await self._gate.enter(priority)
        try:
            async with aclosing(self._attempts(answer, body, wait)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._gate.leave()
        if not answer.text.strip():
            raise Uncomputable("The model gave an empty answer.")

    async def whole(
        self,
        path: str,
        priority: Priority,
        wait: Wait,
        *,
        body: Mapping[str, Any] | None = None,
        form: Form | None = None,
    ) -> dict[str, Any]:
        """The JSON object that answers a body or a form, which is made anew for each try."""
        async with wait.limited():
            await self._gate.enter(priority)
        try:
            for tried in itertools.count(1):
                try:
                    return await self._once(path, wait, body, form() if form else None)
                except ModelError as error:
                    await self._rest(error, tried, wait)
        finally:
            self._gate.leave()
        raise AssertionError

    async def _once(
        self, path: str, wait: Wait, body: Mapping[str, Any] | None, form: aiohttp.FormData | None
    ) -> dict[str, Any]:
        async with self._asked("POST", path, wait, body=body, form=form) as response:
            if response.status != 200:
                raise refusal(response.status, response.headers, self._options)
            return parse(await _whole(response, wait))

    async def _rest(self, error: ModelError, tried: int, wait: Wait) -> None:
        """Wait before the next try. Raises the error when another would not help or come in time."""
        seconds = pause(error, tried)
        if seconds is None or seconds > wait.left():
            raise error
        log.info("the model's server is asked again: %s", type(error).__name__)
        await asyncio.sleep(seconds)

    async def _attempts(
        self, answer: Answer, body: Mapping[str, Any], wait: Wait
    ) -> AsyncGenerator[str, None]:
        """Tries again while there is no answer and there is time."""
        for tried in itertools.count(1):
            try:
                async with aclosing(self._attempt(answer, body, wait)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelError as error:
                if answer.text:
                    raise
                await self._rest(error, tried, wait)
                answer.restart()
            else:
                return

    async def _attempt(
        self, answer: Answer, body: Mapping[str, Any], wait: Wait
    ) -> AsyncGenerator[str, None]:
        async with self._asked("POST", "chat/completions", wait, body=body) as response:
            if response.status != 200:
                raise refusal(response.status, response.headers, self._options)
            if response.content_type == "application/json":
                yield take(answer, parse(await _whole(response, wait)))
                return
            async with aclosing(events(_chunks(response, wait))) as found:
                async for event in found:
                    if piece := take(answer, event):
                        yield piece
                    if answer.ending:
                        return

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        wait: Wait,
        *,
        body: Mapping[str, Any] | None = None,
        form: aiohttp.FormData | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of a response. The request is closed when this is left, however it is left."""
        address = self._options.address(path)
        try:
            async with wait.limited():
                response = await self._session.request(
                    method, address, json=body, data=form, allow_redirects=False
                )
        except (aiohttp.ClientError, OSError):
            raise unreachable(self._options) from None
        try:
            yield response
        except (aiohttp.ClientError, OSError):
            raise broken_off(self._options) from None
        finally:
            response.close()


class Wait:
    """How long a request may take in all, from now."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds

    def left(self) -> float:
        """Seconds until its end."""
        return self._end - self._loop.time()

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """Ends what is inside in time; raises DeadlineExceeded.

        For one wait, never around the yield of a generator: its reader would be interrupted.
        """
        timer = asyncio.timeout_at(self._end)
        try:
            async with timer:
                yield
        except TimeoutError:
            if not timer.expired():
                raise
            raise DeadlineExceeded(f"The model did not answer within {self._seconds:g} seconds.") from None


async def _chunks(response: aiohttp.ClientResponse, wait: Wait) -> AsyncIterator[bytes]:
    while True:
        async with wait.limited():
            chunk = await response.content.readany()
        if not chunk:
            return
        yield chunk


async def _whole(response: aiohttp.ClientResponse, wait: Wait) -> bytes:
    """A body that is no stream. Raises Uncomputable when it is larger than any answer."""
    body = b""
    async for chunk in _chunks(response, wait):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Uncomputable(NONSENSE)
    return body
