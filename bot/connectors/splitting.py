"""Cut Markdown into messages of limited length, where a reader would cut it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r" {0,3}(?P<marker>`{3,10})(?P<language>[^`\n]*)$")
LANGUAGE_CHARACTERS = 30
CLOSING_CHARACTERS = 11  # a line of its own with the longest marker
SENTENCE = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？]")
SPACE = re.compile(r"\s+")
JOINER = "\u200d"


def split_markdown(text: str, limit: int) -> list[str]:
    """The text in parts of at most `limit` UTF-16 units, in order; a text that fits stays as it is.

    It is cut at borders of code fences, else of paragraphs, lines, sentences, words, and last between
    characters as they are seen. Code that is cut is closed, and opened again with its language. White
    space at a cut is left out. The same text is always cut the same way. `limit` is at least 100.
    """
    if length(text) <= limit:
        return [text]
    return [part for part in _parts(text, limit) if part.strip()] or [text[:1]]


def length(text: str) -> int:
    """The length in UTF-16 units, the strictest of the ways in which platforms count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class _Fence:
    """A code fence that is open."""

    marker: str
    language: str

    @property
    def opening(self) -> str:
        return f"{self.marker}{self.language}\n"

    @property
    def closing(self) -> str:
        return f"\n{self.marker}"


def _parts(text: str, limit: int) -> Iterator[str]:
    fence: _Fence | None = None
    rest = text
    while rest:
        opening = fence.opening if fence else ""
        piece = _piece(rest, limit - length(opening) - CLOSING_CHARACTERS, fence)
        rest = rest[len(piece) :]
        fence = _after(piece, fence)
        yield opening + (piece.removesuffix("\n") + fence.closing if fence else piece.rstrip())


def _piece(rest: str, room: int, fence: _Fence | None) -> str:
    """What goes into the next part: the last border in the second half of what fits, best kind first."""
    window = _fitting(rest, room)
    if window == rest:
        return rest
    for borders in _borders(window, fence):
        cut = max(borders, default=0)
        if cut * 2 >= len(window):
            return window[:cut]
    return window[: _character_border(rest, len(window))]


def _fitting(text: str, room: int) -> str:
    window = text[:room]
    while (over := length(window) - room) > 0:
        window = window[: -((over + 1) // 2)]
    return window


def _borders(window: str, fence: _Fence | None) -> Iterator[list[int]]:
    """Places where the window can be cut, the best kind first."""
    fences, paragraphs, lines = [], [], []
    start = 0
    for line in window.split("\n"):
        end = start + len(line) + 1
        before, fence = fence, _after(line, fence)
        if before is None and fence is not None:
            fences.append(start)
        elif end <= len(window):
            lines.append(end)
            if before is not None and fence is None:
                fences.append(end)
            if not line.strip():
                paragraphs.append(end)
        start = end
    yield from (fences, paragraphs, lines)
    yield [found.end() for found in SENTENCE.finditer(window)]
    yield [found.end() for found in SPACE.finditer(window)]


def _after(piece: str, fence: _Fence | None) -> _Fence | None:
    """The fence that is open after a piece which begins inside `fence`."""
    for line in piece.split("\n"):
        found = FENCE.match(line)
        if found is None:
            continue
        if fence is None:
            language = found["language"].strip()
            fence = _Fence(found["marker"], language if len(language) <= LANGUAGE_CHARACTERS else "")
        elif found["marker"].startswith(fence.marker) and not found["language"].strip():
            fence = None
    return fence


def _character_border(text: str, end: int) -> int:
    """The last place up to `end` that is inside no character as people see it."""
    cut = end
    while cut > 0 and _are_joined(text, cut):
        cut -= 1
    return cut or end


def _are_joined(text: str, place: int) -> bool:
    """Whether what stands on both sides of a place is one character as people see it."""
    before, after = text[place - 1], text[place]
    if unicodedata.category(after)[0] == "M" or JOINER in (before, after):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, place) % 2 == 1
    return "\u1160" <= after <= "\u11ff" or "\udc00" <= after <= "\udfff" or (before, after) == ("\r", "\n")


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, place: int) -> int:
    start = place
    while start > 0 and _is_flag_letter(text[start - 1]):
        start -= 1
    return place - start
