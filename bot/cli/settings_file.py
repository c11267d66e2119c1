"""The settings file as `parley init` writes it: made new, or added to; no line of it is ever changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from bot.errors import BadSettings
from bot.toml import described

HEADING = "# Settings of parley. 'parley config sample' lists all there are.\n\n"

Tables = Mapping[str, Mapping[str, object]]


def written_by(file: Path) -> dict[str, object]:
    """The tables of a file; none where there is no file. Raises BadSettings when it cannot be read."""
    try:
        return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise BadSettings(
            f"{file}: cannot be read ({error}). Mend it, or name another with --config."
        ) from None


def add_tables(file: Path, tables: Tables) -> str:
    """Write the tables a file lacks at its end; what has to be changed by hand in the others, as TOML.

    Settings that stand in the file as wanted are left out of both.
    """
    present = written_by(file)
    new: dict[str, Mapping[str, object]] = {}
    by_hand: dict[str, Mapping[str, object]] = {}
    for name, table in tables.items():
        if not present or (name and name not in present):
            new[name] = table
        elif lacking := _lacking(present[name] if name else present, table):
            by_hand[name] = lacking
    if new:
        with file.open("a", encoding="utf-8") as written:
            written.write(("\n" if present else HEADING) + described(new).lstrip("\n"))
    return described(by_hand).strip()


def _lacking(present: object, table: Mapping[str, object]) -> dict[str, object]:
    known = present if isinstance(present, dict) else {}
    return {key: value for key, value in table.items() if known.get(key) not in (value, str(value))}
