"""Notes: the little that a part of the bot must remember from one start to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from storage.bulk import run_many
from storage.reader import Reader
from storage.tables import notes
from storage.writer import Writer

_area = select(notes.c.name, notes.c.value).where(notes.c.area == bindparam("in_area"))
_insert = insert(notes)
_drop = delete(notes).where(notes.c.area == bindparam("in_area"), notes.c.name == bindparam("of_name"))


@dataclass(frozen=True, slots=True)
class _Page:
    area: str
    values: tuple[tuple[str, str | None], ...]


class Notes:
    """Short texts by area and name. They are not for messages: nothing erases them on request."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def read(self, area: str) -> dict[str, str]:
        """All notes of an area by name."""
        return {row.name: row.value for row in await self._reader.rows(_area, {"in_area": area})}

    async def write(self, area: str, values: Mapping[str, str | None]) -> None:
        """Replace some notes of an area; None removes one. Durable when it returns."""
        await self._writer.submit(_write_all, _Page(area, tuple(values.items())))


def _write_all(connection: Connection, pages: list[_Page]) -> list[None]:
    last = {(page.area, name): value for page in pages for name, value in page.values}
    run_many(connection, _drop, [{"in_area": area, "of_name": name} for area, name in last])
    kept = [
        {"area": area, "name": name, "value": value}
        for (area, name), value in last.items()
        if value is not None
    ]
    run_many(connection, _insert, kept)
    return [None] * len(pages)
