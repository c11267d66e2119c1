"""Read PDF files into sections: one per page, under the heading of the document's outline."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PdfReadError

from bot.errors import UnreadableDocument
from bot.knowledge.section import HEADING_PATH, Block, Section
from bot.knowledge.words import UNSPACED

MOST_PAGES = 5_000
ENDS = tuple('.!?:;。！？：；…”"')
HYPHENATED = re.compile(r"[a-z]-$")
UNSPACED_END = re.compile(f"[{UNSPACED}，、]$")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def read_pdf(content: bytes) -> tuple[str, tuple[Section, ...]]:
    """The text of each page. Raises UnreadableDocument for a locked, broken or scanned file."""
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise _locked()
        pages = len(reader.pages)
        if pages > MOST_PAGES:
            raise UnreadableDocument(f"The PDF has {pages} pages; at most {MOST_PAGES} are read. Split it.")
        headings = _headings(reader)
        sections = [_section(page, number, headings) for number, page in enumerate(reader.pages, start=1)]
    except (FileNotDecryptedError, DependencyError):
        raise _locked() from None
    except (PdfReadError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError):
        raise UnreadableDocument("The PDF is damaged. Open it in a viewer and export it again.") from None
    found = tuple(section for section in sections if section.blocks)
    if not found:
        raise UnreadableDocument(
            "The PDF holds pictures of pages, no text. Run text recognition (OCR) on it first."
        )
    return _title(reader), found


def _locked() -> UnreadableDocument:
    return UnreadableDocument("The PDF is protected by a password. Save it without one.")


def _title(reader: PdfReader) -> str:
    try:
        return str((reader.metadata and reader.metadata.title) or "")
    except PdfReadError:
        return ""


def _section(page: Any, number: int, headings: dict[int, str]) -> Section:
    heading = headings.get(max((start for start in headings if start <= number), default=0), "")
    place = f"page {number}"
    return Section(heading, tuple(Block(text, place) for text in _paragraphs(page.extract_text())))


def _headings(reader: PdfReader) -> dict[int, str]:
    """The heading each page begins under, by page number, from the outline; empty when it has none."""
    found: dict[int, str] = {}
    try:
        _walk(reader, reader.outline, (), found)
    except (PdfReadError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return found


def _walk(reader: PdfReader, entries: Any, above: tuple[str, ...], found: dict[int, str]) -> None:
    last = above
    for entry in entries:
        if isinstance(entry, list):
            _walk(reader, entry, last, found)
            continue
        last = (*above, " ".join(str(entry.title).split()))
        page = reader.get_destination_page_number(entry)
        if page is not None:
            found.setdefault(page + 1, HEADING_PATH.join(last))


def _paragraphs(text: str) -> list[str]:
    """Lines of a page joined to paragraphs: a short line that ends a sentence, or a gap, closes one."""
    lines = [" ".join(line.split()) for line in text.replace("\x00", "").split("\n")]
    width = max((len(line) for line in lines), default=0)
    found: list[str] = []
    is_open = False
    for line in lines:
        if line:
            found = [*found[:-1], _join(found[-1], line)] if is_open else [*found, line]
        is_open = bool(line) and not (len(line) < width * 0.8 and line.endswith(ENDS))
    return found


def _join(above: str, line: str) -> str:
    if HYPHENATED.search(above) and line[:1].islower():
        return above[:-1] + line
    return above + line if UNSPACED_END.search(above) else f"{above} {line}"
