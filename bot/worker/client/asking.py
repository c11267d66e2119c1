"""Questions to the workers: cut to frames, answered or ended by their deadline, given up without a trace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from bot.errors import DeadlineExceeded
from bot.message import Priority
from bot.models import tenant
from bot.worker.client.calls import Call, chunked
from bot.worker.client.fleet import Fleet
from bot.worker.client.stream import Stream
from bot.worker.wire import values

Value = TypeVar("Value")

# A question about many texts has at most so many frames with each worker, so it never fills a queue alone.
WINDOW = 8

Make: TypeAlias = Callable[[Any, Sequence[str]], Value]


@dataclass(frozen=True, slots=True)
class Question(Generic[Value]):
    """What is asked of a role within `seconds`; `make` reads the value from an answer to some texts."""

    role: str
    make: Make[Value]
    priority: Priority
    seconds: float
    choices: Mapping[str, Any] = field(default_factory=dict)


class Asking:
    """Asks a fleet. Whatever a question has open when it ends is taken back."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def once(self, question: Question[Value], texts: list[str], body: bytes = b"") -> Value:
        """The value of one call."""
        moment = end_of(question)
        call = self._submit(question, texts, moment, body=body)
        with self._open(question, moment, [call]):
            return values.checked(question.make, await call.answer, texts)

    async def in_chunks(
        self, question: Question[Value], texts: Sequence[str], *, first: str | None = None
    ) -> list[Value]:
        """The values of each chunk of `texts`, in order; `first` is said before each chunk."""
        head = [] if first is None else next(chunked([first]))
        moment = end_of(question)
        waiting: deque[Call] = deque()
        made: list[Value] = []
        with self._open(question, moment, waiting):
            for chunk in chunked(texts):
                if len(waiting) == WINDOW * len(self._fleet.workers):
                    made.append(await _first(waiting, question.make))
                waiting.append(self._submit(question, head + chunk, moment))
                if len(chunk) < len(texts):
                    await asyncio.sleep(0)
            while waiting:
                made.append(await _first(waiting, question.make))
        return made

    async def pieces(
        self, question: Question[bool], texts: list[str], *, cut: str
    ) -> AsyncGenerator[str, None]:
        """An answer as it is written; `cut` at the end of one that the value calls cut short."""
        stream, moment = Stream(), end_of(question)
        call = self._submit(question, texts, moment, stream=stream)
        call.answer.add_done_callback(lambda _: stream.wake())
        with self._open(question, moment, [call]):
            while (piece := stream.take()) or not call.answer.done():
                if piece:
                    yield piece
                else:
                    await stream.wait()
            if values.checked(question.make, call.answer.result(), texts):
                yield cut

    @contextmanager
    def _open(self, question: Question[Any], moment: float, calls: Collection[Call]) -> Iterator[None]:
        """Calls that end with their question, or fail at its moment. Not one is left behind."""
        timer = asyncio.get_running_loop().call_at(moment, self._expire, calls, question.seconds)
        try:
            yield
        finally:
            timer.cancel()
            for call in calls:
                self._fleet.abandon(call)

    def _expire(self, calls: Collection[Call], seconds: float) -> None:
        for call in calls:
            self._fleet.fail(call, late(seconds))

    def _submit(
        self,
        question: Question[Any],
        texts: list[str],
        moment: float,
        *,
        body: bytes = b"",
        stream: Stream | None = None,
    ) -> Call:
        loop = asyncio.get_running_loop()
        if loop.time() >= moment:
            raise late(question.seconds)
        call = Call(
            question.role,
            texts,
            body,
            question.priority,
            moment,
            loop.create_future(),
            question.choices,
            tenant.get(),
            stream,
        )
        self._fleet.submit(call)
        return call


async def _first(waiting: deque[Call], make: Make[Value]) -> Value:
    """The value of the first call, which is then gone."""
    call = waiting[0]
    answer = await call.answer
    waiting.popleft()
    return values.checked(make, answer, call.texts)


def joined(chunks: Sequence[list[Value]]) -> list[Value]:
    """The values of all chunks, in order."""
    return chunks[0] if len(chunks) == 1 else [value for chunk in chunks for value in chunk]


def end_of(question: Question[Any]) -> float:
    """The moment of the loop's clock at which a question asked now is over."""
    return asyncio.get_running_loop().time() + question.seconds


def late(seconds: float) -> DeadlineExceeded:
    """Why a question failed that had so long."""
    return DeadlineExceeded(f"The models did not answer within {seconds:g} seconds.")
