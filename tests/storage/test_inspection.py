"""Looking at a database: what is told of it, and that nothing is changed."""

import sqlite3
from pathlib import Path

import pytest

from storage import NewerSchema, StorageCorrupt, StorageUnavailable, open_store
from storage.inspection import inspect_store
from storage.schema import newest, revisions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parley.sqlite3"


async def make(file: Path) -> None:
    async with open_store(f"sqlite:///{file}"):
        pass


def list_files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def overwrite(file: Path, content: bytes, *, at: int) -> None:
    with file.open("r+b" if at else "wb") as written:
        written.seek(at)
        written.write(content)


def revise(file: Path, revision: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.close()


async def test_missing_database_is_told_and_not_made(file: Path) -> None:
    condition = await inspect_store(f"sqlite:///{file}")
    assert (condition.revision, condition.is_whole) == (None, None)
    assert not list_files(file.parent)


async def test_whole_database_is_told_with_its_schema(file: Path) -> None:
    await make(file)
    condition = await inspect_store(f"sqlite:///{file}")
    assert (condition.revision, condition.newest, condition.is_whole) == (newest(), newest(), True)
    assert str(file) in condition.place


async def test_older_database_is_told_and_not_upgraded(file: Path) -> None:
    await make(file)
    revise(file, revisions()[0])
    assert (await inspect_store(f"sqlite:///{file}")).revision == revisions()[0]
    assert (await inspect_store(f"sqlite:///{file}")).revision == revisions()[0]


async def test_newer_database_is_refused(file: Path) -> None:
    await make(file)
    revise(file, "9999")
    with pytest.raises(NewerSchema, match="newer parley"):
        await inspect_store(f"sqlite:///{file}")


async def test_foreign_database_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.close()
    with pytest.raises(StorageUnavailable, match="another program"):
        await inspect_store(f"sqlite:///{file}")


async def test_damaged_pages_are_noticed(file: Path) -> None:
    await make(file)
    overwrite(file, b"\xff" * 4096 * 8, at=4096 * 2)
    try:
        assert (await inspect_store(f"sqlite:///{file}")).is_whole is False
    except StorageCorrupt as error:
        assert "damaged" in str(error)  # noqa: PT017 - either way of noticing is right


async def test_file_that_is_no_database_is_noticed(file: Path) -> None:
    overwrite(file, b"no database at all" * 1000, at=0)
    with pytest.raises(StorageCorrupt):
        await inspect_store(f"sqlite:///{file}")


async def test_check_that_takes_too_long_ends(file: Path) -> None:
    await make(file)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE filler (text TEXT)")
        connection.executemany("INSERT INTO filler VALUES (?)", (["x" * 500] for _ in range(20_000)))
    connection.close()
    assert (await inspect_store(f"sqlite:///{file}", seconds=0)).is_whole is None
