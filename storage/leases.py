"""Leases: which of several processes does what only one may do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from storage.numbers import now
from storage.reader import Reader
from storage.tables import leases
from storage.writer import Writer

_held = select(leases.c.owner, leases.c.until).where(leases.c.name == bindparam("lease"))
_insert = insert(leases)
_take = (
    update(leases)
    .where(leases.c.name == bindparam("lease"))
    .values(owner=bindparam("new_owner"), until=bindparam("new_until"))
)
_release = delete(leases).where(leases.c.name == bindparam("lease"), leases.c.owner == bindparam("holder"))


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    owner: str
    seconds: float
    instead_of: str | None


@dataclass(frozen=True, slots=True)
class _Return:
    name: str
    owner: str


class Leases:
    """Each lease has at most one holder, for a time; taking it again renews it."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def take(self, name: str, owner: str, seconds: float, *, instead_of: str | None = None) -> bool:
        """Hold a lease for so many seconds from now; False while another holds it.

        `instead_of` names a holder known to be dead, whose lease need not run out first.
        """
        wish = _Wish(name, owner, seconds, instead_of)
        return await self._writer.submit(_take_all, wish, urgent=True)

    async def release(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens when it is another's."""
        await self._writer.submit(_release_all, _Return(name, owner))

    async def holder(self, name: str) -> str | None:
        """Who holds a lease that still runs."""
        rows = await self._reader.rows(_held, {"lease": name})
        return rows[0].owner if rows and rows[0].until >= now() else None


def _take_all(connection: Connection, wishes: list[_Wish]) -> list[bool]:
    return [_take_one(connection, wish) for wish in wishes]


def _take_one(connection: Connection, wish: _Wish) -> bool:
    moment = now()
    held = connection.execute(_held, {"lease": wish.name}).one_or_none()
    until = moment + wish.seconds
    if held is None:
        connection.execute(_insert, {"name": wish.name, "owner": wish.owner, "until": until})
        return True
    if held.owner not in (wish.owner, wish.instead_of) and held.until >= moment:
        return False
    connection.execute(_take, {"lease": wish.name, "new_owner": wish.owner, "new_until": until})
    return True


def _release_all(connection: Connection, returns: list[_Return]) -> list[None]:
    for each in returns:
        connection.execute(_release, {"lease": each.name, "holder": each.owner})
    return [None] * len(returns)
