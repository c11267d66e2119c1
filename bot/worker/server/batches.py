"""The roles that compute texts in batches, whatever the task: from a request to its results.

A request waits for its model, then for its tokens, then in the queue of the device. No bad text and no
full memory harms the others of its batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from math import inf
from typing import Any

from bot.errors import BadInput, BadModel, DeadlineExceeded, Overloaded, ParleyError
from bot.message import Priority
from bot.models import Task
from bot.worker.server.apart import compute_apart, read_apart
from bot.worker.server.batching import Item
from bot.worker.server.desk import Desk
from bot.worker.server.device import Unit, Work
from bot.worker.server.forms import FORMS
from bot.worker.server.meters import Meter
from bot.worker.server.requests import Requests
from bot.worker.server.role import LATE, Ask, Outcome, Role
from bot.worker.server.shelf import Model, Owner, State
from bot.worker.server.tokenizing import Reader


class Batches(Role, Work, Reader, Owner):
    """One role of texts: embedding, classification, extraction, reranking, summaries or translation."""

    def __init__(self, role: str, task: Task, desk: Desk) -> None:
        self.model = Model(role, desk.options, self)
        self._form = FORMS[task]
        self._desk = desk
        self._lock = desk.device.lock
        self._requests = Requests(desk.options)
        self._meter = Meter()
        self._batch: Sequence[Item] = ()
        self._is_stopped = False
        desk.shelf.add(self.model)
        desk.device.add(self)

    # Called by the server, on the event loop.

    def expected(self, ask: Ask) -> int:
        """One result per text, or per passage beside a question. Raises BadInput for none at all."""
        count = len(self._form.inputs(ask))
        if not count:
            raise BadInput("There is no text to compute.")
        return count

    def pack(self, results: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
        """As the task's form says."""
        return self._form.pack(results)

    def ask(self, number: int, ask: Ask) -> None:
        """Take texts. Raises BadModel, Overloaded."""
        with self._lock:
            self.model.check()
            self._admit(number, ask)
            is_here = self.model.state is State.LOADED
        if is_here:
            self._desk.tokenizing.add(self, [(ask.priority, number)])
        else:
            self._desk.shelf.want(self.model)

    def _admit(self, number: int, ask: Ask) -> None:
        try:
            count = self.expected(ask)
            self._requests.admit(number, ask, count=count, retry_after=self.backlog_seconds)
        except Overloaded:
            self._meter.refused += 1
            raise
        self.model.used = time.monotonic()

    def cancel(self, number: int) -> None:
        """Forget what is not computed yet."""
        with self._lock:
            self._requests.close(number)

    def tick(self) -> None:
        """Refuse what is past its deadline, even if its turn has not come."""
        with self._lock:
            outcomes = self._fail(self._requests.late(time.monotonic()), DeadlineExceeded(LATE))
        if outcomes:
            self._desk.deliver(outcomes)

    def backlog_seconds(self) -> float:
        """How long the queue will take at the speed of the last batches."""
        return self._meter.seconds_for(self._requests.room.tokens)

    def health(self) -> dict[str, Any]:
        """Counts of texts, tokens and batches, seconds, and where the model is."""
        room = self._requests.room
        stalled = self._desk.device.stalled_seconds() if self.is_computing() else 0.0
        return {
            **self.model.health(),
            **self._meter.health(),
            "queued": room.items,
            "queued_tokens": room.tokens,
            "queued_by": {each.name.lower(): room.by_class[each] for each in Priority},
            "budget": int(self._requests.scheduler.budget),
            "backlog_seconds": round(self.backlog_seconds(), 3),
            "stalled_seconds": round(stalled, 3),
        }

    # The model comes and goes: called by the shelf, with the lock held.

    def arrive(self, engine: Any) -> None:
        """Compute with this engine what has come meanwhile."""
        self._requests.scheduler.resize(engine.budget)
        if hasattr(engine, "between"):
            engine.between = self._between
        self._desk.tokenizing.add(self, self._requests.unread())
        self._lock.notify()

    def lack(self, error: BadModel) -> None:
        """Refuse what has come meanwhile."""
        self._desk.deliver(self._fail(self._requests.numbers(), error))

    def is_idle(self) -> bool:
        """Whether every request is answered."""
        return not self._requests and not self.is_computing()

    def is_computing(self) -> bool:
        """Whether a batch is being computed."""
        return self._desk.device.is_computing(self)

    def may_pause(self) -> bool:
        """Always: what is queued stays."""
        return True

    # Called on the tokenising thread.

    def read(self, numbers: Sequence[int]) -> None:
        """Find the tokens of requests, and queue them. What is late or cannot be read is refused."""
        with self._lock:
            engine, now = self.model.engine, time.monotonic()
            late = [number for number in numbers if not self._requests.is_waited_for(number, now)]
            outcomes = self._fail(late, DeadlineExceeded(LATE))
            asks = self._requests.asks(numbers)
        if engine is None:
            self._desk.shelf.want(self.model)
        elif asks:
            outcomes += self._queue(read_apart(engine, self._form, asks))
        if outcomes:
            self._desk.deliver(outcomes)

    def _queue(self, read: dict[int, Any]) -> list[Outcome]:
        """Queue what was read, if somebody still waits for it."""
        outcomes = []
        with self._lock:
            now = time.monotonic()
            for number in self._requests.asks(read):
                if isinstance(read[number], ParleyError):
                    outcomes += self._fail([number], read[number])
                    continue
                group, tokens = read[number]
                self._requests.queue(number, tokens, group=group, now=now)
            self._lock.notify()
        return outcomes

    # Called on the device's thread, the first three with its lock held.

    def priority(self) -> Priority | None:
        """The most urgent class that is queued; None while the model is away."""
        is_here = self.model.engine is not None and not self.model.is_leaving
        return self._requests.scheduler.priority() if is_here else None

    def urgency(self) -> float:
        """Since when the one waits that has waited longest, each class counted later."""
        return inf if self.priority() is None else self._requests.scheduler.urgency()

    def take(self, *, is_fair: bool) -> Unit:
        """The next batch; what is late never reaches the device."""
        now = time.monotonic()
        outcomes = self._fail(self._requests.scheduler.late(now), DeadlineExceeded(LATE))
        self._batch, self._is_stopped = self._requests.next_batch(is_fair=is_fair), False
        for item in self._batch:
            self._meter.wait(now - item.since)
        return partial(self._compute, self.model.engine, self._batch, outcomes)

    def _compute(self, engine: Any, batch: Sequence[Item], outcomes: list[Outcome]) -> None:
        if batch:
            began = time.monotonic()
            results = self._results(engine, batch)
            with self._lock:
                self._batch = ()
                self.model.used = time.monotonic()
                self._measure(batch, self.model.used - began)
                outcomes += self._gather(batch, results)
        self._desk.deliver(outcomes)

    def _results(self, engine: Any, batch: Sequence[Item]) -> list[Any]:
        """A value or an error for each member."""
        group, scheduler = batch[0].group, self._requests.scheduler
        results = compute_apart(
            engine.compute if group is None else lambda members: engine.compute(members, group),
            [item.tokens for item in batch],
            check=self._form.check,
            on_full=scheduler.shrink,
        )
        scheduler.regrow()
        return [DeadlineExceeded(LATE)] * len(batch) if self._is_stopped else results

    def _between(self) -> bool:
        """Called by an engine that writes, between two steps: whether it can stop, as nobody waits."""
        now = time.monotonic()
        with self._lock:
            is_waited_for = any(self._requests.is_waited_for(item.request, now) for item in self._batch)
        if is_waited_for:
            self._desk.device.interlude(self)
        self._is_stopped = not is_waited_for
        return self._is_stopped

    def _measure(self, batch: Sequence[Item], seconds: float) -> None:
        longest = max(item.length for item in batch)
        tokens = sum(item.length for item in batch)
        self._meter.compute(len(batch), tokens, padded=longest * len(batch), seconds=seconds)

    def _gather(self, batch: Sequence[Item], results: Sequence[Any]) -> list[Outcome]:
        """One outcome per request that somebody waits for; one with an error has that alone."""
        found: dict[int, tuple[list[int], list[Any]]] = {}
        errors: dict[int, ParleyError] = {}
        for item, result in zip(batch, results, strict=True):
            if isinstance(result, ParleyError):
                errors[item.request] = result
            else:
                positions, values = found.setdefault(item.request, ([], []))
                positions.append(item.position)
                values.append(result)
        outcomes = [outcome for number, error in errors.items() for outcome in self._fail([number], error)]
        for number in found.keys() - errors.keys():
            positions, values = found[number]
            if self._requests.answer(number, len(values)):
                self._meter.served += len(values)
                outcomes.append(Outcome(number, positions, values))
        return outcomes

    def _fail(self, numbers: Iterable[int], error: ParleyError) -> list[Outcome]:
        """Close requests with an error. With the lock held."""
        closed = [number for number in numbers if self._requests.close(number)]
        self._meter.failed += len(closed)
        return [Outcome(number, error=error) for number in closed]
