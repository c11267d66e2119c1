"""The role that writes recordings down: one after the other, the most urgent first, window by window.

It has a thread of its own, which gives way to the thread of batches where the system can be asked to,
and loads its recogniser when the first recording comes.
"""

from __future__ import annotations

import heapq
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.errors import BadModel, DeadlineExceeded, Overloaded, ParleyError, Uncomputable
from bot.models import TRANSCRIPTION
from bot.worker.catalogue import Recogniser, find_entry, make_engine, origin_of
from bot.worker.memory import bytes_of, give_back, parts_of
from bot.worker.options import WorkerOptions, thread_count
from bot.worker.server.batching import AGEING_SECONDS
from bot.worker.server.role import LATE, Ask, Deliver, Outcome, Role, start_thread
from bot.worker.server.room import SHARES
from bot.worker.server.shelf import State
from bot.worker.speech.audio import decode, is_silent, windows
from bot.worker.speech.opening import RATE

NICENESS = 10


@dataclass(slots=True, order=True)
class Recording:
    """What is to be written down. `is_wanted` ends when nobody waits for it any more."""

    urgency: float
    number: int
    ask: Ask = field(compare=False)
    is_wanted: bool = field(default=True, compare=False)

    def check(self) -> None:
        """Raise DeadlineExceeded when the answer would come for nobody, or too late."""
        if not self.is_wanted or time.monotonic() > self.ask.deadline:
            raise DeadlineExceeded(LATE)


class Transcription(Role):
    """Serves `transcription`. A recording that fails does so alone."""

    def __init__(self, options: WorkerOptions, deliver: Deliver) -> None:
        self._options = options
        self._deliver = deliver
        self._wake = threading.Condition()
        self._waiting: list[Recording] = []
        self._current: Recording | None = None
        self._made: Recogniser | BadModel | None = None
        self._state = State.ABSENT
        self._bytes = 0
        self._progress = time.monotonic()
        self._served = 0
        self._failed = 0
        self._refused = 0
        self._spent = 0.0

    def start(self) -> None:
        """Begin to take recordings from the queue."""
        start_thread(self._work, "recordings")

    def expected(self, ask: Ask) -> int:
        """Its answer comes as a whole."""
        return 0

    def pack(self, results: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
        """Never asked: an answer comes as a whole."""
        return {"values": {}}, b""

    def ask(self, number: int, ask: Ask) -> None:
        """Take a recording. Raises Overloaded when the queue is full for its priority."""
        with self._wake:
            held = len(self._waiting) + bool(self._current)
            if held >= self._options.max_recordings * SHARES[ask.priority]:
                self._refused += 1
                raise Overloaded(max(1.0, self.backlog_seconds()))
            now = time.monotonic()
            if not self.stalled_seconds():
                self._progress = now
            heapq.heappush(self._waiting, Recording(now + AGEING_SECONDS * ask.priority, number, ask))
            self._wake.notify()

    def cancel(self, number: int) -> None:
        """Take a recording out of the queue, or stop after the window that is being heard."""
        with self._wake:
            self._waiting = [each for each in self._waiting if each.number != number]
            heapq.heapify(self._waiting)
            if self._current and self._current.number == number:
                self._current.is_wanted = False

    def tick(self) -> None:
        """Deadlines are looked at when a recording's turn comes, and between its windows."""

    def backlog_seconds(self) -> float:
        """How long the queue will take if its recordings are like those before."""
        return len(self._waiting) * self._spent / self._served if self._served else 0.0

    def stalled_seconds(self) -> float:
        """How long no window was finished although something is asked; 0 when idle."""
        return time.monotonic() - self._progress if self._current or self._waiting else 0.0

    def health(self) -> dict[str, Any]:
        """Counts of recordings, and seconds."""
        return {
            "state": self._state.value,
            "model": getattr(self._made, "name", ""),
            "origin": origin_of(TRANSCRIPTION, self._options),
            "memory_bytes": self._bytes,
            "queued": len(self._waiting),
            "served": self._served - self._failed,
            "failed": self._failed,
            "refused": self._refused,
            "device_seconds": round(self._spent, 3),
            "backlog_seconds": round(self.backlog_seconds(), 3),
            "stalled_seconds": round(self.stalled_seconds(), 3),
        }

    def _work(self) -> None:
        give_way()
        while True:
            self.step()

    def step(self) -> None:
        """Wait until something is asked, then write one recording down and deliver it."""
        with self._wake:
            while not self._waiting:
                if not self._wake.wait(self._options.idle_seconds or None):
                    self._put_away()
            self._current = recording = heapq.heappop(self._waiting)
            self._progress = began = time.monotonic()
        outcome = self._outcome(recording)
        with self._wake:
            self._current = None
            self._progress = time.monotonic()
            self._served += 1
            self._failed += outcome.error is not None
            self._spent += self._progress - began
        self._deliver([outcome])

    def _put_away(self) -> None:
        """Let a recogniser go that nobody needed for a while."""
        if self._state is not State.LOADED:
            return
        getattr(self._made, "close", bool)()
        self._made, self._bytes, self._state = None, 0, State.ABSENT
        give_back()

    def _outcome(self, recording: Recording) -> Outcome:
        error: ParleyError
        try:
            return Outcome(recording.number, values=self._transcribe(recording))
        except ParleyError as refusal:
            error = refusal
        except MemoryError:
            error = Uncomputable("The device has no memory left for this recording.")
        except Exception as failure:  # noqa: BLE001 - a wall: an engine may raise anything
            error = Uncomputable(f"The recogniser failed on this recording ({type(failure).__name__}).")
        return Outcome(recording.number, error=error)

    def _transcribe(self, recording: Recording) -> dict[str, Any]:
        """The fields of a Transcript."""
        recording.check()
        recogniser = self._recogniser()
        samples = decode(recording.ask.body, minutes=self._options.speech_minutes)
        words, language = [], ""
        for window in windows(samples, recogniser.window_seconds):
            recording.check()
            self._progress = time.monotonic()
            if is_silent(window):
                continue
            heard = recogniser.hear(window)
            words.append(heard.text)
            language = language or heard.language
        text = " ".join("".join(words).split())
        return {"text": text, "language": language, "seconds": round(len(samples) / RATE, 3)}

    def _recogniser(self) -> Recogniser:
        """Made for the first recording. Raises BadModel, every time, when it cannot be made."""
        if self._made is None:
            self._state = State.LOADING
            self._made = make_recogniser(self._options)
            self._bytes = bytes_of([parts_of(self._made)])
            self._state = State.FAILED if isinstance(self._made, BadModel) else State.LOADED
        if isinstance(self._made, BadModel):
            raise BadModel(str(self._made))
        return self._made


def make_recogniser(options: WorkerOptions) -> Recogniser | BadModel:
    """The recogniser that serves the role, or why there is none."""
    try:
        recogniser: Recogniser = make_engine(find_entry(TRANSCRIPTION, options), thread_count(options))
    except BadModel as error:
        return error
    return recogniser


def give_way() -> None:
    """Let this thread, and what it starts, have the processor when others do not want it."""
    if sys.platform == "linux":  # elsewhere this would slow the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
