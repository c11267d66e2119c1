"""The role that goes on with conversations: many at once, and each is told as it is written."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from bot.errors import BadInput, BadModel, DeadlineExceeded, Overloaded, ParleyError, Uncomputable
from bot.message import Priority
from bot.worker.server.apart import reading_error
from bot.worker.server.batching import AGEING_SECONDS
from bot.worker.server.desk import Desk
from bot.worker.server.device import Unit, Work
from bot.worker.server.meters import Meter
from bot.worker.server.role import LATE, Ask, Outcome, Role
from bot.worker.server.room import Room
from bot.worker.server.shelf import Model, Owner, State
from bot.worker.server.tokenizing import Reader

MOST_TOKENS = 512
CHARACTERS_PER_TOKEN = 3


@dataclass(slots=True, eq=False)
class Chat:
    """A conversation to go on with: what it holds of the queue's room, and its prompt once that is known."""

    ask: Ask
    tokens: int
    since: float
    prompt: list[int] | None = None
    is_written: bool = False


class Generation(Role, Work, Reader, Owner):
    """Conversations of one role. One text per turn; `choices` has a speaker for each."""

    def __init__(self, role: str, desk: Desk) -> None:
        self.model = Model(role, desk.options, self)
        self._desk = desk
        self._lock = desk.device.lock
        self._room = Room(desk.options)
        self._meter = Meter()
        self._open: dict[int, Chat] = {}
        self._waiting: list[tuple[Priority, int]] = []
        self._written: dict[int, Chat] = {}
        self._has_cancelled = False
        self._stepped = time.monotonic()
        desk.shelf.add(self.model)
        desk.device.add(self)

    # Called by the server, on the event loop.

    def expected(self, ask: Ask) -> int:
        """Its answer comes as a whole, after its pieces. Raises BadInput for turns that cannot be read."""
        speakers = ask.choices.get("speakers")
        if not ask.texts or not isinstance(speakers, list) or len(speakers) != len(ask.texts):
            raise BadInput("A conversation needs at least one turn, and a speaker for each.")
        return 0

    def pack(self, results: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
        """Never asked: an answer comes as a whole."""
        return {"values": {}}, b""

    def ask(self, number: int, ask: Ask) -> None:
        """Take a conversation. Raises BadInput, BadModel, Overloaded."""
        with self._lock:
            self.model.check()
            self._admit(number, ask)
            is_here = self.model.state is State.LOADED
        if is_here:
            self._desk.tokenizing.add(self, [(ask.priority, number)])
        else:
            self._desk.shelf.want(self.model)

    def _admit(self, number: int, ask: Ask) -> None:
        self.expected(ask)
        tokens = most_tokens(ask) + sum(len(text) // CHARACTERS_PER_TOKEN + 1 for text in ask.texts)
        try:
            self._room.take(
                1, tokens, priority=ask.priority, tenant=ask.on_behalf, retry_after=self.backlog_seconds
            )
        except Overloaded:
            self._meter.refused += 1
            raise
        self.model.used = time.monotonic()
        self._open[number] = Chat(ask, tokens, self.model.used)

    def cancel(self, number: int) -> None:
        """Stop writing with the next step."""
        with self._lock:
            self._close(number)
            self._lock.notify()

    def tick(self) -> None:
        """Refuse what is past its deadline, even if its turn has not come."""
        now = time.monotonic()
        with self._lock:
            late = [number for number, chat in self._open.items() if chat.ask.deadline <= now]
            outcomes = self._fail(late, DeadlineExceeded(LATE))
        if outcomes:
            self._desk.deliver(outcomes)

    def backlog_seconds(self) -> float:
        """How long what is open will take at the speed of the last steps."""
        return self._meter.seconds_for(self._room.tokens)

    def health(self) -> dict[str, Any]:
        """Counts of conversations and tokens, seconds, and where the model is."""
        stalled = self._desk.device.stalled_seconds() if self.is_computing() else 0.0
        waiting = [chat for chat in self._open.values() if not chat.is_written]
        return {
            **self.model.health(),
            **self._meter.health(),
            "queued": len(waiting),
            "queued_tokens": self._room.tokens,
            "queued_by": {
                each.name.lower(): sum(chat.ask.priority is each for chat in waiting) for each in Priority
            },
            "active": len(self._written),
            "backlog_seconds": round(self.backlog_seconds(), 3),
            "stalled_seconds": round(stalled, 3),
        }

    # The model comes and goes: called by the shelf, with the lock held.

    def arrive(self, engine: Any) -> None:
        """Write with this decoder what was asked meanwhile."""
        self._has_cancelled = False
        self._desk.tokenizing.add(self, [(chat.ask.priority, number) for number, chat in self._open.items()])

    def lack(self, error: BadModel) -> None:
        """Refuse what was asked meanwhile."""
        self._desk.deliver(self._fail(list(self._open), error))

    def is_idle(self) -> bool:
        """Whether every conversation is answered."""
        return not self._open and not self.is_computing()

    def is_computing(self) -> bool:
        """Whether a step is being computed."""
        return self._desk.device.is_computing(self)

    def may_pause(self) -> bool:
        """Not while an answer is being written."""
        return not self._written

    # Called on the tokenising thread.

    def read(self, numbers: Sequence[int]) -> None:
        """Find the prompts of conversations, and queue them; one that cannot be read is refused."""
        with self._lock:
            decoder = self.model.engine
            chats = {number: self._open[number] for number in numbers if number in self._open}
        if decoder is None:
            self._desk.shelf.want(self.model)
            return
        prompts = {number: prompt_of(decoder, chat.ask) for number, chat in chats.items() if not chat.prompt}
        with self._lock:
            outcomes = [each for number, found in prompts.items() for each in self._queue(number, found)]
            self._lock.notify()
        if outcomes:
            self._desk.deliver(outcomes)

    def _queue(self, number: int, prompt: list[int] | ParleyError) -> list[Outcome]:
        chat = self._open.get(number)
        if chat is None:
            return []
        if isinstance(prompt, ParleyError):
            return self._fail([number], prompt)
        tokens = len(prompt) + most_tokens(chat.ask)
        self._room.adjust(tokens - chat.tokens, tenant=chat.ask.on_behalf)
        chat.prompt, chat.tokens = prompt, tokens
        heapq.heappush(self._waiting, (chat.ask.priority, number))
        return []

    # Called on the device's thread, the first three with its lock held.

    def priority(self) -> Priority | None:
        """The most urgent class of what is written and what waits; None when there is nothing.

        A step is due after the last cancellation, too: the decoder lets go of it only then.
        """
        if self.model.engine is None or (self.model.is_leaving and not self._written):
            return None
        waiting = [priority for priority, number in self._waiting[:1]]
        none = Priority.BACKGROUND if self._has_cancelled else None
        return min([*waiting, *(chat.ask.priority for chat in self._written.values())], default=none)

    def urgency(self) -> float:
        """A step waits since the last one."""
        priority = self.priority()
        return inf if priority is None else self._stepped + AGEING_SECONDS * priority

    def take(self, *, is_fair: bool) -> Unit:
        """One step of all that is written; what waits joins where there is a place."""
        decoder, now = self.model.engine, time.monotonic()
        late = [number for number, chat in self._open.items() if chat.prompt and chat.ask.deadline <= now]
        outcomes = self._fail(late, DeadlineExceeded(LATE))
        while self._waiting and len(self._written) < decoder.most_answers:
            _, number = heapq.heappop(self._waiting)
            if number in self._open:
                outcomes += self._join(decoder, number, now)
        self._has_cancelled = False
        return partial(self._step, decoder, outcomes)

    def _join(self, decoder: Any, number: int, now: float) -> list[Outcome]:
        chat = self._open[number]
        temperature = float(chat.ask.choices.get("temperature") or 0.0)
        try:
            decoder.add(number, chat.prompt, most_tokens=most_tokens(chat.ask), temperature=temperature)
        except ParleyError as error:
            return self._fail([number], error)
        chat.is_written = True
        self._written[number] = chat
        self._meter.wait(now - chat.since)
        return []

    def _step(self, decoder: Any, outcomes: list[Outcome]) -> None:
        began, count = time.monotonic(), len(self._written)
        try:
            pieces = decoder.step()
        except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
            failure = Uncomputable(f"The model failed on this answer ({type(error).__name__}).")
            with self._lock:
                outcomes += self._fail(list(self._written), failure)
        else:
            with self._lock:
                outcomes += [each for piece in pieces for each in self._told(piece)]
                self._stepped = self.model.used = time.monotonic()
                if count:
                    self._meter.compute(count, count, padded=count, seconds=self._stepped - began)
        if outcomes:
            self._desk.deliver(outcomes)

    def _told(self, piece: Any) -> list[Outcome]:
        """What a piece of an answer becomes. With the lock held."""
        if piece.number not in self._written:
            return []
        told = [Outcome(piece.number, piece=piece.text)] if piece.text else []
        if piece.error:
            return told + self._fail([piece.number], piece.error)
        if piece.is_last:
            self._forget(piece.number)
            self._meter.served += 1
            told.append(Outcome(piece.number, values={"is_cut": piece.is_cut}))
        return told

    def _fail(self, numbers: Iterable[int], error: ParleyError) -> list[Outcome]:
        """Close conversations with an error. With the lock held."""
        closed = [number for number in numbers if self._close(number)]
        self._meter.failed += len(closed)
        return [Outcome(number, error=error) for number in closed]

    def _close(self, number: int) -> bool:
        """Forget a conversation, and stop writing; False when it is already gone."""
        if number in self._written and self.model.engine is not None:
            self.model.engine.cancel(number)
            self._has_cancelled = True
        return self._forget(number)

    def _forget(self, number: int) -> bool:
        chat = self._open.pop(number, None)
        if chat is None:
            return False
        self._written.pop(number, None)
        self._room.give(1, chat.tokens, priority=chat.ask.priority, tenant=chat.ask.on_behalf)
        return True


def most_tokens(ask: Ask) -> int:
    """How long the answer may get."""
    return max(1, int(ask.choices.get("most_tokens") or MOST_TOKENS))


def prompt_of(decoder: Any, ask: Ask) -> list[int] | ParleyError:
    """The tokens of a conversation, or why there are none."""
    turns = list(zip(map(str, ask.choices["speakers"]), ask.texts, strict=True))
    try:
        return decoder.prompt(turns)  # type: ignore[no-any-return]
    except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
        return reading_error(error)
