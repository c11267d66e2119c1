"""Tell what a file is by its content as well as its name, and read text in whatever encoding it has."""

from __future__ import annotations

import codecs
import io
import zipfile
from enum import StrEnum
from pathlib import PurePath

from bot.errors import UnreadableDocument
from bot.knowledge.words import RUN


class Kind(StrEnum):
    """The kinds of documents that can be read; the value is the media type."""

    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    CSV = "text/csv"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


KINDS = {
    ".txt": Kind.TEXT,
    ".text": Kind.TEXT,
    ".log": Kind.TEXT,
    ".json": Kind.TEXT,
    ".rst": Kind.MARKDOWN,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".pdf": Kind.PDF,
    ".docx": Kind.DOCX,
    ".pptx": Kind.PPTX,
    ".xlsx": Kind.XLSX,
}
"""What is read, by the ending of the name."""

READABLE = "md, txt, html, pdf, docx, csv, pptx or xlsx"

_OFFICE = {"word/document.xml": Kind.DOCX, "ppt/presentation.xml": Kind.PPTX, "xl/workbook.xml": Kind.XLSX}
_TEXTUAL = {Kind.TEXT, Kind.MARKDOWN, Kind.HTML, Kind.CSV}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")


def is_readable(name: str) -> bool:
    """Whether a file of this name is one of the kinds that can be read."""
    return PurePath(name).suffix.lower() in KINDS


def kind_of(name: str, content: bytes) -> Kind:
    """What the file is. Raises UnreadableDocument when it is nothing readable, or not what it says."""
    suffix = PurePath(name).suffix.lower()
    named = KINDS.get(suffix)
    if suffix and named is None:
        raise UnreadableDocument(f"Files ending in {suffix[:16]} cannot be read. Give a {READABLE} file.")
    if not content.strip():
        raise UnreadableDocument("The file is empty.")
    found = _sniff(content)
    if named is None:
        return found
    if (named in _TEXTUAL) != (found in _TEXTUAL) or (named not in _TEXTUAL and named is not found):
        raise UnreadableDocument(
            f"The name ends in {suffix}, but the content is {_describe(found)}. Rename or export it again."
        )
    return named


def decode(content: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, GB18030 when that gives Chinese, else Latin.

    Raises UnreadableDocument when it is no text at all.
    """
    text = _decoded(content)
    controls = sum(character < " " and character not in "\t\n\r\f\x1b" for character in text[:100_000])
    if controls > len(text[:100_000]) / 200:
        raise UnreadableDocument("This is no text but binary data. Export it as text or PDF.")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


def _decoded(content: bytes) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\x00" in content:
        raise UnreadableDocument("This is no text but binary data. Export it as text or PDF.")
    for encoding in ("utf-8", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or _is_chinese(text):
            return text
    return content.decode("cp1252", "replace")


def _is_chinese(text: str) -> bool:
    """Whether what is not ASCII is mostly Chinese: Latin text misread as GB18030 is scattered rare signs."""
    foreign = [character for character in text[:20_000] if ord(character) > 127]
    common = sum(
        "\u4e00" <= c <= "\u9fff" or "\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff5e" for c in foreign
    )
    runs = [unspaced for unspaced, _ in RUN.findall(text[:20_000]) if unspaced]
    return common > 0.8 * len(foreign) and len(foreign) > 1.5 * len(runs)


def _sniff(content: bytes) -> Kind:
    if b"%PDF-" in content[:1024]:
        return Kind.PDF
    if content.startswith(b"PK\x03\x04"):
        return _sniff_zip(content)
    if content.startswith(_OLD_OFFICE):
        raise UnreadableDocument(
            "This is an old or password-protected Office file. Save it as docx, pptx or xlsx, unlocked."
        )
    if content.startswith(b"{\\rtf"):
        raise UnreadableDocument("RTF cannot be read. Save it as docx or PDF.")
    start = content[:2048].lstrip().lower()
    return Kind.HTML if start.startswith((b"<!doctype html", b"<html")) else Kind.TEXT


def _sniff_zip(content: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UnreadableDocument(
            "The file is damaged: it begins like an Office file but is cut off."
        ) from None
    for member, kind in _OFFICE.items():
        if member in names:
            return kind
    raise UnreadableDocument("This is a ZIP archive. Unpack it and add the files in it.")


def _describe(kind: Kind) -> str:
    return {Kind.PDF: "a PDF", Kind.DOCX: "a Word document", Kind.PPTX: "a PowerPoint file"}.get(
        kind, "an Excel file" if kind is Kind.XLSX else "something else"
    )
