"""The one writer: what arrives together is committed together.

Requests wait in a bounded queue. The writer takes all that wait, hands each write function its requests
at once, commits, and only then gives the results. While one commit reaches the disk the next batch
gathers, so that the cost of a commit is shared by all who wait for it. Statements run in a thread of
the writer's own: nothing that happens to a caller, cancellation least of all, reaches the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from storage.dialects import Dialect, Failure, storage_error
from storage.errors import StorageError, StorageUnavailable

Request = TypeVar("Request")
Result = TypeVar("Result")

WriteFunction: TypeAlias = Callable[[Connection, list[Request]], Sequence[Result | StorageError]]
"""Writes many requests with a handful of statements and gives one result, or refusal, for each in order."""

LARGEST_BATCH = 512
PATIENCE_SECONDS = 30.0
"""How long a locked or lost database is asked again before those who wait are told."""
PAUSE_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _Submission:
    write: WriteFunction[Any, Any]
    request: Any
    future: asyncio.Future[Any]


Outcomes: TypeAlias = list[tuple[_Submission, Any]]


@dataclass(slots=True)
class _Attempt:
    """How far the last run of a batch came; `outcomes` are set once its commit may have happened."""

    transaction: int | None = None
    outcomes: Outcomes | None = None


class Writer:
    """All changes of this process to the database, one transaction at a time."""

    def __init__(self, engine: Engine, dialect: Dialect, *, capacity: int = 8192) -> None:
        self._engine = engine
        self._dialect = dialect
        self._queue: asyncio.Queue[_Submission | None] = asyncio.Queue(capacity)
        self._urgent: list[_Submission] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage-writer")
        self._closing = False
        self._running = asyncio.create_task(self._run(), name="storage writer")

    async def submit(
        self, write: WriteFunction[Request, Result], request: Request, *, urgent: bool = False
    ) -> Result:
        """The result of `write` for this request, durable when it returns.

        Waits while the queue is full; an urgent request, of which there are few, goes before all others.
        Raises StorageUnavailable when the database cannot be written: then nothing of this request is
        stored. A cancelled caller's request may still be written.
        """
        if self._closing:
            raise StorageUnavailable("The database is closed.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        submission = _Submission(write, request, future)
        if urgent and not self._queue.empty():
            self._urgent.append(submission)
        elif self._queue.full():
            await self._queue.put(submission)
        else:
            self._queue.put_nowait(submission)
        return await future

    async def close(self) -> None:
        """Write what is queued, then stop."""
        if not self._closing:
            self._closing = True
            await self._queue.put(None)
        await self._running
        self._thread.shutdown()

    async def _run(self) -> None:
        last = False
        while not last or not self._queue.empty():
            batch = [await self._queue.get()]
            batch[:0], self._urgent = self._urgent, []
            while len(batch) < LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            last = last or None in batch
            await self._settle([each for each in batch if each is not None and not each.future.done()])

    async def _settle(self, batch: list[_Submission]) -> None:
        """Give each of the batch its outcome; when one makes the batch fail, only that one hears of it."""
        if not batch:
            return
        try:
            outcomes = await self._persist(batch)
        except StorageError as error:
            outcomes = [(each, error) for each in batch]
        except Exception as error:  # noqa: BLE001 - whatever a write function raises belongs to its caller
            if len(batch) > 1:
                for each in batch:
                    await self._settle([each])
                return
            outcomes = [(batch[0], error)]
        for submission, outcome in outcomes:
            if submission.future.done():
                continue
            if isinstance(outcome, Exception):
                submission.future.set_exception(outcome)
            else:
                submission.future.set_result(outcome)

    async def _persist(self, batch: list[_Submission]) -> Outcomes:
        """Write and commit the batch, again and again while the database is only busy or away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        attempt = _Attempt()
        while True:
            try:
                return await loop.run_in_executor(self._thread, self._try, attempt, batch)
            except DBAPIError as error:
                failure = self._dialect.failure_of(error)
                if failure is Failure.REFUSED:
                    raise
                if loop.time() > deadline or failure not in (Failure.BUSY, Failure.LOST):
                    raise storage_error(self._dialect, error) from error
            await asyncio.sleep(PAUSE_SECONDS)

    def _try(self, attempt: _Attempt, batch: list[_Submission]) -> Outcomes:
        """One transaction, in the writer's thread."""
        with self._engine.connect() as connection:
            if attempt.outcomes is not None and attempt.transaction is not None:
                if self._dialect.was_committed(connection, attempt.transaction):
                    return attempt.outcomes
                connection.rollback()
            attempt.outcomes = None
            attempt.transaction = self._dialect.begin(connection)
            outcomes = _write(connection, batch)
            attempt.outcomes = outcomes
            connection.commit()
            return outcomes


def _write(connection: Connection, batch: list[_Submission]) -> Outcomes:
    groups: dict[WriteFunction[Any, Any], list[_Submission]] = {}
    for submission in batch:
        groups.setdefault(submission.write, []).append(submission)
    outcomes: Outcomes = []
    for write, submissions in groups.items():
        results = write(connection, [each.request for each in submissions])
        outcomes += zip(submissions, results, strict=True)
    return outcomes
