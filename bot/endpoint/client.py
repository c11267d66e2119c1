"""How the bot asks a server that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp

from bot.endpoint.failures import broken_off, pause, refusal, unreachable
from bot.endpoint.gate import Gate
from bot.endpoint.options import EndpointOptions
from bot.endpoint.stream import LONGEST_LINE, NONSENSE, Answer, events, parse, take
from bot.endpoint.translating import bare, translation_turns
from bot.errors import DeadlineExceeded, ModelError, Uncomputable
from bot.message import Priority
from bot.models import NoModels, Speaker, Turn

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
CUT = " …"
ROLES = {Speaker.SYSTEM: "system", Speaker.PERSON: "user", Speaker.BOT: "assistant"}


class Endpoint(NoModels):
    """`async with Endpoint(options) as endpoint`: chat and translation by one model of one server.

    Nothing is contacted before it is asked. A request that fails before its first words is tried again,
    twice at most; after them it is not, so that nobody reads anything twice.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._gate = Gate(options.concurrency)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._options.key}"} if self._options.key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def status(self) -> str:
        """The model and where it is."""
        return f"Chat goes to {self._options.model} at {self._options.url}."

    def roles(self) -> frozenset[str]:
        """What it is chosen for."""
        return self._options.roles

    def origin(self, role: str) -> str:
        """The model's name at the endpoint."""
        return self._options.model if role in self.roles() else ""

    async def models(self) -> list[str] | None:
        """The names of the models the server has; None when it does not say. Raises ModelError."""
        wait = Wait(self._options.seconds)
        async with self._asked("GET", "models", None, wait) as response:
            if response.status in (404, 405, 501):
                return None
            if response.status != 200:
                raise refusal(response.status, response.headers, self._options)
            listed = parse(await _whole(response, wait)).get("data")
        if not isinstance(listed, list):
            raise Uncomputable(NONSENSE)
        return [str(each["id"]) for each in listed if isinstance(each, dict) and "id" in each]

    async def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """The model's next turn as it is written."""
        most = min(most_tokens or self._options.max_tokens, self._options.max_tokens)
        answer, wait = Answer(), self._wait(deadline)
        async with aclosing(self._ask(answer, turns, most, priority, wait)) as pieces:
            async for piece in pieces:
                yield piece
        if answer.is_cut:
            yield CUT

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text by a request of its own, as many at once as may be."""
        wait = self._wait(deadline)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._translated(text, source, target, priority, wait))
                    for text in texts
                ]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        found = [each.result() for each in asked]
        failed = [each for each in found if isinstance(each, Uncomputable)]
        if failed and len(failed) == len(found):
            raise failed[0]
        return [each if isinstance(each, str) else "" for each in found]

    async def _translated(
        self, text: str, source: str, target: str, priority: Priority, wait: Wait
    ) -> str | Uncomputable:
        """The translation; empty when it was cut short, the failure when it fails alone."""
        answer = Answer()
        turns, most = translation_turns(text, source=source, target=target), self._options.max_tokens
        try:
            async with aclosing(self._ask(answer, turns, most, priority, wait)) as pieces:
                async for _ in pieces:
                    pass
        except Uncomputable as error:
            return error
        return "" if answer.is_cut else bare(answer.text)

    def _wait(self, deadline: float | None) -> Wait:
        return Wait(self._options.seconds if deadline is None else deadline)

    async def _ask(
        self, answer: Answer, turns: Sequence[Turn], most_tokens: int, priority: Priority, wait: Wait
    ) -> AsyncGenerator[str, None]:
        """The pieces of an answer, as soon as the gate lets it through."""
        body = {
            "model": self._options.model,
            "messages": _merged(turns),
            "max_tokens": most_tokens,
            "stream": True,
        }
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

    async def _attempts(self, answer: Answer, body: dict[str, Any], wait: Wait) -> AsyncGenerator[str, None]:
        """Tries again while there is no answer and there is time."""
        for tried in itertools.count(1):
            try:
                async with aclosing(self._attempt(answer, body, wait)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelError as error:
                seconds = pause(error, tried)
                if seconds is None or answer.text or seconds > wait.left():
                    raise
                log.info("the model's server is asked again: %s", type(error).__name__)
                await asyncio.sleep(seconds)
                answer.restart()
            else:
                return

    async def _attempt(self, answer: Answer, body: dict[str, Any], wait: Wait) -> AsyncGenerator[str, None]:
        async with self._asked("POST", "chat/completions", body, wait) as response:
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
        self, method: str, path: str, body: dict[str, Any] | None, wait: Wait
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of a response. The request is closed when this is left, however it is left."""
        address = self._options.address(path)
        try:
            async with wait.limited():
                response = await self._session.request(method, address, json=body, allow_redirects=False)
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
        if len(body) > LONGEST_LINE:
            raise Uncomputable(NONSENSE)
    return body


def _merged(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """The turns as the protocol has them. Neighbours of one role become one: many models want it so."""
    messages: list[dict[str, str]] = []
    for turn in turns:
        role = ROLES[turn.role]
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n\n{turn.text}"
        else:
            messages.append({"role": role, "content": turn.text})
    return messages
