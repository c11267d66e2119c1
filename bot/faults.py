"""Named places where a crash hurts most, so that tests can crash there.

Nothing happens at them unless a test arms one. Each name must have its crash test: a test compares
`POINTS` with the tests.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "before_accept",
    "after_accept",
    "after_claim",
    "after_skill",
    "after_finish",
    "before_send",
    "after_send",
    "after_sent_mark",
    "after_watch",
    "after_watched",
)

_armed: dict[str, int] = {}


def arm(point: str, passes: int = 0) -> None:
    """Kill this process, as SIGKILL does, when `point` is reached after `passes` times."""
    if point not in POINTS:
        raise ValueError(f"no crash point {point!r}; there are {', '.join(POINTS)}")
    _armed[point] = passes


def reach(point: str) -> None:
    """Pass a crash point."""
    if not _armed or point not in _armed:
        return
    _armed[point] -= 1
    if _armed[point] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
