"""Take a document apart by its kind, so that it can be written again with other words."""

from __future__ import annotations

from pathlib import PurePath

from bot.errors import UnreadableDocument
from bot.knowledge.kinds import Kind, decode, kind_of
from bot.knowledge.pieces import Rewritable

REWRITABLE = "txt, md, docx or html"


def open_document(name: str, content: bytes) -> Rewritable:
    """A document taken apart. Raises UnreadableDocument for what cannot be written again."""
    kind = kind_of(name, content)
    if kind in (Kind.TEXT, Kind.MARKDOWN):
        from bot.knowledge.text_pieces import open_text

        return open_text(decode(content))
    if kind is Kind.HTML:
        from bot.knowledge.page_pieces import open_page

        return open_page(decode(content))
    if kind is Kind.DOCX:
        from bot.knowledge.office import checked
        from bot.knowledge.word_pieces import open_word

        return open_word(checked(content))
    suffix = PurePath(name).suffix.lower()[:16] or "that kind"
    raise UnreadableDocument(f"Files ending in {suffix} cannot be written again. Give a {REWRITABLE} file.")
