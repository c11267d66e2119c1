"""Call one job whenever it is due, and again after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, tzinfo

from bot.jobs import Job
from bot.message import now
from bot.steps import Span, Steps, mark_of
from storage import StorageError, Store

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
LONGEST_SLEEP = 30.0
"""The clock may be set while a job waits."""


class Ticking:
    """One job and its clock. When it was due last is kept in storage."""

    def __init__(
        self,
        job: Job,
        store: Store,
        steps: Steps,
        zone: tzinfo,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.job = job
        self._store = store
        self._steps = steps
        self._zone = zone
        self._clock = clock
        self._mark = mark_of(job)

    async def run(self) -> None:
        """Call the job at its times until cancelled. A new job's clock starts now."""
        pause = FIRST_PAUSE
        while True:
            try:
                wait = await self._look()
                pause = FIRST_PAUSE
            except TimeoutError:
                log.error("%s took longer than %g s", self._mark, self.job.deadline)  # noqa: TRY400
                wait, pause = pause, min(pause * 2, LONGEST_PAUSE)
            except StorageError as error:
                log.warning("%s waits for the database: %s", self._mark, error)
                wait, pause = pause, min(pause * 2, LONGEST_PAUSE)
            except Exception:  # the wall around a job
                log.exception("%s failed and is called again in %.0f s", self._mark, pause)
                wait, pause = pause, min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(wait)

    async def call(self, moment: datetime) -> None:
        """Call the job as if it were due at this moment. Raises what the job raises."""
        span = Span(await self._last(), moment.isoformat())
        await self._steps.take(self.job, span, moment, self.job.function)

    async def _look(self) -> float:
        """Call the job if it is due; the seconds to wait until the next look."""
        last = await self._last()
        due = self.job.schedule.due(datetime.fromisoformat(last), self._clock(), self._zone)
        if due is None:
            upcoming = self.job.schedule.next(datetime.fromisoformat(last), self._zone)
            return min(max(0.0, (upcoming - self._clock()).total_seconds()), LONGEST_SLEEP)
        await self._steps.take(self.job, Span(last, due.isoformat()), self._clock(), self.job.function)
        return 0.0

    async def _last(self) -> str:
        return await self._store.watching.begin(self._mark, self._clock().isoformat())
