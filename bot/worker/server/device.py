"""The one thread that computes, for all models of a device: always the most urgent next unit of work.

A unit is a batch of texts, or a step of the texts that are being written. The most urgent class goes
first; within a class, roles take turns by the device time they use (start-time fair queueing, Goyal et
al., 1996). Every `FAIR_TURN`th unit goes to whoever has waited longest, so that nothing starves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol, TypeAlias

from bot.message import Priority
from bot.worker.server.role import start_thread

FAIR_TURN = 4

Unit: TypeAlias = Callable[[], None]


class Work(Protocol):
    """What a role has for the device. All of it is called with the device's lock held."""

    def priority(self) -> Priority | None:
        """The most urgent class that waits; None when there is nothing to do."""

    def urgency(self) -> float:
        """Since when the one waits that has waited longest, each class counted later; inf when idle."""

    def take(self, *, is_fair: bool) -> Unit:
        """The next unit, for the most urgent or the one that has waited longest; done without the lock."""


@dataclass(slots=True, eq=False)
class Queue:
    """A role's work, and the device time up to which it has been served."""

    work: Work
    served: float = 0.0


@dataclass(slots=True, eq=False)
class Running:
    """A unit that is being computed."""

    work: Work
    priority: Priority


class Device:
    """Units of all roles, one after the other. `lock` guards every queue; notify it when work comes."""

    def __init__(self) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.progress = time.monotonic()
        self._queues: list[Queue] = []
        self._turns = 0
        self._served = 0.0
        self._running: list[Running] = []

    def add(self, work: Work) -> None:
        """Compute for this role, too."""
        with self.lock:
            self._queues.append(Queue(work))

    def start(self) -> None:
        """Begin to compute."""
        start_thread(self.run, "device")

    def run(self) -> None:
        """Compute for ever."""
        while True:
            self.step()

    def step(self) -> None:
        """Wait until something is asked, then compute one unit."""
        with self.lock:
            while (queue := self._most_urgent()) is None:
                self.lock.wait()
            unit = self._begin(queue)
        self._compute(queue, unit)

    def interlude(self, work: Work) -> None:
        """Called by `work` in the middle of its unit: compute what is of a more urgent class first.

        Nothing of a role whose unit is already running is computed.
        """
        self.touch()
        while True:
            with self.lock:
                current = next(each for each in self._running if each.work is work)
                running = [each.work for each in self._running]
                urgent = [
                    queue
                    for queue in self._queues
                    if queue.work not in running
                    and (priority := queue.work.priority()) is not None
                    and priority < current.priority
                ]
                queue = min(urgent, key=self._key, default=None)
                if queue is None:
                    return
                unit = self._begin(queue, is_fair=False)
            self._compute(queue, unit)

    def touch(self) -> None:
        """Something has come out: the device does not hang."""
        self.progress = time.monotonic()

    def stalled_seconds(self) -> float:
        """How long nothing has come out of the unit that is being computed; 0 when there is none."""
        return time.monotonic() - self.progress if self._running else 0.0

    def is_computing(self, work: Work) -> bool:
        """Whether a unit of this role is being computed."""
        return any(running.work is work for running in self._running)

    def _most_urgent(self) -> Queue | None:
        """Whose turn it is. With the lock held."""
        waiting = [queue for queue in self._queues if queue.work.priority() is not None]
        if not waiting:
            return None
        if (self._turns + 1) % FAIR_TURN == 0:
            return min(waiting, key=lambda queue: queue.work.urgency())
        return min(waiting, key=self._key)

    def _key(self, queue: Queue) -> tuple[float, float]:
        priority = queue.work.priority()
        return inf if priority is None else priority, max(queue.served, self._served)

    def _begin(self, queue: Queue, *, is_fair: bool | None = None) -> Unit:
        """Take the role's next unit off its queue. With the lock held."""
        self._turns += 1
        self._served = queue.served = max(queue.served, self._served)
        is_fair = self._turns % FAIR_TURN == 0 if is_fair is None else is_fair
        self._running.append(Running(queue.work, queue.work.priority() or Priority.ALERT))
        self.touch()
        return queue.work.take(is_fair=is_fair)

    def _compute(self, queue: Queue, unit: Unit) -> None:
        began = time.monotonic()
        unit()
        with self.lock:
            self._running.pop()
            self.touch()
            queue.served += self.progress - began
