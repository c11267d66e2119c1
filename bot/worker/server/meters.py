"""What a role has done since the start, in numbers; and how long its queue will take."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

# Upper bounds of the classes of waiting, in seconds; one class more is over all of them.
WAIT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meter:
    """Counts of one role."""

    def __init__(self) -> None:
        self.served = 0
        self.failed = 0
        self.refused = 0
        self.batches = 0
        self._computed = 0
        self._tokens = 0
        self._padded = 0
        self._seconds = 0.0
        self._waited = 0.0
        self._waits = [0] * (len(WAIT_BOUNDS) + 1)
        self._recent: deque[tuple[int, float]] = deque(maxlen=64)

    def wait(self, seconds: float) -> None:
        """A text waited so long before it was computed."""
        self._waits[bisect_left(WAIT_BOUNDS, seconds)] += 1
        self._waited += seconds

    def compute(self, items: int, tokens: int, *, padded: int, seconds: float) -> None:
        """A batch was computed: so many texts of so many tokens, filled up to `padded`."""
        self.batches += 1
        self._computed += items
        self._tokens += tokens
        self._padded += padded
        self._seconds += seconds
        self._recent.append((tokens, seconds))

    def seconds_for(self, tokens: int) -> float:
        """How long so many tokens take at the speed of the last batches; 0 while that is unknown."""
        recent = list(self._recent)
        known = sum(each[0] for each in recent)
        return tokens * sum(each[1] for each in recent) / known if known else 0.0

    def health(self) -> dict[str, Any]:
        """The counts, for the heartbeat."""
        return {
            "served": self.served,
            "failed": self.failed,
            "refused": self.refused,
            "batches": self.batches,
            "texts_per_batch": round(self._computed / self.batches, 2) if self.batches else 0.0,
            "padding": round(self._tokens / self._padded, 3) if self._padded else 1.0,
            "tokens": self._tokens,
            "device_seconds": round(self._seconds, 3),
            "waits": list(self._waits),
            "waited_seconds": round(self._waited, 3),
        }
