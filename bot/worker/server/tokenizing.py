"""The thread that finds the tokens of texts, beside the one that computes: the most urgent first."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from bot.message import Priority
from bot.worker.server.role import start_thread

# Requests that are looked at together: enough to be cheap, few enough that an urgent one waits little.
TOGETHER = 64


class Reader(Protocol):
    """A role whose requests have to be turned into tokens."""

    def read(self, numbers: Sequence[int]) -> None:
        """Find the tokens of these requests, and queue them for the device."""


class Tokenizing:
    """Requests of all roles, in the order of their classes."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[tuple[Priority, int, int, Reader]] = []
        self._is_reading = False
        self._progress = time.monotonic()

    def start(self) -> None:
        """Begin to read."""
        start_thread(self.run, "tokens")

    def run(self) -> None:
        """Read for ever."""
        while True:
            self.step()

    def add(self, reader: Reader, requests: Sequence[tuple[Priority, int]]) -> None:
        """Read these requests of a role, each of a class."""
        with self._wake:
            if not self._waiting and not self._is_reading:
                self._progress = time.monotonic()
            for priority, number in requests:
                heapq.heappush(self._waiting, (priority, next(self._order), number, reader))
            self._wake.notify()

    def step(self) -> None:
        """Wait until something is asked, then read what is most urgent, and what follows of the same role."""
        with self._wake:
            while not self._waiting:
                self._wake.wait()
            reader, numbers = self._next()
            self._is_reading = True
        reader.read(numbers)
        self._is_reading = False
        self._progress = time.monotonic()

    def stalled_seconds(self) -> float:
        """How long nothing has been read although something waits."""
        return time.monotonic() - self._progress if self._is_reading or self._waiting else 0.0

    def _next(self) -> tuple[Reader, list[int]]:
        reader = self._waiting[0][3]
        numbers: list[int] = []
        while self._waiting and self._waiting[0][3] is reader and len(numbers) < TOGETHER:
            numbers.append(heapq.heappop(self._waiting)[2])
        return reader, numbers
