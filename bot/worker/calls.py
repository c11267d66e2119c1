"""What is asked of the worker and not yet answered; what is sent again after the worker died.

Model calls are pure, so every call that was with a dead worker is simply sent again. One that met
two deaths is suspected: suspects are tried one at a time with nothing beside them, and the one that
meets a third death is the cause and fails, so that it cannot kill workers for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import ModelError, WorkerUnavailable
from bot.message import Priority, clean_text

if TYPE_CHECKING:
    from bot.models import Vectors

SUSPECT = 2
CONVICTED = 3

# A frame holds at most so much, so that packing one never keeps the event loop busy for long.
CHUNK_TEXTS = 64
CHUNK_CHARACTERS = 128 * 1024
# Far more than any model reads (256 tokens); the rest of a longer text is not even sent.
LONGEST_TEXT = 16 * 1024


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way. `deadline` is a moment of the event loop's clock."""

    id: int
    role: str
    texts: list[str]
    priority: Priority
    deadline: float
    answer: asyncio.Future[Vectors]
    deaths: int = 0


class Calls:
    """The calls of one client, in three groups: to send, sent, suspected."""

    def __init__(self) -> None:
        self.texts = 0
        self._ids = itertools.count()
        self._waiting: dict[int, Call] = {}
        self._sent: dict[int, Call] = {}
        self._suspects: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._suspects)

    def add(
        self,
        role: str,
        texts: list[str],
        priority: Priority,
        deadline: float,
        answer: asyncio.Future[Vectors],
    ) -> Call:
        """A new call, waiting to be sent."""
        call = Call(next(self._ids), role, texts, priority, deadline, answer)
        self._waiting[call.id] = call
        self.texts += len(texts)
        return call

    def take(self) -> list[Call]:
        """The calls to send now; they count as sent."""
        if self._suspects:
            if self._sent:
                return []
            number = next(iter(self._suspects))
            taken = [self._suspects.pop(number)]
        else:
            taken = list(self._waiting.values())
            self._waiting.clear()
        self._sent.update((call.id, call) for call in taken)
        return taken

    def remove(self, number: int) -> Call | None:
        """Forget a call; None when it is already gone."""
        for group in (self._sent, self._waiting, self._suspects):
            call = group.pop(number, None)
            if call:
                self.texts -= len(call.texts)
                return call
        return None

    def is_sent(self, number: int) -> bool:
        """Whether the worker has the call."""
        return number in self._sent

    def survive(self) -> None:
        """The worker died: what it had is to be sent again, but for what has met too many deaths."""
        again: dict[int, Call] = {}
        for call in list(self._sent.values()):
            call.deaths += 1
            if call.deaths >= CONVICTED:
                self.fail(
                    call.id, WorkerUnavailable(f"The model worker died {call.deaths} times on this text.")
                )
            elif call.deaths >= SUSPECT:
                self._suspects[call.id] = call
            else:
                again[call.id] = call
        self._sent.clear()
        self._waiting = again | self._waiting

    def answer(self, number: int, rows: Vectors) -> None:
        """The call has its rows."""
        call = self.remove(number)
        if call and not call.answer.done():
            call.answer.set_result(rows)

    def fail(self, number: int, error: ModelError) -> None:
        """The call has failed."""
        call = self.remove(number)
        if call and not call.answer.done():
            call.answer.set_exception(error)

    def fail_all(self, error: ModelError) -> None:
        """Nothing will be answered."""
        for number in [*self._sent, *self._waiting, *self._suspects]:
            self.fail(number, error)


def chunked(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts, cleaned and cut, in lists small enough for a frame."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        cut = clean_text(text[:LONGEST_TEXT])
        if chunk and (len(chunk) == CHUNK_TEXTS or characters + len(cut) > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(cut)
        characters += len(cut)
    if chunk:
        yield chunk
