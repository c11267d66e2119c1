"""Take plain text and Markdown apart, without what is code, and put them together again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from bot.knowledge.pieces import Piece, Rewritable, Words

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
OWN_LINE = re.compile(r"\s*(?:[-*+>|#]|\d{1,9}[.)]\s|={3,}|-{3,}|<)")
"""What begins a line that stands for itself: an item, a quotation, a heading, a table, a tag."""

ENDED = re.compile(r"(?:[.!?:;。！？：；…]|  |\\\\)\n?\Z|\A\s*\Z")
"""How a line ends that the next does not go on: a sentence, or a break that is meant."""

INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
FRONT = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
LEAD = re.compile(r"\s*(?:(?:[>*+#-]+|\d{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?")
CELL = re.compile(r"(?<!\\)\|")
WRAPPED = 50
"""A line of at least so many characters that is followed by another was broken to fit a width."""


def open_text(text: str) -> Rewritable:
    """A piece for each line and each cell; lines that were broken to fit a width are one."""
    parts = [(Words(each), is_prose) for each, is_prose in _parts(text)]
    return Rewritable(
        [Piece([words]) for words, is_prose in parts if is_prose],
        lambda: "".join(words.text for words, _ in parts).encode(),
    )


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """All of a text in order, each part with whether it is prose."""
    front = FRONT.match(text)
    if front:
        yield front[0], False
    for lines in _paragraphs(text[front.end() if front else 0 :]):
        if lines[0][1]:
            yield "".join(line for line, _ in lines), False
        else:
            yield from _prose([line for line, _ in lines])


def _paragraphs(text: str) -> Iterator[list[tuple[str, bool]]]:
    """Lines that belong together, each with whether it is code."""
    together: list[tuple[str, bool]] = []
    for line, is_code in _lines(text):
        if together and not _goes_on(together[-1], (line, is_code)):
            yield together
            together = []
        together.append((line, is_code))
    if together:
        yield together


def _goes_on(above: tuple[str, bool], below: tuple[str, bool]) -> bool:
    """Whether a line belongs to the one above: both are code, or the one above was broken by its width."""
    if above[1] or below[1]:
        return above[1] and below[1]
    is_wrapped = len(above[0]) >= WRAPPED and not ENDED.search(above[0]) and above[0].lstrip()[0] not in "|#<"
    return is_wrapped and bool(below[0].strip()) and not OWN_LINE.match(below[0])


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with its end and whether it is code: fenced, or indented below an empty line."""
    fence = ""
    for above, line in pairwise(["\n", *text.splitlines(keepends=True)]):
        mark = FENCE.match(line)
        if fence:
            yield line, True
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
            yield line, True
        else:
            yield line, bool(not above.strip() and INDENTED.match(line) and not OWN_LINE.match(line))


def _prose(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """The parts of one line, or of several that are one."""
    whole = " ".join([lines[0].rstrip("\n"), *(line.strip() for line in lines[1:])]) + _end(lines[-1])
    if whole.lstrip().startswith("|"):
        yield from _cells(whole)
        return
    lead = LEAD.match(whole)
    start = lead.end() if lead else 0
    yield whole[:start], False
    yield whole[start:], True


def _cells(row: str) -> Iterator[tuple[str, bool]]:
    start = 0
    for bar in CELL.finditer(row):
        yield row[start : bar.start()], True
        yield bar[0], False
        start = bar.end()
    yield row[start:], True


def _end(line: str) -> str:
    return "\n" if line.endswith("\n") else ""
