"""Documents and their passages: put, found by words, handed out as vectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.numbers import KNOWLEDGE, now, take
from storage.reader import Reader
from storage.records import Document, NewPassage, StoredPassage, VectorBlock
from storage.segmentation import phrase_of, scope_word, segment
from storage.tables import AnyRow, counters, documents, passages
from storage.writer import Writer

_find = select(documents.c.id).where(
    documents.c.uri == bindparam("uri"), documents.c.scope == bindparam("scope")
)
_change = (
    update(documents)
    .where(documents.c.id == bindparam("document"))
    .values(
        title=bindparam("title"),
        media_type=bindparam("media_type"),
        sha256=bindparam("sha256"),
        size=bindparam("size"),
        modified=bindparam("modified"),
        added_at=bindparam("added_at"),
        passages=bindparam("passages"),
    )
)
_insert_passages = insert(passages)
_drop_passages = delete(passages).where(passages.c.document_id == bindparam("document_id"))
_drop_document = delete(documents).where(documents.c.id == bindparam("document_id"))
_all = select(documents).order_by(documents.c.scope, documents.c.uri)
_some = _all.where(documents.c.scope.in_(bindparam("scopes", expanding=True)))
_passage_columns = select(
    passages.c.id,
    passages.c.document_id,
    documents.c.title,
    documents.c.uri,
    passages.c.scope,
    passages.c.position,
    passages.c.heading,
    passages.c.location,
    passages.c.text,
).join(documents, documents.c.id == passages.c.document_id)
_passages = _passage_columns.where(passages.c.id.in_(bindparam("ids", expanding=True)))
_passages_of = (
    _passage_columns.where(passages.c.document_id == bindparam("document_id"))
    .order_by(passages.c.position)
    .limit(bindparam("count"))
)
_vectors = (
    select(passages.c.id, passages.c.scope, passages.c.vector)
    .where(passages.c.id > bindparam("after"), passages.c.vector.is_not(None))
    .order_by(passages.c.id)
)
_unembedded = (
    _passage_columns.where(passages.c.vector.is_(None)).order_by(passages.c.id).limit(bindparam("count"))
)
_set_vector = update(passages).where(passages.c.id == bindparam("passage")).values(vector=bindparam("row"))
_version = select(counters.c.value).where(counters.c.name == KNOWLEDGE)


@dataclass(frozen=True, slots=True)
class _Put:
    document: dict[str, Any]
    passages: Sequence[NewPassage]


@dataclass(frozen=True, slots=True)
class _Remove:
    uri: str
    scope: str


class Knowledge:
    """The documents answers may stand on. A scope says who may read them; an empty one is everyone's."""

    def __init__(self, dialect: Dialect, writer: Writer, reader: Reader) -> None:
        self._dialect = dialect
        self._writer = writer
        self._reader = reader
        self._put = partial(_put_all, dialect)
        self._remove = partial(_remove_all, dialect)

    async def put(
        self,
        uri: str,
        scope: str,
        title: str,
        media_type: str,
        sha256: str,
        size: int,
        modified: float,
        passages: Sequence[NewPassage],
    ) -> int:
        """Store a document, in one transaction in place of what was there under its uri and scope; its id."""
        document = {
            "uri": uri,
            "scope": scope,
            "title": title,
            "media_type": media_type,
            "sha256": sha256,
            "size": size,
            "modified": modified,
        }
        return await self._writer.submit(self._put, _Put(document, passages))

    async def remove(self, uri: str, scope: str) -> bool:
        """Forget a document; False when there was none."""
        return await self._writer.submit(self._remove, _Remove(uri, scope))

    async def documents(self, scopes: Collection[str] | None = None) -> list[Document]:
        """The documents of some scopes, or all with None, by scope and uri."""
        if scopes is None:
            rows = await self._reader.rows(_all)
        else:
            rows = await self._reader.rows(_some, {"scopes": list(scopes)})
        return [_document(row) for row in rows]

    async def passages(self, ids: Sequence[int]) -> list[StoredPassage]:
        """Passages in the order of their ids as given; unknown ids are left out."""
        rows = {row.id: row for row in await self._reader.rows(_passages, {"ids": list(ids)})}
        return [StoredPassage(*rows[each]) for each in ids if each in rows]

    async def passages_of(self, document_id: int, limit: int) -> list[StoredPassage]:
        """The first passages of a document in reading order."""
        wanted = {"document_id": document_id, "count": limit}
        return [StoredPassage(*row) for row in await self._reader.rows(_passages_of, wanted)]

    async def match(
        self, query_terms: Sequence[str], scopes: Collection[str], limit: int
    ) -> list[tuple[int, float]]:
        """Passage ids with their BM25, best first: passages of the scopes that hold any of the terms.

        A term is a word, or a piece of unspaced script, which must occur as it stands.
        """
        terms = list(dict.fromkeys(phrase for term in query_terms if (phrase := phrase_of(term))))
        if not terms or not scopes:
            return []
        async with self._reader.connection() as connection:
            return await self._dialect.match_passages(connection, terms, list(scopes), limit)

    async def vectors(self, after_id: int = 0) -> VectorBlock:
        """The vectors of the passages with ids above `after_id`, in order; those without one are left out.

        Where vectors of several lengths are stored, only those as long as the newest are given.
        """
        rows = await self._reader.rows(_vectors, {"after": after_id})
        size = len(rows[-1].vector) if rows else 0
        rows = [row for row in rows if len(row.vector) == size]
        stored = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f2")
        return VectorBlock(
            ids=np.array([row.id for row in rows], dtype=np.int64),
            scopes=tuple(row.scope for row in rows),
            matrix=stored.astype(np.float32).reshape(len(rows), size // 2),
        )

    async def unembedded(self, limit: int) -> list[StoredPassage]:
        """Passages that were stored without a vector, the oldest first."""
        return [StoredPassage(*row) for row in await self._reader.rows(_unembedded, {"count": limit})]

    async def set_vectors(self, ids: Sequence[int], matrix: NDArray[np.float32]) -> None:
        """Give passages their vectors, row by row; passages that are gone are left out."""
        await self._writer.submit(_set_all, dict(zip(ids, matrix, strict=True)))

    async def version(self) -> int:
        """A number that changes with every change, whichever process did it."""
        rows = await self._reader.rows(_version)
        return int(rows[0].value)


def _put_all(dialect: Dialect, connection: Connection, puts: list[_Put]) -> list[int]:
    take(connection, len(puts), KNOWLEDGE)
    return [_put(dialect, connection, put) for put in puts]


def _put(dialect: Dialect, connection: Connection, put: _Put) -> int:
    document_id = _write_document(dialect, connection, put)
    if put.passages:
        scope = put.document["scope"]
        numbered = list(zip(take(connection, len(put.passages)), put.passages, strict=True))
        rows = [
            _row(number, position, document_id, scope, passage)
            for position, (number, passage) in enumerate(numbered)
        ]
        run_many(connection, _insert_passages, rows)
        words = [_words(number, scope, passage) for number, passage in numbered]
        run_many(connection, dialect.index_passage, words)
    return document_id


def _write_document(dialect: Dialect, connection: Connection, put: _Put) -> int:
    """The document's row, new or changed, without passages."""
    facts = put.document | {"added_at": now(), "passages": len(put.passages)}
    known: int | None = connection.execute(_find, put.document).scalar()
    if known is None:
        (document_id,) = take(connection, 1)
        connection.execute(insert(documents), {"id": document_id, **facts})
        return document_id
    _drop_all_passages(dialect, connection, known)
    connection.execute(_change, {"document": known, **facts})
    return known


def _remove_all(dialect: Dialect, connection: Connection, removals: list[_Remove]) -> list[bool]:
    take(connection, len(removals), KNOWLEDGE)
    outcomes = []
    for each in removals:
        known = connection.execute(_find, {"uri": each.uri, "scope": each.scope}).scalar()
        if known is not None:
            _drop_all_passages(dialect, connection, known)
            connection.execute(_drop_document, {"document_id": known})
        outcomes.append(known is not None)
    return outcomes


def _set_all(connection: Connection, updates: list[dict[int, NDArray[np.float32]]]) -> list[None]:
    take(connection, len(updates), KNOWLEDGE)
    rows = [
        {"passage": number, "row": _stored(vector)}
        for vectors in updates
        for number, vector in vectors.items()
    ]
    run_many(connection, _set_vector, rows)
    return [None] * len(updates)


def _drop_all_passages(dialect: Dialect, connection: Connection, document_id: int) -> None:
    connection.execute(dialect.unindex_document, {"document_id": document_id})
    connection.execute(_drop_passages, {"document_id": document_id})


def _row(number: int, position: int, document_id: int, scope: str, passage: NewPassage) -> dict[str, Any]:
    return {
        "id": number,
        "document_id": document_id,
        "position": position,
        "scope": scope,
        "heading": passage.heading,
        "location": passage.location,
        "text": passage.text,
        "vector": None if passage.vector is None else _stored(passage.vector),
    }


def _stored(vector: NDArray[np.float32]) -> bytes:
    """A vector as half-precision numbers: half the room, and cosines differ by less than 0.001."""
    return vector.astype("<f2").tobytes()


def _words(number: int, scope: str, passage: NewPassage) -> dict[str, Any]:
    return {"id": number, "words": segment(passage.search_text)[0], "scope": scope_word(scope)}


def _document(row: AnyRow) -> Document:
    return Document(
        id=row.id,
        uri=row.uri,
        scope=row.scope,
        title=row.title,
        media_type=row.media_type,
        sha256=row.sha256,
        size=row.size,
        modified=row.modified,
        added_at=datetime.fromtimestamp(row.added_at, UTC),
        passages=row.passages,
    )
