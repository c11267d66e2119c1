"""The passages' vectors in memory, kept in step with storage, and compared with a question's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storage import VectorBlock
from storage.knowledge import Knowledge as Shelf

if TYPE_CHECKING:
    from bot.models import Vectors

STRIDE = 4096
MOST_BLOCKS = 32


@dataclass(frozen=True, slots=True)
class _Block:
    """Some passages: `ids` ascending, the number of each one's scope, float16 rows."""

    ids: NDArray[np.int64]
    scopes: NDArray[np.int32]
    matrix: NDArray[np.float16]


class VectorCache:
    """All vectors as float16 (768 bytes a passage with 384 dimensions).

    New passages are loaded as they come, whichever process stored them. A passage that storage has
    dropped stays until `forget` is called; looking it up in storage finds nothing.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._blocks: list[_Block] = []
        self._scopes: dict[str, int] = {}
        self._version: int | None = None
        self._outdated = False
        self._loading = asyncio.Lock()

    def forget(self) -> None:
        """Load everything anew at the next comparison: passages were dropped, or got their vectors late."""
        self._outdated = True

    async def compare(
        self, question: Vectors, scopes: Collection[str], known: Sequence[int], limit: int
    ) -> dict[int, float]:
        """Cosines by passage id: of the `limit` nearest passages of the scopes, and of those in `known`."""
        await self._load()
        blocks, codes = self._blocks, [self._scopes[each] for each in scopes if each in self._scopes]
        if sum(len(block.ids) for block in blocks) <= STRIDE:
            return _compare(blocks, question, codes, known, limit)
        return await asyncio.to_thread(_compare, blocks, question, codes, known, limit)

    async def _load(self) -> None:
        async with self._loading:
            version = await self._shelf.version()
            if version == self._version and not self._outdated:
                return
            known = [] if self._outdated else self._blocks
            self._version, self._outdated = None, False
            found = await self._shelf.vectors(int(known[-1].ids[-1]) if known else 0)
            if len(found.ids):
                known = await asyncio.to_thread(_compacted, [*known, self._block(found)])
            self._blocks, self._version = known, version

    def _block(self, found: VectorBlock) -> _Block:
        codes = [self._scopes.setdefault(scope, len(self._scopes)) for scope in found.scopes]
        return _Block(found.ids, np.array(codes, np.int32), found.matrix.astype(np.float16))


def _compacted(blocks: list[_Block]) -> list[_Block]:
    same = len({block.matrix.shape[1] for block in blocks}) == 1
    if len(blocks) <= MOST_BLOCKS or not same:
        return blocks
    return [
        _Block(
            np.concatenate([block.ids for block in blocks]),
            np.concatenate([block.scopes for block in blocks]),
            np.concatenate([block.matrix for block in blocks]),
        )
    ]


def _compare(
    blocks: list[_Block], question: Vectors, codes: list[int], known: Sequence[int], limit: int
) -> dict[int, float]:
    found: dict[int, float] = {}
    nearest: list[tuple[float, int]] = []
    for block in blocks:
        if block.matrix.shape[1] != len(question):
            continue
        cosines = _cosines(block.matrix, question)
        allowed = np.isin(block.scopes, codes)
        cosines[~allowed] = -2.0
        count = min(limit, int(allowed.sum()))
        best = np.argpartition(-cosines, count - 1)[:count] if count else np.empty(0, np.int64)
        nearest += [(float(cosines[row]), int(block.ids[row])) for row in best]
        rows = np.searchsorted(block.ids, known)
        for key, row in zip(known, rows, strict=True):
            if row < len(block.ids) and block.ids[row] == key and allowed[row]:
                found[key] = float(cosines[row])
    nearest.sort(reverse=True)
    return found | {key: cosine for cosine, key in nearest[:limit]}


def _cosines(matrix: NDArray[np.float16], question: Vectors) -> Vectors:
    """Products row by row, a stride at a time, so that little is ever held as float32."""
    parts = [matrix[at : at + STRIDE].astype(np.float32) @ question for at in range(0, len(matrix), STRIDE)]
    cosines: Vectors = np.concatenate(parts)
    return cosines
