"""One thread that computes batch after batch, and lets no bad text or full memory harm the others."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.errors import DeadlineExceeded, ModelError, ParleyError, Uncomputable
from bot.message import Priority
from bot.worker.batching import Item, Scheduler
from bot.worker.catalogue import Engine

if TYPE_CHECKING:
    from bot.models import Vectors

LATE = "The answer would have come after its deadline, so it was not computed."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of texts of one request: rows for `positions`, or an error for the whole request.

    A role that answers no rows gives its whole answer in `values`.
    """

    request: int
    positions: tuple[int, ...] = ()
    rows: Vectors | None = None
    error: ParleyError | None = None
    values: dict[str, Any] | None = None


class Inference:
    """Feeds an engine from a scheduler; `deliver` gets the outcomes of each batch, on this thread."""

    def __init__(
        self, engine: Engine, scheduler: Scheduler, deliver: Callable[[list[Outcome]], None]
    ) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._deliver = deliver
        self._wake = threading.Condition()
        self._is_computing = False
        self._progress = time.monotonic()
        self._served = 0
        self._batches = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=64)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text. May be called beside `run`. Raises Uncomputable."""
        try:
            tokens = self._engine.tokenize(texts)
        except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
            raise Uncomputable(f"The tokenizer failed on this text ({type(error).__name__}).") from None
        if len(tokens) != len(texts):
            raise Uncomputable("The engine did not return the tokens of each text.")
        return tokens

    def check_room(self, texts: int, tokens: int, priority: Priority) -> None:
        """Raise Overloaded when the queue has no room for so many texts and tokens."""
        self._scheduler.check_room(texts, tokens, priority, self.backlog_seconds())

    def submit(
        self, request: int, texts: Sequence[Sequence[int]], priority: Priority, deadline: float
    ) -> None:
        """Queue the tokens of a request. `deadline` is a moment of time.monotonic(). Raises Overloaded."""
        tokens = sum(map(len, texts))
        now = time.monotonic()
        with self._wake:
            self.check_room(len(texts), tokens, priority)
            if not self.stalled_seconds():
                self._progress = now
            self._scheduler.add(request, texts, priority=priority, deadline=deadline, now=now)
            self._wake.notify()

    def cancel(self, request: int) -> None:
        """Forget what is not computed yet of a request."""
        with self._wake:
            self._scheduler.cancel(request)

    def stalled_seconds(self) -> float:
        """How long nothing has come out although something is asked; 0 when idle."""
        is_idle = not self._is_computing and not self._scheduler.items
        return 0.0 if is_idle else time.monotonic() - self._progress

    def backlog_seconds(self) -> float:
        """How long the queue will take at the speed of the last batches; 0 while that is unknown."""
        recent = list(self._recent)
        tokens, seconds = sum(each[0] for each in recent), sum(each[1] for each in recent)
        return self._scheduler.tokens * seconds / tokens if tokens else 0.0

    def health(self) -> dict[str, Any]:
        """How it is: counts of texts, tokens and batches, seconds, and what the engine runs on."""
        return {
            "device": self._engine.device,
            "queued": self._scheduler.items,
            "queued_tokens": self._scheduler.tokens,
            "backlog_seconds": round(self.backlog_seconds(), 3),
            "stalled_seconds": round(self.stalled_seconds(), 3),
            "served": self._served,
            "batches": self._batches,
            "texts_per_batch": round(self._served / self._batches, 2) if self._batches else 0.0,
            "budget": int(self._scheduler.budget),
        }

    def run(self) -> None:
        """Compute for ever."""
        while True:
            self.step()

    def step(self) -> None:
        """Wait until something is asked, then compute one batch and deliver it."""
        late, batch = self._next()
        outcomes = [Outcome(request, error=DeadlineExceeded(LATE)) for request in late]
        if batch:
            outcomes += self._compute(batch)
        self._is_computing = False
        self._progress = time.monotonic()
        self._deliver(outcomes)

    def _next(self) -> tuple[list[int], tuple[Item, ...]]:
        with self._wake:
            while not self._scheduler.items:
                self._wake.wait()
            self._is_computing = True
            return self._scheduler.expire(time.monotonic()), self._scheduler.next_batch()

    def _compute(self, batch: Sequence[Item]) -> list[Outcome]:
        started = time.monotonic()
        results = self._compute_apart([item.tokens for item in batch])
        self._recent.append((sum(item.length for item in batch), time.monotonic() - started))
        self._batches += 1
        self._served += len(batch)
        outcomes = gather(batch, results)
        for outcome in outcomes:
            if outcome.error:
                self.cancel(outcome.request)
        return outcomes

    def _compute_apart(self, batch: Sequence[Sequence[int]]) -> list[Vectors | ModelError]:
        """A row or an error for each text. What fails together is tried again in halves, down to one."""
        try:
            rows = self._engine.compute(batch)
            if len(rows) != len(batch):
                raise ValueError("the engine did not return one row per text")
            self._scheduler.regrow()
            return [row if np.isfinite(row).all() else not_finite() for row in rows]
        except MemoryError:
            self._scheduler.shrink()
            reason = "The device has no memory left for this text."
        except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
            reason = f"The engine failed on this text ({type(error).__name__})."
        if len(batch) == 1:
            return [Uncomputable(reason)]
        half = len(batch) // 2
        return self._compute_apart(batch[:half]) + self._compute_apart(batch[half:])


def not_finite() -> Uncomputable:
    """The error for a text whose numbers are NaN or infinite."""
    return Uncomputable("The engine's numbers for this text are not finite.")


def gather(batch: Sequence[Item], results: Sequence[Vectors | ModelError]) -> list[Outcome]:
    """The results of a batch, one outcome per request; a request with an error has that alone."""
    rows: dict[int, list[tuple[int, Vectors]]] = {}
    errors: dict[int, ModelError] = {}
    for item, result in zip(batch, results, strict=True):
        if isinstance(result, ModelError):
            errors[item.request] = result
        else:
            rows.setdefault(item.request, []).append((item.position, result))
    outcomes = [Outcome(request, error=error) for request, error in errors.items()]
    for request in rows.keys() - errors.keys():
        positions, vectors = zip(*rows[request], strict=True)
        outcomes.append(Outcome(request, positions, np.stack(vectors)))
    return outcomes
