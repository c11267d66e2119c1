"""Open the database and hand out what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Engine

from storage.dialects import Dialect, dialect_of
from storage.errors import StorageCorrupt
from storage.feedback import FeedbackBox
from storage.history import History
from storage.inbox import Inbox
from storage.knowledge import Knowledge
from storage.leases import Leases
from storage.notes import Notes
from storage.outbox import Outbox
from storage.reader import Reader
from storage.reconciliation import health
from storage.records import Health
from storage.schema import prepare
from storage.scores import Scores
from storage.watching import Watching
from storage.writer import Writer


class Store:
    """One open database: the rooms in it share a writer and a few readers."""

    def __init__(self, dialect: Dialect, writer: Writer, reader: Reader) -> None:
        self.dialect = dialect.name
        self.inbox = Inbox(dialect, writer, reader)
        self.outbox = Outbox(writer, reader)
        self.history = History(dialect, reader)
        self.knowledge = Knowledge(dialect, writer, reader)
        self.feedback = FeedbackBox(writer, reader)
        self.leases = Leases(writer, reader)
        self.notes = Notes(writer, reader)
        self.scores = Scores(writer, reader)
        self.watching = Watching(dialect, writer, reader)
        self._dialect = dialect
        self._writer = writer
        self._reader = reader

    async def health(self) -> Health:
        """Check the whole database and count what is in it; takes time in proportion to its size."""
        return await health(self._dialect, self._reader)

    async def backup(self, path: Path) -> None:
        """Write a consistent copy to a new file while work goes on. Raises StorageError on PostgreSQL."""
        await asyncio.to_thread(self._dialect.back_up, path)


@asynccontextmanager
async def open_store(url: str, *, backups: Path | None = None) -> AsyncIterator[Store]:
    """The database at `url`, created when it is not there, upgraded after a backup when it is older.

    Takes `sqlite:///path` and `postgresql://…`. Backups of a SQLite file go into `backups`, by default
    the folder `backups` beside it. Raises StorageUnavailable, StorageCorrupt or NewerSchema. On leaving,
    what was submitted is written and every connection closed.
    """
    dialect = dialect_of(url)
    folder = backups if backups is not None and dialect.backups is not None else dialect.backups
    writing = await asyncio.to_thread(_open, dialect, folder)
    reading = dialect.reader_engine()
    writer, reader = Writer(writing, dialect), Reader(reading, dialect)
    try:
        yield Store(dialect, writer, reader)
    finally:
        await writer.close()
        await reader.close()
        await reading.dispose()
        writing.dispose()


def _open(dialect: Dialect, backups: Path | None) -> Engine:
    """The writer's engine on a database that is there, whole and of the newest schema."""
    engine = None
    try:
        dialect.check_place()
        engine = dialect.writer_engine()
        prepare(dialect, engine, backups)
    except BaseException as error:
        if engine is not None:
            engine.dispose()
        if isinstance(error, StorageCorrupt):
            raise StorageCorrupt(
                f"{error} Restore the newest copy from {backups}, or start with a new file."
            ) from error
        raise
    return engine
