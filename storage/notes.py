"""Notes: the little that a part of the bot must remember from one start to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from storage.bulk import run_many
from storage.reader import Reader
from storage.tables import notes
from storage.writer import Writer

_area = select(notes.c.name, notes.c.value).where(notes.c.area == bindparam("in_area"))
_one = select(notes.c.value).where(notes.c.area == bindparam("in_area"), notes.c.name == bindparam("of_name"))
_beginning = _area.where(func.substr(notes.c.name, 1, bindparam("length")) == bindparam("beginning"))
_insert = insert(notes)
_drop = delete(notes).where(notes.c.area == bindparam("in_area"), notes.c.name == bindparam("of_name"))


@dataclass(frozen=True, slots=True)
class Page:
    """Some notes of one area; None removes one."""

    area: str
    values: tuple[tuple[str, str | None], ...]


class Notes:
    """Short texts by area and name. They are not for messages: a deletion does not reach them."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def read(self, area: str) -> dict[str, str]:
        """All notes of an area by name."""
        return {row.name: row.value for row in await self._reader.rows(_area, {"in_area": area})}

    async def get(self, area: str, name: str) -> str | None:
        """One note, or None."""
        rows = await self._reader.rows(_one, {"in_area": area, "of_name": name})
        return rows[0].value if rows else None

    async def beginning(self, area: str, beginning: str) -> dict[str, str]:
        """The notes of an area whose names begin so, by name."""
        wanted = {"in_area": area, "beginning": beginning, "length": len(beginning)}
        return {row.name: row.value for row in await self._reader.rows(_beginning, wanted)}

    async def write(self, area: str, values: Mapping[str, str | None]) -> None:
        """Replace some notes of an area; None removes one. Durable when it returns."""
        await self._writer.submit(write_notes, Page(area, tuple(values.items())))


def write_notes(connection: Connection, pages: list[Page]) -> list[None]:
    """Write the notes of all pages; of several with one name the last holds."""
    last = {(page.area, name): value for page in pages for name, value in page.values}
    run_many(connection, _drop, [{"in_area": area, "of_name": name} for area, name in last])
    kept = [
        {"area": area, "name": name, "value": value}
        for (area, name), value in last.items()
        if value is not None
    ]
    run_many(connection, _insert, kept)
    return [None] * len(pages)
