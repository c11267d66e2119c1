"""Runs of text in one style, as Markdown writes them within a block."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

TOKEN = re.compile(
    r"(?P<ticks>`+)"
    r"|(?P<escape>\\[!-/:-@\[-`{-~])"
    r"|<(?P<auto>https?://[^<>\s]+)>"
    r"|!?\[(?P<label>[^\[\]\n]{1,500})\]\((?P<target>[^()\s]{1,2000}(?:\([^()\s]{0,500}\))?)\)"
    r"|(?P<bare>https?://[^\s<>]+)"
    r"|(?P<mark>\*{1,3}|_{1,3}|~~)"
)
AFTER_ADDRESS = ".,;:!?'\")]}*_~"
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style. With an address it is a link that shows it."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    address: bool = False


Spans: TypeAlias = tuple[Span, ...]


def words_of(spans: Sequence[Span]) -> str:
    """The text of spans without their styles."""
    return "".join(span.text for span in spans)


def read_spans(text: str) -> Spans:
    """The styled runs of a text without blocks."""
    return _Reader(text).read()


class _Reader:
    """Reads one run of text. A mark that is never closed stays as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[Span] = []
        self._open: list[tuple[str, int]] = []
        self._ticks: defaultdict[int, list[int]] = defaultdict(list)
        for run in re.finditer(r"`+", text):
            self._ticks[len(run[0])].append(run.start())

    def read(self) -> Spans:
        place = 0
        while match := TOKEN.search(self._text, place):
            self._add(self._text[place : match.start()])
            place = self._token(match)
        self._add(self._text[place:])
        return _joined(self._spans)

    def _add(self, text: str, **style: bool) -> None:
        if text:
            self._spans.append(Span(text, **style))

    def _token(self, match: re.Match[str]) -> int:
        match match.lastgroup:
            case "ticks":
                return self._code(match)
            case "escape":
                self._add(match[0][1])
            case "auto":
                self._add(match["auto"], address=True)
            case "target":
                self._link(match["label"], match["target"])
            case "bare":
                address = match[0].rstrip(AFTER_ADDRESS)
                self._add(address, address=True)
                return match.start() + len(address)
            case _:
                return self._mark(match)
        return match.end()

    def _code(self, match: re.Match[str]) -> int:
        starts = self._ticks[len(match[0])]
        after = bisect_right(starts, match.start())
        if after == len(starts):
            self._add(match[0])
            return match.end()
        inside = self._text[match.end() : starts[after]]
        self._add(inside.strip() or inside, code=True)
        return starts[after] + len(match[0])

    def _link(self, label: str, target: str) -> None:
        """A link shows where it leads, so that nobody is led elsewhere."""
        if not target.startswith(("http://", "https://")):
            self._add(f"{label} ({target})")
        elif label == target:
            self._add(target, address=True)
        else:
            self._add(f"{label} (")
            self._add(target, address=True)
            self._add(")")

    def _mark(self, match: re.Match[str]) -> int:
        mark = self._closing(match[0])
        end = match.start() + len(mark)
        before, after = self._text[max(0, match.start() - 1) : match.start()], self._text[end : end + 1]
        inside_word = mark[0] == "_" and before.isalnum() and after.isalnum()
        can_close = bool(before) and not before.isspace() and not inside_word
        can_open = bool(after) and not after.isspace() and not inside_word
        opened = next((n for n in range(len(self._open) - 1, -1, -1) if self._open[n][0] == mark), None)
        if can_close and opened is not None:
            self._style(mark, self._open[opened][1])
            del self._open[opened:]
            return end
        if can_open:
            self._open = [*self._open[-DEEPEST:], (mark, len(self._spans))]
        self._spans.append(Span(mark))
        return end

    def _closing(self, mark: str) -> str:
        """Three marks in a row close what is open: one or two, when it was not three."""
        if len(mark) < 3 or not self._open or any(each == mark for each, _ in self._open):
            return mark
        innermost = self._open[-1][0]
        return innermost if innermost in (mark[0], mark[:2]) else mark

    def _style(self, mark: str, begin: int) -> None:
        inside = self._spans[begin + 1 :]
        self._spans[begin:] = [each if each.code else _styled(each, mark) for each in inside]


def _styled(span: Span, mark: str) -> Span:
    if mark == "~~":
        return replace(span, strike=True)
    return replace(span, bold=span.bold or len(mark) > 1, italic=span.italic or len(mark) != 2)


def _joined(spans: list[Span]) -> Spans:
    """Neighbours of the same style as one."""
    return tuple(_merged(spans))


def _merged(spans: list[Span]) -> Iterator[Span]:
    held: Span | None = None
    for span in spans:
        if held is not None and not span.address and replace(held, text="") == replace(span, text=""):
            held = replace(held, text=held.text + span.text)
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held
