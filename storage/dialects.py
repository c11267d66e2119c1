"""What differs between the databases, behind one protocol: opening, locking, failures, full text."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, TextClause, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.errors import StorageCorrupt, StorageError, StorageUnavailable
from storage.segmentation import Phrase


class Failure(Enum):
    """What a driver's error means for the statement that met it."""

    BUSY = auto()
    """Another process holds the lock: the same again will work later."""
    LOST = auto()
    """The connection broke."""
    UNAVAILABLE = auto()
    """The database cannot be written now: disk full, read-only, out of resources."""
    CORRUPT = auto()
    """The file is damaged."""
    REFUSED = auto()
    """The statement itself is at fault."""


class Dialect(Protocol):
    """One kind of database.

    `index_message` takes id, words, characters and scope; `unindex_message` the same as were indexed.
    `find_messages` takes query, before and count and gives ids, newest first; `claimable` takes
    conversations and count and gives the ids of the oldest pending inbox rows of each conversation.
    `index_passage` takes id, words and scope; `unindex_document` takes document_id. `full_text_tables`
    creates them. `backups` is where copies go unless told otherwise, None where parley makes none.
    """

    name: str
    index_message: TextClause
    unindex_message: TextClause
    find_messages: TextClause
    claimable: TextClause
    index_passage: TextClause
    unindex_document: TextClause
    full_text_tables: tuple[str, ...]
    backups: Path | None

    def check_place(self) -> None:
        """Raise StorageUnavailable or StorageCorrupt for what can be seen before connecting."""

    def is_there(self) -> bool:
        """Whether there is a database to connect to; False before the first start makes one."""

    def writer_engine(self) -> Engine:
        """An engine of one connection, for the writer's thread."""

    def reader_engine(self) -> AsyncEngine:
        """An engine whose connections only read, each statement a snapshot of its own."""

    def begin(self, connection: Connection) -> int | None:
        """Start a transaction as the only writer of all processes; its number if it can be asked after."""

    def was_committed(self, connection: Connection, transaction: int) -> bool:
        """Whether a transaction whose commit got no answer took place."""

    def failure_of(self, error: DBAPIError) -> Failure:
        """What a driver's error means."""

    def describe(self) -> str:
        """The database for an operator's eyes: no password in it."""

    async def integrity(self, connection: AsyncConnection) -> str:
        """`ok`, or the first thing found damaged."""

    def quick_check(self, connection: Connection, seconds: float) -> bool | None:
        """Whether nothing is damaged, by a look that skips the indexes; None when it takes longer; blocks."""

    def back_up(self, target: Path) -> None:
        """Write a consistent copy to a new file; blocks."""

    def message_query(self, phrases: Sequence[Phrase], conversations: Sequence[int] | None) -> str:
        """The `query` of `find_messages`: all phrases, within these conversations or anywhere."""

    async def match_passages(
        self, connection: AsyncConnection, terms: Sequence[Phrase], scopes: Sequence[str], limit: int
    ) -> list[tuple[int, float]]:
        """Passages holding any of the terms with their BM25, best first."""


KNOWN = "Use sqlite:///path/to/file or postgresql://user@host/name."


def dialect_of(address: str) -> Dialect:
    """The dialect for a database URL such as `sqlite:///path` or `postgresql://user@host/name`."""
    try:
        url = make_url(address)
    except ArgumentError:
        raise StorageUnavailable(f"The database's URL cannot be read. {KNOWN}") from None
    match url.get_backend_name():
        case "sqlite":
            from storage.sqlite import SQLite

            return SQLite(url)
        case "postgresql":
            from storage.postgresql import PostgreSQL

            return PostgreSQL(url)
    raise StorageUnavailable(f"{plain(url)} is no database parley knows. {KNOWN}")


def plain(url: URL) -> str:
    """A database URL without its password."""
    return url.render_as_string(hide_password=True)


def storage_error(dialect: Dialect, error: DBAPIError) -> StorageError:
    """A driver's error as one an operator can act on."""
    place, cause = dialect.describe(), str(error.orig).strip().partition("\n")[0]
    match dialect.failure_of(error):
        case Failure.CORRUPT:
            return StorageCorrupt(f"{place} is damaged ({cause}). Stop parley and restore a backup.")
        case Failure.BUSY:
            return StorageUnavailable(f"{place} is locked by another process. Stop that process.")
        case Failure.LOST:
            return StorageUnavailable(f"{place} cannot be reached ({cause}). Check that the server runs.")
        case Failure.UNAVAILABLE:
            return StorageUnavailable(f"{place} cannot be written ({cause}). Check disk space and rights.")
        case Failure.REFUSED:
            return StorageError(f"{place} refused a statement ({cause}).")
