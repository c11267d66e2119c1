"""The texts of a document, and the same document with other texts in their place."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from bot.knowledge.parse import Parser

SECONDS = 60.0


async def document_texts(name: str, content: bytes) -> list[str]:
    """What a txt, md, docx or html file says: a text for each paragraph, line, cell or heading, in order.

    Code is left out. Where the look changes within a text, it has a mark: ⟦1⟧, ⟦2⟧ … Raises
    UnreadableDocument or TooLarge, which say what to give instead.
    """
    async with Parser(seconds=SECONDS) as parser:
        return [str(each) for each in await parser.rewrite(name, content, None)]


async def with_texts(name: str, content: bytes, texts: Sequence[str]) -> bytes:
    """The document with these in place of its `document_texts`, everything else as it was.

    A text without its marks loses the looks within it. Raises as `document_texts`.
    """
    async with Parser(seconds=SECONDS) as parser:
        return base64.b64decode(await parser.rewrite(name, content, texts))
