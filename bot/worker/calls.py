"""What is asked of the worker and not yet answered; what is sent again after the worker died.

Model calls are pure, so every call that was with a dead worker is simply sent again. One that met
two deaths is suspected: suspects are tried one at a time with nothing beside them, and the one that
meets a third death is the cause and fails, so that it cannot kill workers for ever. Suspected
recordings are tried last, and as they take long, what is not suspected is sent beside them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bot.errors import ParleyError, WorkerUnavailable
from bot.message import Priority, clean_text
from bot.models import NOBODY, Tenant, tenant

# What the role answers: rows, or the fields of a value.
Answer: TypeAlias = asyncio.Future[Any]

SUSPECT = 2
CONVICTED = 3

# A frame holds at most so much, so that packing one never keeps the event loop busy for long.
CHUNK_TEXTS = 64
CHUNK_CHARACTERS = 128 * 1024
# Far more than any model reads (256 tokens); the rest of a longer text is not even sent.
LONGEST_TEXT = 16 * 1024


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way: texts, or a recording as `body`. `deadline` is a moment of the loop's clock."""

    id: int
    role: str
    texts: list[str]
    body: bytes
    priority: Priority
    deadline: float
    answer: Answer
    choices: Mapping[str, Any] = field(default_factory=dict)
    on_behalf: Tenant = NOBODY
    deaths: int = 0

    def header(self, now: float) -> dict[str, Any]:
        """The header of its frame, at a moment of the loop's clock."""
        return {
            "kind": "ask",
            "id": self.id,
            "role": self.role,
            "priority": int(self.priority),
            "deadline": self.deadline - now,
            "texts": self.texts,
            "choices": self.choices,
            "skill": self.on_behalf.skill,
            "community": self.on_behalf.community,
        }


class Calls:
    """The calls of one client, in three groups: to send, sent, suspected."""

    def __init__(self) -> None:
        self.texts = 0
        self.bytes = 0
        self._ids = itertools.count()
        self._waiting: dict[int, Call] = {}
        self._sent: dict[int, Call] = {}
        self._suspects: dict[int, Call] = {}
        self._on_trial: Call | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._suspects)

    def add(
        self,
        role: str,
        texts: list[str],
        body: bytes = b"",
        *,
        priority: Priority,
        deadline: float,
        answer: Answer,
        choices: Mapping[str, Any] | None = None,
    ) -> Call:
        """A new call, waiting to be sent, on behalf of the current tenant."""
        call = Call(
            next(self._ids), role, texts, body, priority, deadline, answer, choices or {}, tenant.get()
        )
        self._waiting[call.id] = call
        self.texts += len(texts)
        self.bytes += len(body)
        return call

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
                self._on_trial = None if self._on_trial is call else self._on_trial
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
                what = "recording" if call.body else "text"
                self.fail(
                    call.id, WorkerUnavailable(f"The model worker died {call.deaths} times on this {what}.")
                )
            elif call.deaths >= SUSPECT:
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

    def fail_all(self, error: ParleyError, *, but: Collection[str] = ()) -> None:
        """Nothing will be answered any more, save by the roles of `but`."""
        for call in [*self._sent.values(), *self._waiting.values(), *self._suspects.values()]:
            if call.role not in but:
                self.fail(call.id, error)


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
