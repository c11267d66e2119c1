"""Thumbs: one per message and author."""

from __future__ import annotations

import asyncio

from storage import Feedback, Store


async def test_a_thumb_replaces_the_earlier_one(store: Store) -> None:
    await asyncio.gather(
        store.feedback.put(Feedback("m1", "ada", -1)),
        store.feedback.put(Feedback("m1", "eve", 1)),
        store.feedback.put(Feedback("m1", "ada", 1, "better")),
        store.feedback.put(Feedback("m2", "ada", -1)),
    )
    assert await store.feedback.counts() == (2, 1)
    thumbs = {each.author: each for each in await store.feedback.of("m1")}
    assert thumbs["ada"] == Feedback("m1", "ada", 1, "better")
    await store.feedback.put(Feedback("m1", "ada", 0))
    assert [each.author for each in await store.feedback.of("m1")] == ["eve"]
    assert await store.feedback.counts() == (1, 1)


async def test_an_author_sees_the_thumbs_they_gave(store: Store) -> None:
    await store.feedback.put(Feedback("a", "ann", 1))
    await store.feedback.put(Feedback("b", "ann", -1))
    await store.feedback.put(Feedback("c", "bob", 1))
    assert await store.feedback.given("ann", ["a", "b", "c", "d"]) == {"a": 1, "b": -1}
    assert await store.feedback.given("ann", []) == {}
