"""Whole words from tokens, whatever the tokenizer makes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Scripts that put no space between words: there a token stands for itself.
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Word:
    """Characters start to end of a text, and the places of the tokens that spell it."""

    start: int
    end: int
    places: tuple[int, ...]


def words_of(text: str, spans: Sequence[tuple[int, int] | None]) -> list[Word]:
    """The words that tokens spell, in order. Tokens without characters of the text belong to none."""
    words: list[Word] = []
    for place, span in enumerate(spans):
        if span is None:
            continue
        start, end = trim(text, *span)
        if start >= end:
            continue
        if words and goes_on(text, words[-1].end, start):
            start = words[-1].start
            words[-1] = Word(start, max(end, words[-1].end), (*words[-1].places, place))
        else:
            words.append(Word(start, end, (place,)))
    return words


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def goes_on(text: str, end: int, start: int) -> bool:
    """Whether a token that begins at `start` is of the word that has reached `end`."""
    if start != end:
        return start < end
    before, after = text[end - 1], text[start]
    return all((each.isalnum() or each in "_'’") and not SPACELESS.match(each) for each in (before, after))
