"""Opening, upgrading, refusing and closing databases."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from storage import (
    Event,
    NewerSchema,
    StorageCorrupt,
    StorageError,
    StorageUnavailable,
    Store,
    open_store,
    schema,
)

Make = Callable[..., Event]

POSTGRES_SCHEMA = """
    SELECT table_name || column_name || data_type || is_nullable FROM information_schema.columns
    WHERE table_schema = 'public'
    UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
"""


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A parley one migration further: the folder of its migrations, used from now on."""
    folder = tmp_path / "migrations 100%"
    shutil.copytree(schema.MIGRATIONS, folder)
    (folder / "versions" / "0100_note.py").write_text(
        'from alembic import op\n\nrevision = "0100"\ndown_revision = "0004"\n\n\n'
        'def upgrade():\n    op.execute("CREATE TABLE later (words TEXT)")\n'
    )
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    return folder


def plain_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def tables_of(url: str) -> set[str]:
    engine = create_engine(plain_url(url))
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            found = connection.execute(text("SELECT type || name || coalesce(sql, '') FROM sqlite_master"))
        else:
            found = connection.execute(text(POSTGRES_SCHEMA))
        names = {" ".join(sorted(name.replace(",", " ").split())) for name in found.scalars()}
    engine.dispose()
    return names


def set_revision(url: str, revision: str) -> None:
    engine = create_engine(plain_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


async def test_what_was_written_is_there_again(database_url: str, event: Make) -> None:
    async with open_store(database_url) as store:
        await store.inbox.accept(event("remember"))
    async with open_store(database_url) as store:
        assert [each.text for each in await store.history.recent("fake:room")] == ["remember"]
        assert store.dialect in database_url


@pytest.mark.parametrize("prefix", ["sqlite:///", "sqlite+aiosqlite:///"])
async def test_both_sqlite_addresses_work(tmp_path: Path, prefix: str) -> None:
    async with open_store(f"{prefix}{tmp_path}/parley.sqlite3") as store:
        assert (await store.health()).integrity == "ok"


def test_opening_a_current_database_needs_no_alembic(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, storage\n"
        "async def main():\n"
        f"    async with storage.open_store('sqlite:///{tmp_path}/parley.sqlite3'): pass\n"
        "light = not {'sqlalchemy', 'numpy', 'alembic'} & set(sys.modules)\n"
        "asyncio.run(main()); asyncio.run(main())\n"
        "print(light, 'alembic' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (ran.stdout.strip(), ran.stderr) == ("True False", "")


async def test_several_may_open_a_new_file_at_once(sqlite_url: str, event: Make) -> None:
    async def open_and_write(number: int) -> None:
        async with open_store(sqlite_url) as store:
            await store.inbox.accept(event(f"from {number}"))

    await asyncio.gather(*(open_and_write(number) for number in range(5)))
    async with open_store(sqlite_url) as store:
        assert (await store.health()).messages == 5


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match=r"folder .*nowhere.* does not exist"):
        async with open_store(f"sqlite:///{tmp_path}/nowhere/parley.sqlite3"):
            pass
    with pytest.raises(StorageUnavailable, match="is a folder"):
        async with open_store(f"sqlite:///{tmp_path}"):
            pass


@pytest.mark.parametrize("url", ["sqlite://", "mysql://host/name", "sqlite:///:memory:"])
async def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StorageUnavailable):
        async with open_store(url):
            pass


async def test_a_server_that_is_away_is_named_without_password(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be reached") as caught:
        async with open_store(f"postgresql://someone:secret@/parley?host={tmp_path}"):
            pass
    assert "secret" not in str(caught.value)


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["text", "short", "header", "pages"])
async def test_a_damaged_file_is_refused_and_left_alone(sqlite_url: str, event: Make, damage: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url) as store:
        await store.inbox.accept(event())
    whole = read(path)
    damaged = {
        "text": b"this is no database " * 500,
        "short": whole[: len(whole) // 2],
        "header": whole[:16] + b"\xff" * 84 + whole[100:],
        "pages": whole[:100] + b"\x99" * 4096 + whole[4196:],
    }[damage]
    write(path, damaged)
    with pytest.raises(StorageCorrupt, match="backups") as caught:
        async with open_store(sqlite_url):
            pass
    assert caught.value.exit_code == 3
    assert read(path) == damaged


async def test_a_checkpoint_cut_short_is_no_damage(sqlite_url: str, event: Make, tmp_path: Path) -> None:
    """Killed after the first page of a checkpoint: the header counts pages that only the log has."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url) as store:
        for number in range(50):
            await store.inbox.accept(event(f"{number} " * 500))
        file, log = bytearray(read(path)), read(path.with_name(path.name + "-wal"))
    pages = len(file) // 4096 + len(log) // 4096
    file[28:32] = pages.to_bytes(4, "big")
    killed = tmp_path / "killed.sqlite3"
    write(killed, bytes(file))
    write(killed.with_name(killed.name + "-wal"), log)
    async with open_store(f"sqlite:///{killed}") as store:
        assert (await store.health()).messages == 50


async def test_another_programs_database_is_refused(sqlite_url: str) -> None:
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StorageUnavailable, match="another program"):
        async with open_store(sqlite_url):
            pass


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    async with open_store(database_url):
        pass
    set_revision(database_url, "9876")
    with pytest.raises(NewerSchema, match=r"9876.*Upgrade parley"):
        async with open_store(database_url):
            pass


async def test_an_upgrade_keeps_everything_and_a_copy(
    database_url: str, event: Make, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with open_store(database_url) as store:
        await store.inbox.accept(event("remember"))
    request.getfixturevalue("next_version")
    async with open_store(database_url, backups=tmp_path / "copies") as store:
        assert [each.text for each in await store.history.recent("fake:room")] == ["remember"]
    assert any("later" in each for each in tables_of(database_url))
    if database_url.startswith("sqlite"):
        (copy,) = (tmp_path / "copies").iterdir()
        assert copy.name.startswith("parley-0004-")
        assert not any("later" in each for each in tables_of(f"sqlite:///{copy}"))
    async with open_store(database_url, backups=tmp_path / "copies"):
        pass
    assert len(list((tmp_path / "copies").glob("*"))) == database_url.startswith("sqlite")


async def test_a_failed_upgrade_changes_nothing(sqlite_url: str, event: Make, next_version: Path) -> None:
    script = next_version / "versions" / "0100_note.py"
    good = script.read_text()
    script.unlink()
    async with open_store(sqlite_url) as store:
        await store.inbox.accept(event("remember"))
    script.write_text(good + '    op.execute("CREATE TABLE messages (x TEXT)")\n')
    with pytest.raises(StorageError):
        async with open_store(sqlite_url):
            pass
    assert not any("later" in each for each in tables_of(sqlite_url))
    script.write_text(good)
    async with open_store(sqlite_url) as store:
        assert (await store.health()).messages == 1


async def test_migrations_end_in_the_schema_of_a_new_database(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with open_store(database_url):
        pass
    if database_url.startswith("sqlite"):
        migrated = f"sqlite:///{tmp_path}/migrated.sqlite3"
    else:
        server = request.getfixturevalue("postgres_server")
        migrated = server.url(server.new_database(template="template1"))
    engine = create_engine(plain_url(migrated))
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
    engine.dispose()
    async with open_store(migrated) as store:
        assert (await store.health()).integrity == "ok"
    assert tables_of(migrated) == tables_of(database_url)


async def test_a_backup_is_whole(sqlite_url: str, event: Make, tmp_path: Path) -> None:
    async with open_store(sqlite_url) as store:
        writes = asyncio.gather(*(store.inbox.accept(event(f"text {number}")) for number in range(200)))
        await store.inbox.accept(event("before"))
        await store.backup(tmp_path / "copy.sqlite3")
        await writes
    async with open_store(f"sqlite:///{tmp_path}/copy.sqlite3") as copy:
        assert (await copy.health()).integrity == "ok"
        assert len(await copy.history.search("before", conversations=None)) == 1


async def test_postgresql_backups_are_pg_dumps(postgres_url: str, tmp_path: Path) -> None:
    async with open_store(postgres_url) as store:
        with pytest.raises(StorageError, match="pg_dump"):
            await store.backup(tmp_path / "copy")


async def test_nothing_is_left_open(database_url: str, event: Make) -> None:
    async with open_store(database_url) as store:
        pending = asyncio.gather(*(store.inbox.accept(event()) for _ in range(20)))
        await asyncio.sleep(0)
    assert len(await pending) == 20
    with pytest.raises(StorageUnavailable, match="closed"):
        await store.inbox.accept(event())


async def test_health_finds_damage(sqlite_url: str, event: Make) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with open_store(sqlite_url) as store:
        for number in range(300):
            await store.inbox.accept(event(f"text {number}"))
    page = 4096
    whole = bytearray(read(path))
    whole[-6 * page : -5 * page] = bytes(page)
    write(path, whole)
    async with open_store(sqlite_url) as store:
        assert (await store.health()).integrity != "ok"


async def test_counts_are_right(store: Store, event: Make) -> None:
    await store.inbox.accept(event())
    await store.inbox.accept(event(conversation="fake:other"))
    health = await store.health()
    assert (health.messages, health.conversations, health.documents, health.passages) == (2, 2, 0, 0)
    assert [each.key for each in health.unfinished] == ["fake:1", "fake:2"]
