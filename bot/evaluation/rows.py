"""Read labelled rows from files, and work on them a few at a time."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from bot.errors import BadInput

IN_FLIGHT = 16

Row = Mapping[str, Any]
Advance = Callable[[str, int, int], None]
T = TypeVar("T")


def read_rows(file: Path, fields: Mapping[str, type], limit: int | None = None) -> list[Row]:
    """The rows of a file of JSON lines, plain or gzipped. Raises BadInput with the number of a bad line."""
    rows: list[Row] = []
    try:
        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                rows.append(_row(line, f"{file}, line {number}", fields))
            if limit is not None and len(rows) >= limit:
                break
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadInput(f"{file}: it cannot be read as .jsonl or .jsonl.gz ({error}).") from None
    if not rows:
        raise BadInput(f"{file}: there are no rows in it.")
    return rows


async def work_on(
    work: Callable[[Any], Awaitable[T]], items: Sequence[Any], name: str, advance: Advance | None
) -> list[T]:
    """The results in order, a few at a time, so that the worker's batches fill. The first failure ends it."""
    waiting = asyncio.Semaphore(IN_FLIGHT)
    done = 0

    async def one(item: Any) -> T:
        nonlocal done
        async with waiting:
            result = await work(item)
        done += 1
        if advance:
            advance(name, done, len(items))
        return result

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one(item)) for item in items]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [each.result() for each in running]


def since(begun: float) -> float:
    """Seconds since a moment of time.monotonic()."""
    return round(time.monotonic() - begun, 1)


def _lines(file: Path) -> Iterator[str]:
    opener: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else Path.open
    with opener(file, "rt", encoding="utf-8") as lines:
        yield from lines


def _row(line: str, place: str, fields: Mapping[str, type]) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: this is no JSON ({error.msg}).") from None
    if not isinstance(row, dict):
        raise BadInput(f"{place}: each line must be a JSON object.")
    for name, kind in fields.items():
        if not isinstance(row.get(name), kind):
            wanted = "a text" if kind is str else "a list"
            raise BadInput(f"{place}: {name!r} must be {wanted}.")
    return row
