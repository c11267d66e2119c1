"""PostgreSQL: the same store for several processes, full text by tsvector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.dialects import Failure, plain
from storage.errors import StorageError
from storage.segmentation import Phrase

READERS = 4
_CANDIDATES = 400
_WRITE_LOCK = 0x7061726C6579
_CONNECTING = {
    "connect_timeout": 10,
    # A process that is frozen inside a transaction holds the one write lock: others wait no longer than this.
    "options": "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_BUSY = {"55P03", "57014", "40001", "40P01"}
_LOST = ("08", "57P0")
_UNAVAILABLE = {"25006", "42501"}


class PostgreSQL:
    """A database of a server.

    In `message_words` a lone character stands as x字, apart from the words: it has no position, and one
    entry without would spoil phrases that end in an open word.
    """

    name: str = "postgresql"
    backups: Path | None = None
    full_text_tables: tuple[str, ...] = (
        "CREATE TABLE message_words (id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_message_words_words ON message_words USING gin (words)",
        "CREATE TABLE passage_words"
        " (id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL, length INTEGER NOT NULL)",
        "CREATE INDEX ix_passage_words_words ON passage_words USING gin (words)",
    )

    index_message = text(
        "INSERT INTO message_words (id, words) VALUES (:id, to_tsvector('simple', :words) ||"
        " strip(to_tsvector('simple', :scope || coalesce("
        "' x' || replace(nullif(:characters, ''), ' ', ' x'), ''))))"
    )
    unindex_message = text("DELETE FROM message_words WHERE id = :id")
    find_messages = text(
        "SELECT id FROM message_words WHERE words @@ to_tsquery('simple', :query) AND id < :before"
        " ORDER BY id DESC LIMIT :count"
    )
    claimable = text(
        "SELECT p.id FROM unnest(CAST(:conversations AS bigint[])) AS c (id) CROSS JOIN LATERAL ("
        " SELECT id FROM inbox WHERE conversation_id = c.id AND state = 'pending'"
        " ORDER BY id LIMIT :count) p"
    )
    index_passage = text(
        "INSERT INTO passage_words (id, words, length) VALUES (:id, to_tsvector('english', :words),"
        " cardinality(string_to_array(:words, ' ')))"
    )
    unindex_document = text(
        "DELETE FROM passage_words WHERE id IN (SELECT id FROM passages WHERE document_id = :document_id)"
    )
    _candidates = text(
        "SELECT w.id, w.length FROM passage_words w JOIN passages p ON p.id = w.id,"
        " to_tsquery('english', :query) q WHERE w.words @@ q AND p.scope = ANY(:scopes)"
        " ORDER BY ts_rank(w.words, q) DESC LIMIT :count"
    )
    _totals = text("SELECT count(*) AS passages, avg(length) AS length FROM passage_words")
    _terms = text(
        "SELECT tsvector_to_array(to_tsvector('english', t.words)) AS lexemes, (SELECT count(*)"
        " FROM passage_words WHERE words @@ to_tsquery('english', t.query)) AS passages"
        " FROM unnest(CAST(:words AS text[]), CAST(:queries AS text[])) AS t (words, query)"
    )
    _counts = text(
        "SELECT w.id, l.lexeme, cardinality(l.positions) AS occurrences"
        " FROM passage_words w, unnest(w.words) l WHERE w.id = ANY(:ids) AND l.lexeme = ANY(:lexemes)"
    )

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")

    def check_place(self) -> None:
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise StorageError("PostgreSQL needs its driver: pip install 'parley[postgres]'.") from error

    def is_there(self) -> bool:
        return True

    def writer_engine(self) -> Engine:
        return create_engine(self._url, pool_size=1, max_overflow=0, connect_args=_CONNECTING)

    def reader_engine(self) -> AsyncEngine:
        return create_async_engine(
            self._url,
            pool_size=READERS,
            max_overflow=0,
            connect_args=_CONNECTING,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_pre_ping=True,
        )

    def begin(self, connection: Connection) -> int | None:
        return int(connection.execute(_BEGIN, {"lock": _WRITE_LOCK}).one().number)

    def was_committed(self, connection: Connection, transaction: int) -> bool:
        wanted = {"lock": _WRITE_LOCK, "number": str(transaction)}
        return bool(connection.execute(_OUTCOME, wanted).one().status == "committed")

    def failure_of(self, error: DBAPIError) -> Failure:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_LOST):
            return Failure.LOST
        if not state and isinstance(error, OperationalError | InterfaceError):
            return Failure.LOST
        if state in _BUSY:
            return Failure.BUSY
        return Failure.UNAVAILABLE if state in _UNAVAILABLE or state.startswith("53") else Failure.REFUSED

    def describe(self) -> str:
        return f"The database {plain(self._url)}"

    async def integrity(self, connection: AsyncConnection) -> str:
        await connection.execute(text("SELECT 1"))
        return "ok"

    def quick_check(self, connection: Connection, seconds: float) -> bool | None:
        connection.execute(text("SELECT 1"))
        return True

    def back_up(self, target: Path) -> None:
        raise StorageError("parley makes no copies of a PostgreSQL database: use pg_dump.")

    def message_query(self, phrases: Sequence[Phrase], conversations: Sequence[int] | None) -> str:
        parts = [
            f"'x{phrase.words[0]}'" if phrase.is_character else _query(phrase, is_open=phrase.is_open)
            for phrase in phrases
        ]
        if conversations is not None:
            parts.append(f"({' | '.join(f'c{number}' for number in conversations)})")
        return " & ".join(parts)

    async def match_passages(
        self, connection: AsyncConnection, terms: Sequence[Phrase], scopes: Sequence[str], limit: int
    ) -> list[tuple[int, float]]:
        queries = [_query(term, is_open=term.is_open) for term in terms]
        wanted = {"query": " | ".join(queries), "scopes": list(scopes), "count": max(limit, _CANDIDATES)}
        lengths = {row.id: row.length for row in await connection.execute(self._candidates, wanted)}
        if not lengths:
            return []
        words = [" ".join(term.words) for term in terms]
        frequencies = (await connection.execute(self._terms, {"words": words, "queries": queries})).all()
        lexemes = sorted({lexeme for row in frequencies for lexeme in row.lexemes})
        counts: dict[int, dict[str, int]] = {number: {} for number in lengths}
        for row in await connection.execute(self._counts, {"ids": list(lengths), "lexemes": lexemes}):
            counts[row.id][row.lexeme] = row.occurrences
        totals = (await connection.execute(self._totals)).one()
        ranking = _Ranking(
            totals.passages, float(totals.length), [(r.lexemes, r.passages) for r in frequencies]
        )
        scores = [(number, ranking.score(counts[number], length)) for number, length in lengths.items()]
        return sorted(scores, key=lambda each: -each[1])[:limit]


_BEGIN = text("SELECT pg_advisory_xact_lock(:lock), pg_current_xact_id()::text AS number")
_OUTCOME = text("SELECT pg_advisory_xact_lock(:lock), pg_xact_status(CAST(:number AS xid8)) AS status")


@dataclass(frozen=True, slots=True)
class _Ranking:
    """BM25 (Robertson and Zaragoza 2009) with k1 = 1.2 and b = 0.75 over the query's terms."""

    passages: int
    mean_length: float
    terms: list[tuple[list[str], int]]

    def score(self, counts: Mapping[str, int], length: int) -> float:
        norm = 1.2 * (0.25 + 0.75 * length / self.mean_length)
        total = 0.0
        for lexemes, passages in self.terms:
            count = min((counts.get(lexeme, 0) for lexeme in lexemes), default=0)
            rarity = max(log((self.passages - passages + 0.5) / (passages + 0.5)), 1e-6)
            total += rarity * count * 2.2 / (count + norm)
        return total


def _query(phrase: Phrase, *, is_open: bool) -> str:
    """A phrase for to_tsquery. Its words are letters and digits only, so quotes hold them safely."""
    return "(" + " <-> ".join(f"'{word}'" for word in phrase.words) + (":*" if is_open else "") + ")"
