"""The vectors in memory follow storage and keep scopes apart."""

from __future__ import annotations

import numpy as np
import pytest

from bot.knowledge import vectors
from bot.knowledge.vectors import VectorCache
from storage import NewPassage, Store


async def put(store: Store, uri: str, scope: str, *rows: tuple[float, float]) -> None:
    passages = [NewPassage("", "", uri, uri, np.array(row, np.float32)) for row in rows]
    await store.knowledge.put(uri, scope, uri, "text/plain", uri, 1, 0.0, passages)


async def test_nearest_and_known_passages_of_the_scopes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "STRIDE", 2)
    cache = VectorCache(store.knowledge)
    question = np.array([1.0, 0.0], np.float32)
    assert await cache.compare(question, [""], [1], 5) == {}
    await put(store, "a", "", (1, 0), (0.6, 0.8), (0, 1))
    await put(store, "b", "ann", (0.8, 0.6))
    found = await cache.compare(question, [""], [], 2)
    assert [round(cosine, 2) for cosine in found.values()] == [1.0, 0.6]
    everything = await cache.compare(question, ["", "ann", "nobody"], [], 9)
    assert [round(cosine, 2) for cosine in everything.values()] == [1.0, 0.8, 0.6, 0.0]
    farthest, private = list(everything)[3], list(everything)[1]
    assert set(await cache.compare(question, [""], [farthest, private], 1)) == {
        next(iter(everything)),
        farthest,
    }


async def test_many_small_blocks_are_joined(store: Store) -> None:
    cache = VectorCache(store.knowledge)
    question = np.array([1.0, 0.0], np.float32)
    for number in range(vectors.MOST_BLOCKS + 3):
        await put(store, f"d{number}", "", (1, number))
        found = await cache.compare(question, [""], [], 99)
    assert len(found) == vectors.MOST_BLOCKS + 3


async def test_vectors_of_another_model_are_left_out(store: Store) -> None:
    cache = VectorCache(store.knowledge)
    await put(store, "a", "", (1, 0))
    assert await cache.compare(np.ones(3, np.float32), [""], [1], 5) == {}
