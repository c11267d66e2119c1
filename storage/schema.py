"""The schema: made whole in an empty database, upgraded after a backup in an older one.

A new database gets all tables at once and the newest revision's number. Alembic, slow to import, is
needed only when there is something to upgrade.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, text
from sqlalchemy.exc import DBAPIError

from storage.dialects import Dialect, Failure, storage_error
from storage.errors import NewerSchema, StorageUnavailable
from storage.numbers import KNOWLEDGE, NUMBER
from storage.tables import counters, metadata

MIGRATIONS = Path(__file__).parent / "migrations"
EMPTY = "empty"
"""The revision of a database without tables."""
BASE = "base"
"""The revision before the first migration."""
PATIENCE_SECONDS = 15.0

_versions = text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
_set_version = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
_version = text("SELECT version_num FROM alembic_version")


def prepare(dialect: Dialect, engine: Engine, backups: Path | None) -> None:
    """Bring the schema to the newest revision; blocks; safe when several processes start at once.

    A copy of an older database goes into `backups` first. Raises NewerSchema, StorageCorrupt or
    StorageUnavailable.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _prepare(dialect, engine, backups)
        except DBAPIError as error:
            if dialect.failure_of(error) is not Failure.BUSY or time.monotonic() > deadline:
                raise storage_error(dialect, error) from error
        time.sleep(0.1)


def _prepare(dialect: Dialect, engine: Engine, backups: Path | None) -> None:
    with engine.connect() as connection:
        current = stored_revision(connection)
    if current == newest():
        return
    if current != EMPTY:
        refuse_foreign(dialect, current)
        if backups is not None:
            backups.mkdir(parents=True, exist_ok=True)
            dialect.back_up(backups / f"parley-{current}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite3")
    with engine.connect() as connection:
        dialect.begin(connection)
        _bring_up(connection, dialect)
        connection.commit()


def revisions() -> list[str]:
    """The revisions this parley knows, oldest first, read from the names of the migrations."""
    return sorted(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """The revision this parley works with."""
    return revisions()[-1]


def stored_revision(connection: Connection) -> str | None:
    """The revision in the database, EMPTY without tables, None in a database that is not parley's."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(_version).scalar() or BASE
    return None if tables else EMPTY


def refuse_foreign(dialect: Dialect, current: str | None) -> None:
    """Raise StorageUnavailable for another program's database, NewerSchema for a newer parley's."""
    if current is None:
        raise StorageUnavailable(f"{dialect.describe()} belongs to another program. Name another one.")
    if current not in (BASE, *revisions()):
        raise NewerSchema(
            f"{dialect.describe()} was written by a newer parley (revision {current}; this one knows"
            f" {newest()}). Upgrade parley, or restore a backup made before."
        )


def _bring_up(connection: Connection, dialect: Dialect) -> None:
    """Create or upgrade inside the transaction begun; another process may have been faster."""
    current = stored_revision(connection)
    if current == EMPTY:
        _create(connection, dialect)
    elif current != newest():
        _upgrade(connection)


def _create(connection: Connection, dialect: Dialect) -> None:
    metadata.create_all(connection, checkfirst=False)
    for statement in dialect.full_text_tables:
        connection.execute(text(statement))
    connection.execute(insert(counters), [{"name": NUMBER, "value": 0}, {"name": KNOWLEDGE, "value": 0}])
    connection.execute(_versions)
    connection.execute(_set_version, {"revision": newest()})


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
