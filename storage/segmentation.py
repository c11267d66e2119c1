"""Cut text into the words full-text search stores, and a person's search words into phrases.

Scripts written without spaces are cut into overlapping pairs: 数据库 becomes 数据 据库 库. A word of two
characters is then one entry of the index, as quick to find as an English word, and a longer one is a
phrase of pairs. The last character of a run stands alone too, so that a phrase can go on after it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

INDEXED_CHARACTERS = 65_536
"""Only so much of a text is indexed; what stands behind it is kept but not found."""

_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"([{_UNSPACED}]+)|([^\\W_{_UNSPACED}]+)")
_ACCENTS = re.compile("[\u0300-\u036f]")
_QUOTED = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "「": '"', "」": '"'})


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must stand side by side; with `is_open` the last one need only begin so.

    `is_character` marks one lone character of an unspaced script.
    """

    words: tuple[str, ...]
    is_open: bool = False
    is_character: bool = False


def fold(text: str) -> str:
    """Text without the differences search ignores: case, accents, full and half width."""
    if not text.isascii() and not unicodedata.is_normalized("NFKD", text):
        text = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", text))
    return text.lower()


def segment(text: str) -> tuple[str, str]:
    """The words of a text in order, and its unspaced characters, each list joined by spaces."""
    folded = fold(text[:INDEXED_CHARACTERS])
    if folded.isascii():
        return " ".join(match[1] for match in _RUN.findall(folded)), ""
    words: list[str] = []
    characters: dict[str, None] = {}
    for unspaced, spaced in _RUN.findall(folded):
        if spaced:
            words.append(spaced)
        else:
            words += _pairs(unspaced)
            characters.update(dict.fromkeys(unspaced))
    return " ".join(words), " ".join(characters)


def phrases(words: str) -> list[Phrase]:
    """What a person typed as phrases which must all occur; nothing searchable gives an empty list."""
    found = []
    for quoted, bare in _QUOTED.findall(words.translate(_QUOTES)):
        phrase = phrase_of(quoted or bare)
        if phrase is not None:
            found.append(phrase)
    return found


def phrase_of(text: str) -> Phrase | None:
    """One word or run of words as a phrase, or None when it holds nothing searchable."""
    runs = _RUN.findall(fold(text))
    if not runs:
        return None
    words: list[str] = []
    for unspaced, spaced in runs:
        words += [spaced] if spaced else _pairs(unspaced)
    last = runs[-1][0]
    if len(last) > 1:
        words.pop()
    return Phrase(tuple(words), is_open=len(last) == 1, is_character=len(last) == 1 and len(words) == 1)


def scope_word(scope: str) -> str:
    """A scope as one word of the index; digits, which no stemming changes."""
    return str(int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], "big"))


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)] + [run[-1]]
