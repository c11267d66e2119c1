"""Cut a text into what is translated at a time: lines, and of long lines groups of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot import sentences
from plugins.translation.keeping import has_words

GROUP = 800
_LEAD = re.compile(r"\s*(?:(?:[>*+#-]+|\d{1,3}[.)])\s+)*")
_CHOPPED = re.compile(rf"(?:⟦\d+⟧|[^⟦]|⟦){{1,{GROUP}}}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Segment:
    """What is translated at a time, and what stands before it and stays. The last may have no text."""

    before: str
    text: str


def segments(hidden: str) -> list[Segment]:
    """All of a text in order: put together again they are the text."""
    found: list[Segment] = []
    before = ""
    for line in hidden.splitlines(keepends=True):
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        before += line[:start]
        for part in _groups(line[start:], GROUP):
            words = part.strip()
            if not has_words(words):
                before += part
                continue
            at = part.index(words)
            found.append(Segment(before + part[:at], words))
            before = part[at + len(words) :]
    return [*found, Segment(before, "")]


def cut(text: str) -> list[Segment]:
    """One segment's text, sentence by sentence."""
    found, before = [], ""
    for part in _groups(text, 1):
        words = part.strip()
        at = part.index(words)
        found.append(Segment(before + part[:at], words))
        before = part[at + len(words) :]
    return [*found, Segment(before, "")]


def _groups(line: str, size: int) -> Iterator[str]:
    """The line in groups of whole sentences of at least `size` characters, with all that is between them."""
    if len(line) <= size:
        yield line
        return
    start = end = 0
    for sentence in sentences(line):
        at = line.find(sentence, end)
        if at < 0:
            continue
        if end - start and at + len(sentence) - start > size:
            yield from _bounded(line[start:at])
            start = at
        end = at + len(sentence)
    yield from _bounded(line[start:])


def _bounded(group: str) -> Iterator[str]:
    """A group, chopped where it is no sentence at all: never inside a mark."""
    yield from ([group] if len(group) <= 2 * GROUP else _CHOPPED.findall(group))
