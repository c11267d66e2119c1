"""SQLite: one file, write-ahead log, full text by FTS5."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.dialects import Failure
from storage.errors import StorageCorrupt, StorageUnavailable
from storage.segmentation import Phrase, scope_word

READERS = 4
_HEADER = b"SQLite format 3\x00"
_UNAVAILABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}
_SHARED = {"journal_mode": "WAL", "foreign_keys": "ON", "busy_timeout": 1000, "temp_store": "MEMORY"}
_WRITER = {
    "synchronous": "FULL",
    "wal_autocheckpoint": 4000,
    "journal_size_limit": 1 << 26,
    "cache_size": -16384,
}
_READER = {"query_only": "ON", "cache_size": -8192}


class SQLite:
    """A database in one file."""

    name: str = "sqlite"
    full_text_tables: tuple[str, ...] = (
        "CREATE VIRTUAL TABLE message_words USING fts5 (words, characters, scope, content = '',"
        " columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')",
        "CREATE VIRTUAL TABLE passage_words USING fts5 (words, scope,"
        " tokenize = 'porter unicode61 remove_diacritics 2')",
    )

    index_message = text(
        "INSERT INTO message_words (rowid, words, characters, scope)"
        " VALUES (:id, :words, :characters, :scope)"
    )
    unindex_message = text(
        "INSERT INTO message_words (message_words, rowid, words, characters, scope)"
        " VALUES ('delete', :id, :words, :characters, :scope)"
    )
    find_messages = text(
        "SELECT rowid AS id FROM message_words WHERE message_words MATCH :query AND rowid < :before"
        " ORDER BY rowid DESC LIMIT :count"
    )
    claimable = text(
        "SELECT i.id FROM conversations c JOIN inbox i ON i.id IN ("
        " SELECT p.id FROM inbox p WHERE p.conversation_id = c.id AND p.state = 'pending'"
        " ORDER BY p.id LIMIT :count) WHERE c.id IN :conversations"
    ).bindparams(bindparam("conversations", expanding=True))
    index_passage = text("INSERT INTO passage_words (rowid, words, scope) VALUES (:id, :words, :scope)")
    unindex_document = text(
        "DELETE FROM passage_words WHERE rowid IN (SELECT id FROM passages WHERE document_id = :document_id)"
    )
    _match = text(
        "SELECT p.id, -bm25(passage_words, 1.0, 0.0) AS score FROM passage_words"
        " JOIN passages p ON p.id = passage_words.rowid"
        " WHERE passage_words MATCH :query AND p.scope IN :scopes ORDER BY score DESC LIMIT :count"
    ).bindparams(bindparam("scopes", expanding=True))

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise StorageUnavailable("parley keeps its data in a file: use sqlite:///path/to/file.")
        self.path = Path(url.database)
        self.backups: Path | None = self.path.parent / "backups"
        self._url = url.set(drivername="sqlite+aiosqlite")

    def check_place(self) -> None:
        if not self.path.parent.is_dir():
            raise StorageUnavailable(
                f"The folder {self.path.parent} of the database does not exist. Create it or name another."
            )
        if self.path.is_dir():
            raise StorageUnavailable(f"{self.path} is a folder, not a database file. Name a file in it.")
        if self.path.exists():
            self._check_header()

    def is_there(self) -> bool:
        return self.path.exists() and self.path.stat().st_size > 0

    def _check_header(self) -> None:
        """Refuse what is no database or was cut short.

        A process killed while it moved its write-ahead log into the file leaves a header that counts pages
        still in the log; SQLite puts them in place on opening, so a log beside the file excuses a short one.
        """
        try:
            with self.path.open("rb") as file:
                header = file.read(100)
            size = self.path.stat().st_size
            has_log = self._log_size() > 0
        except OSError as error:
            raise StorageUnavailable(f"{self.path} cannot be read: {error.strerror}.") from error
        if not size:
            return
        page = int.from_bytes(header[16:18], "big")
        page = 65536 if page == 1 else page
        pages = int.from_bytes(header[28:32], "big")
        is_short = size < page * pages and not has_log
        if not header.startswith(_HEADER) or page < 512 or is_short:
            raise StorageCorrupt(f"{self.path} is not a whole SQLite database.")

    def _log_size(self) -> int:
        log = self.path.with_name(self.path.name + "-wal")
        return log.stat().st_size if log.exists() else 0

    def writer_engine(self) -> Engine:
        url = self._url.set(drivername="sqlite+pysqlite")
        engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"isolation_level": None})
        return _prepared(engine, _SHARED | _WRITER)

    def reader_engine(self) -> AsyncEngine:
        engine = create_async_engine(
            self._url,
            pool_size=READERS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
        )
        _prepared(engine.sync_engine, _SHARED | _READER)
        return engine

    def begin(self, connection: Connection) -> int | None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return None

    def was_committed(self, connection: Connection, transaction: int) -> bool:
        return False

    def failure_of(self, error: DBAPIError) -> Failure:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Failure.BUSY
        if code in _UNAVAILABLE:
            return Failure.UNAVAILABLE
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return Failure.CORRUPT
        return Failure.LOST if error.connection_invalidated else Failure.REFUSED

    def describe(self) -> str:
        return f"The database {self.path}"

    async def integrity(self, connection: AsyncConnection) -> str:
        return str((await connection.exec_driver_sql("PRAGMA integrity_check(1)")).scalar_one())

    def quick_check(self, connection: Connection, seconds: float) -> bool | None:
        deadline = time.monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() == "ok")
        except DBAPIError as error:
            if getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
                raise
            return None
        finally:
            driver.set_progress_handler(None, 0)

    def back_up(self, target: Path) -> None:
        _copy(self.path, target)

    def message_query(self, phrases: Sequence[Phrase], conversations: Sequence[int] | None) -> str:
        parts = [
            f"{'characters' if phrase.is_character else 'words'} : "
            + _quoted(phrase, is_open=phrase.is_open and not phrase.is_character)
            for phrase in phrases
        ]
        if conversations is not None:
            parts.append(f"scope : ({' OR '.join(f'c{number}' for number in conversations)})")
        return " AND ".join(parts)

    async def match_passages(
        self, connection: AsyncConnection, terms: Sequence[Phrase], scopes: Sequence[str], limit: int
    ) -> list[tuple[int, float]]:
        words = " OR ".join(_quoted(term, is_open=term.is_open) for term in terms)
        places = " OR ".join(scope_word(scope) for scope in scopes)
        found = await connection.execute(
            self._match,
            {"query": f"words : ({words}) AND scope : ({places})", "scopes": scopes, "count": limit},
        )
        return [(row.id, row.score) for row in found]


def _prepared(engine: Engine, pragmas: dict[str, Any]) -> Engine:
    """The engine, setting these pragmas on each new connection."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for pragma, value in pragmas.items():
            cursor.execute(f"PRAGMA {pragma} = {value}")
        cursor.close()

    return engine


def _quoted(phrase: Phrase, *, is_open: bool) -> str:
    return f'"{" ".join(phrase.words)}"{" *" if is_open else ""}'


def _copy(source: Path, target: Path) -> None:
    """Copy a database while others use it; the new file appears only when it is whole."""
    partial = target.with_name(target.name + ".partial")
    reading, writing = sqlite3.connect(source), sqlite3.connect(partial)
    try:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")
    finally:
        reading.close()
        writing.close()
    partial.replace(target)
