"""What is asked of a worker and not yet answered; what is asked again after the worker died.

Model calls are pure, so every call that was with a dead worker is simply asked again. One that met
two deaths is suspected: suspects are tried one at a time with nothing beside them, and the one that
meets a third death is the cause and fails, so that it cannot kill workers for ever. Suspected
recordings are tried last, and as they take long, what is not suspected is sent beside them.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bot.errors import ParleyError, WorkerUnavailable
from bot.message import Priority
from bot.models import NOBODY, Tenant
from bot.worker.client.stream import Stream

# What the role answers: rows, or the fields of a value.
Answer: TypeAlias = asyncio.Future[Any]

SUSPECT = 2
CONVICTED = 3

# A frame holds at most so much, so that packing one never keeps the event loop busy for long.
CHUNK_TEXTS = 64
CHUNK_CHARACTERS = 128 * 1024
# Far more than the models of most roles read; the rest of a longer text is not even sent.
LONGEST_TEXT = 16 * 1024

CHARACTERS_PER_TOKEN = 4
# A recording is compressed to about so many bytes for each token that hearing it is worth.
BYTES_PER_TOKEN = 256

UNSENDABLE = re.compile("[\\x00\ud800-\udfff]")

_numbers = itertools.count()


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way: texts, or a recording as `body`. `deadline` is a moment of the loop's clock.

    `stream` takes the pieces of an answer that is written piece by piece.
    """

    role: str
    texts: list[str]
    body: bytes
    priority: Priority
    deadline: float
    answer: Answer
    choices: Mapping[str, Any] = field(default_factory=dict)
    on_behalf: Tenant = NOBODY
    stream: Stream | None = None
    deaths: int = 0
    id: int = field(default_factory=_numbers.__next__)
    tokens: int = field(init=False)
    """About how many tokens it costs."""

    def __post_init__(self) -> None:
        characters = sum(map(len, self.texts))
        self.tokens = 1 + characters // CHARACTERS_PER_TOKEN + len(self.body) // BYTES_PER_TOKEN

    @property
    def is_suspect(self) -> bool:
        """Whether so many workers died with it that it may be the cause."""
        return self.deaths >= SUSPECT

    def ask(self, now: float) -> dict[str, Any]:
        """What its frame says of it at a moment of the loop's clock; what is left out is empty."""
        fields: dict[str, Any] = {
            "id": self.id,
            "role": self.role,
            "priority": int(self.priority),
            "deadline": round(self.deadline - now, 3),
            "texts": self.texts,
        }
        if self.choices:
            fields["choices"] = self.choices
        if self.on_behalf is not NOBODY:
            fields |= {"skill": self.on_behalf.skill, "community": self.on_behalf.community}
        return fields


class Calls:
    """The calls of one worker, in three groups: to send, sent, suspected."""

    def __init__(self) -> None:
        self.texts = 0
        self.bytes = 0
        self.tokens = 0
        self._waiting: dict[int, Call] = {}
        self._sent: dict[int, Call] = {}
        self._suspects: dict[int, Call] = {}
        self._on_trial: Call | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._suspects)

    def add(self, call: Call) -> None:
        """Keep a call until it can be sent."""
        group = self._suspects if call.is_suspect else self._waiting
        group[call.id] = call
        self.texts += len(call.texts)
        self.bytes += len(call.body)
        self.tokens += call.tokens

    def take(self) -> list[Call]:
        """The calls to send now; they count as sent."""
        taken: list[Call] = []
        if self._suspects and not self._on_trial:
            if self._sent:
                return []
            self._on_trial = min(self._suspects.values(), key=lambda call: (len(call.body) > 0, call.id))
            taken.append(self._suspects.pop(self._on_trial.id))
        if self._on_trial is None or self._on_trial.body:
            taken += self._waiting.values()
            self._waiting.clear()
        self._sent.update((call.id, call) for call in taken)
        return taken

    def remove(self, number: int) -> Call | None:
        """Forget a call; None when it is already gone."""
        for group in (self._sent, self._waiting, self._suspects):
            call = group.pop(number, None)
            if call:
                self.texts -= len(call.texts)
                self.bytes -= len(call.body)
                self.tokens -= call.tokens
                self._on_trial = None if self._on_trial is call else self._on_trial
                return call
        return None

    def withdraw(self, unwanted: Callable[[Call], bool]) -> list[Call]:
        """Take out what is not sent and is `unwanted` here, oldest first."""
        found = [each for each in (*self._waiting.values(), *self._suspects.values()) if unwanted(each)]
        for call in found:
            self.remove(call.id)
        return found

    def sent(self, number: int) -> Call | None:
        """The call of that number, if the worker has it."""
        return self._sent.get(number)

    def survive(self, *, blame: bool = True) -> None:
        """The worker is gone: what it had is to be sent again, but for what has met too many deaths.

        Without `blame` it left on purpose, and nothing that it had is suspected.
        """
        again: dict[int, Call] = {}
        for call in list(self._sent.values()):
            call.deaths += blame
            if call.stream:
                call.stream.restart()
            if call.deaths >= CONVICTED:
                self.fail(call.id, convicted(call))
            elif call.is_suspect:
                self._suspects[call.id] = call
            else:
                again[call.id] = call
        self._sent.clear()
        self._on_trial = None
        self._waiting = again | self._waiting

    def answer(self, number: int, result: Any) -> None:
        """The call has what it asked for."""
        call = self.remove(number)
        if call and not call.answer.done():
            call.answer.set_result(result)

    def fail(self, number: int, error: ParleyError) -> None:
        """The call has failed."""
        call = self.remove(number)
        if call and not call.answer.done():
            call.answer.set_exception(error)


def convicted(call: Call) -> WorkerUnavailable:
    """Why a call fails that met too many deaths."""
    what = "recording" if call.body else "text"
    return WorkerUnavailable(f"The model worker died {call.deaths} times on this {what}.")


def sendable(text: str) -> str:
    """The text with U+FFFD for what cannot be sent, of the same length, so that places in it stay true."""
    return text.replace("\x00", "\ufffd") if text.isascii() else UNSENDABLE.sub("\ufffd", text)


def chunked(texts: Sequence[str], *, longest: int = LONGEST_TEXT) -> Iterator[list[str]]:
    """The texts, cleaned and cut, in lists small enough for a frame."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        cut = sendable(text[:longest])
        if chunk and (len(chunk) == CHUNK_TEXTS or characters + len(cut) > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(cut)
        characters += len(cut)
    if chunk:
        yield chunk
