"""Documents, passages, BM25 and vectors, on both databases."""

from __future__ import annotations

import numpy as np
import pytest

from storage import NewPassage, Store, open_store


def passage(text: str, vector: list[float] | None = None) -> NewPassage:
    row = None if vector is None else np.array(vector, np.float32)
    return NewPassage("Heading", "page 1", text, f"Title Heading {text}", row)


async def put(store: Store, uri: str, *passages: NewPassage, scope: str = "", sha256: str = "a") -> int:
    return await store.knowledge.put(uri, scope, uri.title(), "text/plain", sha256, 10, 1.5, passages)


async def texts(store: Store, *terms: str, scopes: tuple[str, ...] = ("",), limit: int = 10) -> list[str]:
    found = await store.knowledge.match(terms, scopes, limit)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    return [each.text for each in await store.knowledge.passages([number for number, _ in found])]


async def test_a_document_replaces_itself(store: Store) -> None:
    first = await put(store, "a.txt", passage("old apples"), passage("old pears"))
    version = await store.knowledge.version()
    old = (await store.knowledge.vectors()).ids
    assert await put(store, "a.txt", passage("new apples", [1, 0]), sha256="b") == first
    assert await store.knowledge.version() > version
    (document,) = await store.knowledge.documents()
    assert (document.sha256, document.passages, document.title, document.size) == ("b", 1, "A.Txt", 10)
    assert await texts(store, "apples", "pears") == ["new apples"]
    assert not set((await store.knowledge.vectors()).ids) & set(old)


async def test_a_removed_document_is_gone(store: Store) -> None:
    await put(store, "a.txt", passage("apples", [1, 0]))
    version = await store.knowledge.version()
    assert await store.knowledge.remove("a.txt", "")
    assert not await store.knowledge.remove("a.txt", "")
    assert await store.knowledge.version() > version
    assert await texts(store, "apples") == []
    assert await store.knowledge.documents() == []
    assert (await store.knowledge.vectors()).matrix.shape == (0, 0)


async def test_scopes_are_walls(store: Store) -> None:
    await put(store, "shared", passage("shared apples", [1, 0]))
    await put(store, "mine", passage("my apples", [0, 1]), scope="ada")
    await put(store, "mine", passage("other apples", [0, 1]), scope="eve")
    assert await texts(store, "apples", scopes=("",)) == ["shared apples"]
    assert set(await texts(store, "apples", scopes=("", "ada"))) == {"shared apples", "my apples"}
    assert await texts(store, "apples", scopes=("nobody",)) == []
    assert await texts(store, "apples", scopes=()) == []
    assert [each.scope for each in await store.knowledge.documents(["ada"])] == ["ada"]
    assert len(await store.knowledge.documents()) == 3
    block = await store.knowledge.vectors()
    assert block.scopes == ("", "ada", "eve")
    assert await store.knowledge.remove("mine", "ada")
    assert await texts(store, "apples", scopes=("eve",)) == ["other apples"]


async def test_rarer_words_and_more_of_them_count_more(store: Store) -> None:
    filler = [passage(f"the common text number {number} about fruit") for number in range(20)]
    await put(store, "a", *filler, passage("the rare zebra"), passage("zebra zebra crossing of the zebra"))
    assert (await texts(store, "zebra", "fruit"))[:2] == [
        "zebra zebra crossing of the zebra",
        "the rare zebra",
    ]
    assert len(await texts(store, "zebra", "fruit", limit=5)) == 5


@pytest.mark.parametrize(
    ("term", "found"),
    [
        *((term, True) for term in ("resetting", "RESET", "密码", "数据库", "密", "库的密")),
        *((term, False) for term in ("数码", "", "!?", "apple's", '"')),
    ],
)
async def test_terms_are_stems_or_pieces(store: Store, term: str, found: bool) -> None:
    await put(store, "a", passage("How to reset 数据库的密码 quickly"))
    assert bool(await texts(store, term)) is found


async def test_passages_come_as_asked(store: Store) -> None:
    await put(store, "a", passage("one", [1, 0]), passage("two", [0, 1]))
    ids = [int(number) for number in (await store.knowledge.vectors()).ids]
    found = await store.knowledge.passages([ids[1], 10**9, ids[0]])
    assert [each.text for each in found] == ["two", "one"]
    assert (found[0].document, found[0].uri, found[0].position) == ("A", "a", 1)
    assert (found[0].heading, found[0].location) == ("Heading", "page 1")


async def test_vectors_come_block_by_block(store: Store) -> None:
    await put(store, "a", passage("one", [0.5, -0.25]), passage("without"))
    first = await store.knowledge.vectors()
    await put(store, "b", passage("two", [1, 0]))
    rest = await store.knowledge.vectors(int(first.ids[-1]))
    assert first.matrix.dtype == np.float32
    assert np.allclose(first.matrix, [[0.5, -0.25]])
    assert np.allclose(rest.matrix, [[1, 0]])
    (waiting,) = await store.knowledge.unembedded(10)
    assert waiting.text == "without"
    version = await store.knowledge.version()
    await store.knowledge.set_vectors([waiting.id, 10**9], np.array([[0, 1], [1, 1]], np.float32))
    assert await store.knowledge.version() > version
    assert await store.knowledge.unembedded(10) == []
    assert len((await store.knowledge.vectors()).ids) == 3


async def test_the_newest_vectors_decide_the_length(store: Store) -> None:
    await put(store, "a", passage("old model", [1, 0, 0]))
    await put(store, "b", passage("new model", [1, 0]))
    block = await store.knowledge.vectors()
    assert block.matrix.shape == (1, 2)
    assert len(block.scopes) == 1


async def test_another_process_sees_the_version_change(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as two:
        before = await two.knowledge.version()
        await put(one, "a", passage("apples"))
        assert await two.knowledge.version() != before
        assert await texts(two, "apples") == ["apples"]
