"""Run one statement for many rows at the speed of the driver.

SQLAlchemy compiles the statement once; the rows then go to the driver as they are, without the work
per value that types like dates would need and ours do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler


def run_many(connection: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute an insert, update or delete for each row; all rows have the same keys."""
    if not rows:
        return
    text, names, constants = _compiled(statement, connection.dialect, tuple(rows[0]))
    complete = [constants | dict(row) for row in rows] if constants else rows
    if names:
        values = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        connection.exec_driver_sql(text, [values(row) for row in complete])
    else:
        connection.exec_driver_sql(text, [dict(row) for row in complete])


@lru_cache(maxsize=256)
def _compiled(
    statement: ClauseElement, dialect: Dialect, keys: tuple[str, ...]
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """The driver's text, the order of its values (empty where it takes names) and the fixed values."""
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=list(keys)))
    constants = {name: value for name, value in compiled.params.items() if name not in keys}
    return str(compiled), tuple(compiled.positiontup or ()), constants
