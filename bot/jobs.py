"""Jobs: async functions that are called by the clock."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from bot.errors import BrokenPlugin
from bot.message import Priority
from bot.observers import WatchContext, declared
from bot.skills import Answer

DEADLINE_SECONDS = 300.0
SHORTEST = timedelta(seconds=1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOMENT = re.compile(rf"(?:({'|'.join(DAYS)}) )?([01]?\d|2[0-3]):([0-5]\d)")
DAY = timedelta(days=1)

JobFunction = Callable[[WatchContext], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due: after so much time, at a time of day (`09:00`), of a weekday (`mon 09:00`).

    With both, it is due at the first such time of day that lies `every` or more after the last.
    Raises BrokenPlugin when it names no time at all, or none that can be.
    """

    every: timedelta | None = None
    at: str = ""

    def __post_init__(self) -> None:
        if self.every is None and not self.at:
            raise BrokenPlugin("A job needs a time: every=timedelta(…), at='09:00' or at='mon 09:00'.")
        if self.every is not None and self.every < SHORTEST:
            raise BrokenPlugin("A job's 'every' must be at least a second.")
        if self.at and not MOMENT.fullmatch(self.at):
            raise BrokenPlugin(f"A job's 'at' is '09:00' or 'mon 09:00', not {self.at!r}.")

    def __str__(self) -> str:
        every = f"every {self.every}" if self.every else ""
        return " ".join(part for part in (every, f"at {self.at}" if self.at else "") if part)

    def next(self, last: datetime, zone: tzinfo = UTC) -> datetime:
        """When it is due after it was due at `last`, in UTC; times of day are those of `zone`."""
        if not self.at:
            return last.astimezone(UTC) + (self.every or DAY)
        # By the wall clock: a week from nine o'clock is nine o'clock, whatever summer time does.
        local = last.astimezone(zone).replace(tzinfo=None)
        is_one_of_its_own = self._at_or_after(local) == local
        earliest = local + (self.every if self.every and is_one_of_its_own else timedelta(microseconds=1))
        return self._at_or_after(earliest).replace(tzinfo=zone).astimezone(UTC)

    def due(self, last: datetime, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The latest moment after `last` at which it was due by now; None when it is not due yet."""
        if not self.at and self.every:
            times = (moment - last) // self.every
            return last.astimezone(UTC) + times * self.every if times > 0 else None
        found, upcoming = None, self.next(last, zone)
        while upcoming <= moment:
            found, upcoming = upcoming, self.next(upcoming, zone)
        return found

    def _at_or_after(self, earliest: datetime) -> datetime:
        parts = MOMENT.fullmatch(self.at)
        assert parts is not None  # noqa: S101 - checked when it was made
        weekday, hour, minute = parts.groups()
        found = datetime.combine(earliest.date(), time(int(hour), int(minute)))
        while found < earliest or (weekday and DAYS[found.weekday()] != weekday):
            found += DAY
        return found


@dataclass(frozen=True, slots=True)
class Job:
    """What a plugin does by the clock. `plugin` is set by the loader."""

    name: str
    function: JobFunction
    summary: str
    schedule: Schedule
    deadline: float = DEADLINE_SECONDS
    priority: Priority = Priority.BACKGROUND
    plugin: str = ""


def job(
    *,
    name: str | None = None,
    every: timedelta | None = None,
    at: str = "",
    deadline: float = DEADLINE_SECONDS,
    priority: Priority = Priority.BACKGROUND,
) -> Callable[[JobFunction], Job]:
    """Declare an async function as a job: it is called with a context whenever it is due.

    The clock starts when the job is first loaded. Each time it is due it is called once, whichever
    process of several does it; what was missed while none ran is made up for once at the next start.
    What it returns is sent to the conversations named by `Reply.to`. It may take `deadline` seconds;
    after a failure it is called again, ever later, until it ends well. Raises BrokenPlugin when the
    declaration cannot work.
    """

    def declare(function: JobFunction) -> Job:
        job_name, summary = declared(function, name, "Job")
        return Job(job_name, function, summary, Schedule(every, at), deadline, priority)

    return declare
