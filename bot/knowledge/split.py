"""Cut a document into passages: never across headings, between sentences, of about the same length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sentencex import segment

from bot.knowledge.section import Block, Section

WHOLE_WORDS = 260
TARGET_WORDS = 150
CJK_PER_WORD = 2
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]")
WORD = re.compile(r"[^\W_]+")
BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is indexed. `location` is where it begins."""

    heading: str
    location: str
    text: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """A run of text that is not cut further; `opens` begins a paragraph or a row."""

    text: str
    location: str
    weight: int
    opens: bool


def split(sections: Iterable[Section]) -> list[Piece]:
    """Passages in reading order.

    A section of up to 260 words stays whole; a longer one is cut between sentences into nearly equal
    passages of at most about 150 words (two Chinese characters count as a word). Tables are cut
    between rows, each of which names its columns.
    """
    return [piece for section in sections for piece in _split_section(section)]


def weigh(text: str) -> int:
    """The length of a text in words; two CJK characters count as one word."""
    ideographs = len(CJK.findall(text))
    words = len(WORD.findall(CJK.sub(" ", text))) if ideographs else len(WORD.findall(text))
    return words + ideographs // CJK_PER_WORD


def sentences(text: str) -> list[str]:
    """The sentences of a text, stripped, none empty; English and Chinese rules."""
    language = "zh" if CJK.search(text) else "en"
    found = (sentence.strip() for sentence in segment(language, text))
    return [sentence for sentence in found if sentence]


def _split_section(section: Section) -> Iterator[Piece]:
    units = [unit for block in section.blocks for unit in _units(block)]
    for group in _groups(units):
        yield Piece(section.heading, group[0].location, _joined(group))


def _units(block: Block) -> Iterator[_Unit]:
    weight = weigh(block.text)
    if weight <= TARGET_WORDS // 2:
        if block.text.strip():
            yield _Unit(block.text.strip(), block.location, weight, opens=True)
        return
    for number, sentence in enumerate(_bounded(sentences(block.text))):
        yield _Unit(sentence, block.location, weigh(sentence), opens=number == 0)


def _bounded(found: list[str]) -> Iterator[str]:
    """Sentences, with those that are no sentences (a page without a full stop) cut by length."""
    for sentence in found:
        if weigh(sentence) <= TARGET_WORDS:
            yield sentence
        else:
            yield from _chopped(sentence)


def _chopped(text: str) -> Iterator[str]:
    parts = BLANK.split(text) if not CJK.search(text) else re.findall(r".{1,80}", text, re.DOTALL)
    size = TARGET_WORDS // 2 if not CJK.search(text) else 2
    for start in range(0, len(parts), size):
        yield (" " if not CJK.search(text) else "").join(parts[start : start + size])


def _groups(units: list[_Unit]) -> Iterator[list[_Unit]]:
    """Neighbouring units in groups of nearly equal weight, so that no passage is a scrap."""
    total = sum(unit.weight for unit in units)
    if total <= WHOLE_WORDS:
        if units:
            yield units
        return
    count = -(-total // TARGET_WORDS)
    share = total / count
    group: list[_Unit] = []
    weight = 0
    for unit in units:
        if group and weight + unit.weight / 2 > share:
            yield group
            group, weight = [], 0
        group.append(unit)
        weight += unit.weight
    yield group


def _joined(group: list[_Unit]) -> str:
    text = ""
    for unit in group:
        gap = "\n" if unit.opens else "" if CJK.match(text[-1:]) or text[-1:] in "。！？；" else " "
        text = f"{text}{gap}{unit.text}" if text else unit.text
    return text
