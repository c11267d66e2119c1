"""Passages of the documents that may help with an answer, and the citations of those it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot import Citation, Context, Passage, fenced
from plugins.chat.conversation import tokens_of

COVERED = 0.5
ALIKE = 0.5

_NAMED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|( ?)(?<!\w)\[(\d{1,2})\](?!\()", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sources:
    """Passages in the order of their numbers, from 1."""

    passages: tuple[Passage, ...] = ()

    @property
    def tokens(self) -> int:
        """About how many tokens it takes to tell them."""
        return sum(tokens_of(each.text) for each in self.passages)

    def told(self) -> str:
        """The passages, numbered and fenced; nothing without any."""
        return "\n".join(
            fenced(f"[{number}] {each.document}, {each.heading or each.location}\n{each.text}", "source")
            for number, each in enumerate(self.passages, start=1)
        )

    def cited(self, answer: str) -> tuple[str, tuple[Citation, ...]]:
        """The answer with its sources numbered as they are named, and their citations in that order.

        Numbers of sources that were never given are taken out.
        """
        if not self.passages:
            return answer, ()
        order: dict[int, int] = {}

        def renumbered(found: re.Match[str]) -> str:
            if found[2] is None:
                return found[0]
            number = int(found[2])
            if not 1 <= number <= len(self.passages):
                return ""
            return f"{found[1]}[{order.setdefault(number, len(order) + 1)}]"

        text = _NAMED.sub(renumbered, answer)
        return text, tuple(self.passages[number - 1].cite() for number in order)


async def find_sources(context: Context, question: str, *, most: int, tokens: int) -> Sources:
    """The passages that say something about a question, as many as have so many tokens."""
    if not most or await context.knowledge.is_empty():
        return Sources()
    found = await context.knowledge.search(question, limit=most)
    return Sources(tuple(_within(found, tokens)))


def _within(found: Sequence[Passage], tokens: int) -> list[Passage]:
    kept = []
    for passage in found:
        tokens -= tokens_of(passage.text)
        if tokens >= 0 and (passage.coverage >= COVERED or (passage.similarity or 0.0) >= ALIKE):
            kept.append(passage)
    return kept
