"""Show the passage an answer stands on, with the sentences it quotes marked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.connectors.web.markdown import plain
from bot.message import Citation, Reply

SENTENCE = re.compile(r".+?(?:[.!?]+[\"'”’)]*(?=\s|$)|[。！？；]+[”’）]*|\n|$)\s*", re.DOTALL)
SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Source:
    """A citation ready to show. `pieces` are the passage's text in order; true ones stand in the answer."""

    number: int
    document: str
    place: str
    label: str
    pieces: tuple[tuple[str, bool], ...]


def sources(reply: Reply) -> list[Source]:
    """The citations of a reply, numbered from 1 as its text refers to them."""
    said = _folded(plain(reply.text))
    return [_source(number, citation, said) for number, citation in enumerate(reply.citations, start=1)]


def _source(number: int, citation: Citation, said: str) -> Source:
    place = " · ".join(part for part in (citation.heading, citation.location) if part)
    label = f"{number}: {citation.document}" + (f", {place}" if place else "")
    pieces = tuple((piece, _is_quoted(piece, said)) for piece in SENTENCE.findall(citation.text))
    return Source(number, citation.document, place, label, pieces)


def _is_quoted(sentence: str, said: str) -> bool:
    folded = _folded(plain(sentence))
    return len(folded) >= SHORTEST and folded in said


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
