"""Read plain text, Markdown and CSV into sections."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import pairwise

from bot.errors import UnreadableDocument
from bot.knowledge.section import Outline, Section, rows_as_text

ATX = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
UNDERLINE = re.compile(r"\s{0,3}(=+|-+|~+|\^+)\s*$")
FENCE = re.compile(r" {0,3}(```+|~~~+)")
ITEM = re.compile(r"\s*([-*+]|\d+[.)])\s+")
RULE = re.compile(r"\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
EMPHASIS = re.compile(r"(\*\*\*|\*\*|__|(?<!\w)[*_](?=\S))(.+?)\1")
BLANKS = re.compile(r"[ \t]+")
NARROWEST = 40
UNDERLINE_LEVELS = {"=": 1, "-": 2, "~": 3, "^": 4}


def read_text(text: str) -> tuple[str, tuple[Section, ...]]:
    """Paragraphs between blank lines, each with the line it begins on."""
    outline = Outline()
    for number, lines in _paragraphs(text.split("\n")):
        outline.add(_unwrapped(lines), f"line {number}")
    return "", outline.sections()


def read_markdown(text: str) -> tuple[str, tuple[Section, ...]]:
    """Headings, paragraphs, list items, tables and code; the title is the first heading of level 1."""
    reader = _Markdown(text)
    return reader.title, reader.sections


def read_csv(text: str) -> tuple[str, tuple[Section, ...]]:
    """One block per row, with the names of its columns."""
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:10_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if "\t" in text[:10_000] else csv.excel
    outline = Outline()
    try:
        for number, row in rows_as_text(_csv_rows(text, dialect)):
            outline.add(row, f"row {number}")
    except csv.Error as error:
        raise UnreadableDocument(f"The table cannot be read ({error}). Save it again as CSV.") from None
    return "", outline.sections()


def _csv_rows(text: str, dialect: type[csv.Dialect]) -> Iterator[tuple[int, list[str]]]:
    yield from enumerate(csv.reader(io.StringIO(text, newline=""), dialect), start=1)


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    start, run = 1, list[str]()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            if not run:
                start = number
            run.append(BLANKS.sub(" ", line.strip()))
        elif run:
            yield start, run
            run = []
    if run:
        yield start, run


def _unwrapped(lines: list[str]) -> str:
    """Lines of a paragraph as one text; lines that were not broken to fit a width stay apart."""
    width = max(len(line) for line in lines)
    text = lines[0]
    for above, line in pairwise(lines):
        wrapped = width >= NARROWEST and len(above) > width * 0.7 and line[0].isalpha()
        text += (_gap(above, line) if wrapped else "\n") + line
    return text


def _gap(above: str, line: str) -> str:
    return "" if ord(above[-1]) > 0x2E7F and ord(line[0]) > 0x2E7F else " "


def plain(line: str) -> str:
    """A line of Markdown as it reads: no link targets, no emphasis, no code marks."""
    line = EMPHASIS.sub(r"\2", LINK.sub(r"\1", line))
    return BLANKS.sub(" ", line.replace("`", "")).strip()


class _Markdown:
    """One pass over the lines, keeping the paragraph that is open."""

    def __init__(self, text: str) -> None:
        self.title = ""
        self._outline = Outline()
        self._open: list[str] = []
        self._start = 0
        self._table: list[tuple[int, list[str]]] = []
        self._fence = ""
        self._is_code = False
        self._read(_without_front_matter(text.split("\n")))
        self.sections = self._outline.sections()

    def _read(self, lines: list[tuple[int, str]]) -> None:
        for number, line in lines:
            if self._fence or FENCE.match(line):
                self._code(number, line)
            elif heading := ATX.match(line):
                self._heading(len(heading[1]), heading[2])
            elif len(self._open) == 1 and (under := UNDERLINE.match(line)):
                title = self._open.pop()
                self._heading(UNDERLINE_LEVELS[under[1][0]], title)
            elif line.lstrip().startswith("|"):
                self._row(number, line)
            elif not line.strip():
                self._close()
            else:
                self._line(number, line)
        self._close()

    def _heading(self, level: int, text: str) -> None:
        self._close()
        self._outline.enter(level, plain(text))
        if level == 1 and not self.title:
            self.title = plain(text)

    def _code(self, number: int, line: str) -> None:
        mark = FENCE.match(line)
        if not self._fence and mark:
            self._close()
            self._fence, self._start, self._is_code = mark[1], number + 1, True
        elif mark and mark[1].startswith(self._fence) and not line[mark.end() :].strip():
            self._fence = ""
            self._close()
        else:
            self._open.append(line.rstrip())

    def _row(self, number: int, line: str) -> None:
        if self._open:
            self._close()
        if not RULE.match(line):
            self._table.append((number, [plain(cell) for cell in line.strip().strip("|").split("|")]))

    def _line(self, number: int, line: str) -> None:
        if self._table or ITEM.match(line):
            self._close()
        if not self._open:
            self._start = number
        self._open.append(plain(line.lstrip("> ")))

    def _close(self) -> None:
        if self._open:
            text = "\n".join(self._open) if self._is_code else _paragraph(self._open)
            self._outline.add(text, f"line {self._start}")
            self._open = []
        self._is_code = False
        for number, row in rows_as_text(self._table):
            self._outline.add(row, f"line {number}")
        self._table = []


def _paragraph(lines: list[str]) -> str:
    text = lines[0]
    for above, line in pairwise(lines):
        text += _gap(above, line) + line if above and line else line
    return text


def _without_front_matter(lines: list[str]) -> list[tuple[int, str]]:
    numbered = list(enumerate(lines, start=1))
    if lines[0].strip() == "---":
        for number, line in numbered[1:60]:
            if line.strip() in ("---", "..."):
                return numbered[number:]
    return numbered
