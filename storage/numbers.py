"""The counters, drawn inside the write transaction so that numbers grow in commit order."""

from __future__ import annotations

import time

from sqlalchemy import Connection, bindparam, update

from storage.tables import counters

NUMBER = "number"
"""Ids and revisions of everything."""
KNOWLEDGE = "knowledge"
"""Grows with every change to the documents."""

_take = (
    update(counters)
    .where(counters.c.name == bindparam("counter"))
    .values(value=counters.c.value + bindparam("count"))
    .returning(counters.c.value)
)


def take(connection: Connection, count: int, counter: str = NUMBER) -> range:
    """The next `count` numbers of a counter."""
    taken = connection.execute(_take, {"counter": counter, "count": count})
    last: int = taken.scalar_one()
    return range(last - count + 1, last + 1)


def now() -> float:
    """Seconds since 1970, as the tables keep moments."""
    return time.time()
