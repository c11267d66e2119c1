"""Reading beside the writer: each statement is a snapshot of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.dialects import Dialect, Failure, storage_error
from storage.errors import StorageUnavailable
from storage.tables import AnyRow

PATIENCE_SECONDS = 30.0
CLOSING_SECONDS = 5.0
PAUSES_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)
"""After these a read that met a broken connection is tried again."""


class Reader:
    """A small pool of connections that only read."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect
        self._reading: set[asyncio.Task[Sequence[AnyRow]]] = set()

    async def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[AnyRow]:
        """All rows of one statement; a broken connection is replaced.

        A cancelled caller does not cut a read off in the driver's thread: the read ends by itself.
        """
        reading = asyncio.create_task(self._again_and_again(statement, parameters))
        self._reading.add(reading)
        reading.add_done_callback(self._over)
        return await asyncio.shield(reading)

    async def close(self) -> None:
        """Let reads end whose callers have gone."""
        if self._reading:
            _, unfinished = await asyncio.wait(self._reading, timeout=CLOSING_SECONDS)
            for reading in unfinished:
                reading.cancel()

    def _over(self, reading: asyncio.Task[Sequence[AnyRow]]) -> None:
        self._reading.discard(reading)
        if not reading.cancelled():
            reading.exception()  # its caller has it, or is gone

    async def _again_and_again(
        self, statement: Executable, parameters: Mapping[str, Any] | None
    ) -> Sequence[AnyRow]:
        pauses = iter(PAUSES_SECONDS)
        while True:
            try:
                return await self._rows(statement, parameters)
            except DBAPIError as error:
                pause = next(pauses, None)
                if pause is None or self._dialect.failure_of(error) not in (Failure.LOST, Failure.BUSY):
                    raise storage_error(self._dialect, error) from error
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def connection(
        self, patience_seconds: float | None = PATIENCE_SECONDS
    ) -> AsyncIterator[AsyncConnection]:
        """One connection for several statements; the driver's errors become storage's."""
        try:
            async with asyncio.timeout(patience_seconds), self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise storage_error(self._dialect, error) from error
        except TimeoutError as error:
            raise StorageUnavailable(f"{self._dialect.describe()} does not answer.") from error

    async def _rows(self, statement: Executable, parameters: Mapping[str, Any] | None) -> Sequence[AnyRow]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._engine.connect() as connection:
                return (await connection.execute(statement, parameters)).all()
        except TimeoutError as error:
            raise StorageUnavailable(f"{self._dialect.describe()} does not answer.") from error
