"""What a document is before it is cut into passages: sections of paragraphs and table rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADING_PATH = " › "
NUMBER = re.compile(r"[-+]?[\d.,:/% ]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list item or a table row, with the place people find it at.

    `location` is shown as it is: "page 3", "line 12", "slide 2", "sheet Prices, row 5".
    """

    text: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks that belong together; `heading` is the path from the outermost heading."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document read: its own title ("" when it states none), its media type and its sections in order."""

    title: str
    media_type: str
    sections: tuple[Section, ...]


class Outline:
    """Gathers blocks under the headings met so far."""

    def __init__(self) -> None:
        self._headings: list[tuple[int, str]] = []
        self._blocks: list[Block] = []
        self._sections: list[Section] = []

    def enter(self, level: int, heading: str) -> None:
        """A heading begins: it ends all headings of its level and below (1 is the outermost)."""
        self._close()
        self._headings = [(depth, text) for depth, text in self._headings if depth < level]
        if heading.strip():
            self._headings.append((level, " ".join(heading.split())))

    def add(self, text: str, location: str) -> None:
        """One paragraph or row; blank ones are left out."""
        if text.strip():
            self._blocks.append(Block(text.strip(), location))

    def sections(self) -> tuple[Section, ...]:
        """All sections, in order. A heading with nothing under it is a section of its own words."""
        self._close()
        return tuple(self._sections)

    def _close(self) -> None:
        if self._blocks:
            path = HEADING_PATH.join(text for _, text in self._headings)
            self._sections.append(Section(path, tuple(self._blocks)))
            self._blocks = []


def rows_as_text(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterable[tuple[int, str]]:
    """Table rows, each with its number, as lines that name their columns: "Item: rope; Price: 4".

    The first row is the header when its cells are words, all different; without one, cells are listed.
    """
    header: list[str] | None = None
    first = True
    for number, cells in rows:
        cells = [" ".join(cell.split()) for cell in cells]
        if not any(cells):
            continue
        if first and (header := _header(cells)) is not None:
            first = False
            continue
        first = False
        yield number, _row(cells, header)


def _header(cells: list[str]) -> list[str] | None:
    names = [cell for cell in cells if cell]
    worded = len(names) > 1 and all(not NUMBER.fullmatch(name) for name in names)
    return cells if worded and len(set(names)) == len(names) else None


def _row(cells: list[str], header: list[str] | None) -> str:
    if header is None:
        return "; ".join(cell for cell in cells if cell)
    names = [*header, *[""] * (len(cells) - len(header))]
    return "; ".join(
        f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell
    )
