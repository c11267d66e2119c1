"""Documents are added, kept up to date, found by those who may read them, and forgotten."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import UnreadableDocument
from bot.knowledge import library as module
from bot.knowledge.library import Library, LibraryOptions, Progress
from bot.testing.fakes import FakeModels
from storage import Store

RETURNS = b"# Returns\n\nGoods can be returned within 30 days.\n"
TOWER = "# 灯塔\n\n灯塔建于1893年，由法尔克建造。\n".encode()


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
async def library(store: Store, models: FakeModels) -> AsyncIterator[Library]:
    async with Library(store.knowledge, models, LibraryOptions(document_mb=1)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    (place / "guide").mkdir(parents=True)
    (place / ".hidden").mkdir()
    (place / "returns.md").write_bytes(RETURNS)
    (place / "guide" / "tower.md").write_bytes(TOWER)
    (place / "broken.pdf").write_bytes(b"%PDF-1.4")
    (place / "photo.jpg").write_bytes(b"\xff\xd8")
    (place / ".hidden" / "secret.md").write_bytes(b"secret")
    return place


async def first(library: Library, question: str, *scopes: str) -> str:
    found = await library.search(question, scopes or [""])
    return found[0].document if found else ""


async def test_a_file_is_found_by_words_and_meaning(library: Library) -> None:
    await library.add_file("returns.md", RETURNS)
    await library.add_file("tower.md", TOWER)
    (found, *_) = await library.search("when can goods be returned?", [""])
    assert (found.document, found.heading, found.location) == ("returns.md", "Returns", "line 3")
    assert found.similarity is not None
    assert found.similarity > 0.2
    assert found.coverage == pytest.approx(1.0)
    assert await first(library, "谁建造了灯塔？") == "tower.md"


async def test_without_models_words_alone_find_it_and_vectors_come_later(
    library: Library, models: FakeModels, store: Store
) -> None:
    models.down = True
    await library.add_file("returns.md", RETURNS)
    (found,) = await library.search("returned goods", [""])
    assert found.similarity is None
    models.down = False
    assert (await library.search("returned goods", [""]))[0].similarity is None
    await library.refresh()
    assert (await library.search("returned goods", [""]))[0].similarity is not None
    assert not await store.knowledge.unembedded(10)


async def test_scopes_keep_documents_apart(library: Library) -> None:
    await library.add_file("returns.md", RETURNS, scope="web:ann")
    assert not await library.search("returned goods", [""])
    assert not await library.view(["", "web:bob"]).search("returned goods")
    assert await library.view([""]).is_empty()
    assert [each.document for each in await library.view(["", "web:ann"]).search("goods")] == ["returns.md"]


async def test_a_document_is_read_in_order_by_those_who_may(library: Library) -> None:
    await library.add_file(
        "long.txt", "\n\n".join(f"Paragraph {number}. " * 40 for number in range(9)).encode()
    )
    await library.add_file("own.md", RETURNS, scope="web:ann")
    everyone, ann = library.view([""]), library.view(["", "web:ann"])
    assert await everyone.titles() == ["long.txt"]
    assert await ann.titles() == ["long.txt", "own.md"]
    passages = await everyone.read("long.txt")
    assert len(passages) > 3
    assert "Paragraph 0." in passages[0].text
    assert "Paragraph 8." in passages[-1].text
    assert await everyone.read("long.txt", limit=2) == passages[:2]
    assert await everyone.read("own.md") == []
    assert [each.document for each in await ann.read("own.md")] == ["own.md"]


async def test_the_same_name_replaces_and_a_bad_file_changes_nothing(library: Library) -> None:
    await library.add_file("a.md", RETURNS)
    await library.search("anything", [""])
    await library.add_file("a.md", TOWER)
    with pytest.raises(UnreadableDocument):
        await library.add_file("a.md", b"\x00\x01\x02")
    assert len(await library.documents()) == 1
    assert [each.heading for each in await library.search("goods 灯塔", [""])] == ["灯塔"]


async def test_a_removed_document_is_not_found(library: Library) -> None:
    document = await library.add_file("a.md", RETURNS)
    await library.search("goods", [""])
    assert await library.remove(document.id)
    assert not await library.remove(document.id)
    assert await library.search("goods", [""]) == []


async def test_a_folder_is_walked(library: Library, folder: Path) -> None:
    seen: list[Progress] = []
    report = await library.add_paths([folder, folder / "nothing"], progress=seen.append)
    assert [each.title for each in report.added] == ["returns.md", "guide/tower.md"]
    assert [Path(name).name for name, _ in report.failed] == ["nothing", "broken.pdf"]
    assert report.skipped == 1
    assert (seen[-1].done, seen[-1].total) == (3, 3)
    again = await library.add_paths([folder])
    assert (len(again.added), len(again.unchanged), again.removed) == (0, 2, [])


async def test_changes_of_files_are_followed(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", timedelta(seconds=-1))
    await library.add_paths([folder])
    quiet = await library.refresh()
    assert (quiet.added, quiet.removed) == ([], [])
    (folder / "returns.md").write_text("Goods can be returned within 14 days, says the new law.")
    os.utime(folder / "returns.md", (1, 1))
    (folder / "guide" / "tower.md").unlink()
    (folder / "new.txt").write_text("The harbour opens at six.")
    report = await library.refresh()
    assert sorted(each.title for each in report.added) == ["new.txt", "returns.md"]
    assert report.removed == [str(folder / "guide" / "tower.md")]
    assert "14 days" in (await library.search("returned goods", [""]))[0].text
    assert await first(library, "when does the harbour open?") == "new.txt"
    quiet = await library.refresh()
    assert (quiet.added, quiet.removed, quiet.failed) == ([], [], [])


async def test_a_folder_out_of_reach_takes_nothing_away(library: Library, folder: Path) -> None:
    await library.add_paths([folder])
    os.rename(folder, folder.with_name("unmounted"))  # noqa: PTH104
    assert (await library.refresh()).removed == []
    assert len(await library.documents()) == 2


async def test_a_file_removed_by_hand_does_not_come_back(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", timedelta(seconds=-1))
    report = await library.add_paths([folder])
    await library.remove(next(each.id for each in report.added if each.title == "returns.md"))
    await library.refresh()
    assert [each.title for each in await library.documents()] == ["guide/tower.md"]
    await library.add_paths([folder])
    assert len(await library.documents()) == 2
