"""Read a file that is asked about once, without keeping it."""

from __future__ import annotations

from bot.knowledge.parse import Parser
from bot.knowledge.split import split
from bot.passage import Passage

SECONDS = 60.0


async def document_passages(name: str, content: bytes) -> list[Passage]:
    """The passages of a file in reading order, as they would be indexed; nothing is kept.

    It is opened in a process of its own. Raises UnreadableDocument or TooLarge, which say what to do.
    """
    async with Parser(seconds=SECONDS) as parser:
        parsed = await parser.parse(name, content)
    return [
        Passage(f"{name}#{number}", name, piece.heading, piece.location, piece.text, 0.0, None, 0.0)
        for number, piece in enumerate(split(parsed.sections), start=1)
    ]
