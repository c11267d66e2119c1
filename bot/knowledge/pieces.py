"""The pieces of a document that read as one, and other words in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

MARK = re.compile(r"⟦(\d+)⟧")
LETTER = re.compile(r"[^\W\d_]")
OUTER = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


class Slot(Protocol):
    """A place in a document that holds text of one look."""

    text: str


@dataclass(slots=True)
class Words:
    """A slot of its own, for documents that are made of text alone."""

    text: str


class Piece:
    """Slots that read as one. Where one ends and the next begins, the piece's text has a mark: ⟦1⟧, ⟦2⟧ …"""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = [slot for slot in slots if LETTER.search(slot.text)]

    @property
    def is_empty(self) -> bool:
        """Whether it has no words, or holds what looks like a mark of ours."""
        return not self._slots or any("⟦" in slot.text for slot in self._slots)

    @property
    def text(self) -> str:
        """What it says in one line."""
        parts = [_in_line(slot.text) for slot in self._slots]
        marked = "".join(f"⟦{number}⟧{part}" if number else part for number, part in enumerate(parts))
        return marked.strip()

    def put(self, text: str) -> None:
        """Let it say something else. Without the marks in their order it all stands in the longest slot."""
        words = MARK.split(text)
        numbers = [int(each) for each in words[1::2]]
        if numbers == list(range(1, len(self._slots))):
            parts = words[::2]
        else:
            longest = max(range(len(self._slots)), key=lambda place: len(self._slots[place].text))
            whole = MARK.sub("", text)
            parts = [whole if place == longest else "" for place in range(len(self._slots))]
        for slot, part in zip(self._slots, parts, strict=True):
            slot.text = _with_edges(slot.text, part)


@dataclass(frozen=True, slots=True)
class Rewritable:
    """A document taken apart: its pieces in reading order, and how it is put together again."""

    pieces: Sequence[Piece]
    save: Callable[[], bytes] = field(repr=False)


def _in_line(text: str) -> str:
    """Text on one line; white space at its ends is one space each."""
    before, words, after = _edges(text)
    return f"{' ' if before else ''}{' '.join(words.split())}{' ' if after else ''}"


def _with_edges(old: str, new: str) -> str:
    before, _, after = _edges(old)
    return f"{before}{new.strip()}{after}" if new.strip() else ""


def _edges(text: str) -> tuple[str, str, str]:
    found = OUTER.fullmatch(text)
    assert found is not None  # noqa: S101 - it fits every text
    return found[1], found[2], found[3]
