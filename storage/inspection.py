"""Look at a database without changing it: is it there, whole, and of which schema?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from storage.dialects import Dialect, dialect_of, storage_error
from storage.schema import EMPTY, newest, refuse_foreign, stored_revision

QUICK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What was seen. `revision` is None before anything was written, `is_whole` if a look takes too long."""

    place: str
    revision: str | None
    newest: str
    is_whole: bool | None


async def inspect_store(url: str, *, seconds: float = QUICK_SECONDS) -> Condition:
    """Open the database at `url`, look at its schema, and check it for at most `seconds`.

    Nothing is created or upgraded. Raises StorageUnavailable, StorageCorrupt or NewerSchema.
    """
    return await asyncio.to_thread(_inspect, dialect_of(url), seconds)


def _inspect(dialect: Dialect, seconds: float) -> Condition:
    dialect.check_place()
    if not dialect.is_there():
        return Condition(dialect.describe(), None, newest(), None)
    engine = dialect.writer_engine()
    try:
        with engine.connect() as connection:
            revision = stored_revision(connection)
            if revision == EMPTY:
                return Condition(dialect.describe(), None, newest(), None)
            refuse_foreign(dialect, revision)
            return Condition(dialect.describe(), revision, newest(), dialect.quick_check(connection, seconds))
    except DBAPIError as error:
        raise storage_error(dialect, error) from error
    finally:
        engine.dispose()
