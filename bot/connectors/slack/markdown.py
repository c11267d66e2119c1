"""Markdown as the blocks it is made of. Reading takes time linear in the text's length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from bot.connectors.slack.spans import Spans, read_spans

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)")
HEADING = re.compile(r" {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
RULE = re.compile(r"\s{0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
ITEM = re.compile(r"([ \t]*)([-*+]|(\d{1,9})[.)])[ \t]+(.*)")
QUOTE = re.compile(r" {0,3}> ?(.*)")
DELIMITERS = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
INDENT = 2
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of text."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of any level."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody else said."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list; `number` is None for a bullet, `level` counts from 0."""

    spans: Spans
    level: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Code:
    """Text between fences, as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first row is the heading."""

    rows: tuple[tuple[Spans, ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


Block: TypeAlias = Paragraph | Heading | Quote | Item | Code | Table | Rule


def read_blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text, in order."""
    lines, place = text.expandtabs(4).split("\n"), 0
    found: list[Block] = []
    while place < len(lines):
        block, place = _next_block(lines, place)
        if block is not None:
            found.append(block)
    return found


def _next_block(lines: list[str], place: int) -> tuple[Block | None, int]:
    line = lines[place]
    if not line.strip():
        return None, place + 1
    if fence := FENCE.match(line):
        return _code(lines, place + 1, fence[1])
    if heading := HEADING.match(line):
        return Heading(read_spans(heading[1])), place + 1
    if RULE.match(line):
        return Rule(), place + 1
    if "|" in line and place + 1 < len(lines) and _divides(lines[place + 1]):
        return _table(lines, place)
    if QUOTE.match(line):
        return _quote(lines, place)
    if item := ITEM.match(line):
        return _item(lines, place, item)
    return _paragraph(lines, place)


def _code(lines: list[str], place: int, fence: str) -> tuple[Block, int]:
    end = place
    while end < len(lines) and not _closes(lines[end], fence):
        end += 1
    return Code("\n".join(lines[place:end])), end + 1


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and set(mark) == {fence[0]}


def _divides(line: str) -> bool:
    return "|" in line and "-" in line and DELIMITERS.match(line) is not None


def _table(lines: list[str], place: int) -> tuple[Block, int]:
    end = place + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    rows = [_cells(line) for line in (lines[place], *lines[place + 2 : end])]
    width = len(rows[0])
    padded = [(row + [""] * width)[:width] for row in rows]
    return Table(tuple(tuple(read_spans(cell) for cell in row) for row in padded)), end


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _quote(lines: list[str], place: int) -> tuple[Block, int]:
    end, said = place, []
    while end < len(lines) and (quote := QUOTE.match(lines[end])):
        said.append(quote[1])
        end += 1
    return Quote(read_spans("\n".join(said))), end


def _item(lines: list[str], place: int, item: re.Match[str]) -> tuple[Block, int]:
    indent = len(item[1])
    end, said = place + 1, [item[4]]
    while end < len(lines) and _continues(lines[end], indent):
        said.append(lines[end].strip())
        end += 1
    level = min(indent // INDENT, DEEPEST)
    return Item(read_spans("\n".join(said)), level, int(item[3]) if item[3] else None), end


def _continues(line: str, indent: int) -> bool:
    deeper = len(line) - len(line.lstrip()) > indent
    return bool(line.strip()) and deeper and not (ITEM.match(line) or FENCE.match(line))


def _paragraph(lines: list[str], place: int) -> tuple[Block, int]:
    end = place + 1
    while end < len(lines) and lines[end].strip() and not _interrupts(lines, end):
        end += 1
    return Paragraph(read_spans("\n".join(line.rstrip() for line in lines[place:end]))), end


def _interrupts(lines: list[str], place: int) -> bool:
    line = lines[place]
    starts = any(each.match(line) for each in (FENCE, HEADING, RULE, QUOTE, ITEM))
    return starts or ("|" in line and place + 1 < len(lines) and _divides(lines[place + 1]))
