"""A series of moods as a line of small blocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"
WIDTH = 24


def sparkline(values: Sequence[float | None]) -> str:
    """A block for each value from -1 (lowest) to 1 (highest); a dot where there is none."""
    return "".join(GAP if value is None else BLOCKS[_level(value)] for value in values)


def _level(value: float) -> int:
    return min(len(BLOCKS) - 1, max(0, int((value + 1) / 2 * len(BLOCKS))))


def in_steps(
    points: Sequence[tuple[datetime, float]], begin: datetime, end: datetime, *, steps: int = WIDTH
) -> list[float | None]:
    """The mean of the points in each of so many equal steps of time; None where there is none."""
    length = max((end - begin) / steps, timedelta(seconds=1))
    buckets: list[list[float]] = [[] for _ in range(steps)]
    for moment, value in points:
        buckets[min(steps - 1, max(0, int((moment - begin) / length)))].append(value)
    return [fmean(bucket) if bucket else None for bucket in buckets]
