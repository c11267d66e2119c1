"""Licence and languages of a checkpoint, as its card says them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CARD = "README.md"
LONGEST = 256 * 1024
LICENCE = "licence"
MOST_LICENCES = 8
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says; empty where it says nothing."""

    licence: str = ""
    languages: tuple[str, ...] = ()


def read_card(folder: Path) -> Card:
    """The card of a checkpoint: the head that hubs write, or the tables of the lab's own cards.

    A card of the lab says under which licences its rows stand, and not which languages they are in.
    """
    try:
        with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
            lines = file.read(LONGEST).splitlines()
    except OSError:
        return Card()
    head = _head(lines)
    licence = ", ".join(head.get("license", ())) or _of_tables(lines)
    return Card(licence, head.get("language", ()))


def _head(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """The words of each key between the first two lines of `---`: `key: a`, `key: [a, b]` or a list below."""
    found: dict[str, tuple[str, ...]] = {}
    if not lines or lines[0].strip() != "---":
        return found
    key = ""
    for line in lines[1:]:
        if line.strip() == "---":
            return found
        if line.lstrip().startswith("- "):
            found[key] = (*found.get(key, ()), *_words(line.lstrip()[2:]))
        elif line[:1].strip() and ":" in line:
            key, _, value = line.partition(":")
            found[key] = _words(value)
    return {}


def _words(value: str) -> tuple[str, ...]:
    parts = value.strip().strip("[]").split(",")
    return tuple(word for part in parts if (word := part.strip().strip("'\"")))


def _of_tables(lines: list[str]) -> str:
    """The different cells under `licence` of the tables in a card."""
    found: dict[str, None] = {}
    place = -1
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if "|" in line else []
        if not cells:
            place = -1
        elif LICENCE in cells:
            place = cells.index(LICENCE)
        elif 0 <= place < len(cells) and set(cells[place]) - set("-: ") and cells[place] != NOT_STATED:
            found[cells[place]] = None
    return "; ".join(list(found)[:MOST_LICENCES])
