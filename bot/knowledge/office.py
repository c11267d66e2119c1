"""Read Word, PowerPoint and Excel files into sections, after a look whether the archive is a trap."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from bot.errors import UnreadableDocument
from bot.knowledge.section import Outline, Section, rows_as_text

MOST_ENTRIES = 5_000
MOST_RATIO = 100
ALWAYS_ALLOWED = 10 * 2**20
MOST_UNPACKED = 400 * 2**20
MOST_COLUMNS = 500
CHUNK = 2**16
HEADING_STYLE = re.compile(r"heading ?(\d)", re.IGNORECASE)

Read = tuple[str, tuple[Section, ...]]


def checked(content: bytes) -> bytes:
    """The archive itself, unless it unpacks to far more than it is, or its XML declares entities.

    The archive's own directory is looked at first; then every member is unpacked and counted, since
    the directory may lie. At most 100 times the file's size (10 MiB are always allowed, 400 MiB never
    exceeded), 5,000 members. Raises UnreadableDocument.
    """
    allowed = min(max(len(content) * MOST_RATIO, ALWAYS_ALLOWED), MOST_UNPACKED)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MOST_ENTRIES or sum(member.file_size for member in members) > allowed:
            raise _bomb()
        unpacked = 0
        for member in members:
            for chunk in _chunks(archive, member):
                unpacked += len(chunk)
                if unpacked > allowed:
                    raise _bomb()
    return content


def read_docx(content: bytes) -> Read:
    """Headings, paragraphs and tables in order; places are counted in paragraphs."""
    import docx
    from docx.table import Table

    document = docx.Document(io.BytesIO(content))
    outline = Outline()
    for number, item in enumerate(document.iter_inner_content(), start=1):
        if isinstance(item, Table):
            for row, text in rows_as_text(enumerate(_table_rows(item), start=1)):
                outline.add(text, f"paragraph {number}, row {row}")
        elif level := _heading_level(item):
            outline.enter(level, item.text)
        else:
            outline.add(item.text, f"paragraph {number}")
    return document.core_properties.title or "", outline.sections()


def read_pptx(content: bytes) -> Read:
    """Each slide under its title: texts, tables and the speaker's notes."""
    import pptx

    presentation = pptx.Presentation(io.BytesIO(content))
    outline = Outline()
    for number, slide in enumerate(presentation.slides, start=1):
        place = f"slide {number}"
        title = slide.shapes.title
        outline.enter(1, title.text_frame.text if title is not None else "")
        for text in _shape_texts(slide.shapes, title):
            outline.add(text, place)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            outline.add(slide.notes_slide.notes_text_frame.text, f"{place}, notes")
        if title is not None and not any(True for _ in _shape_texts(slide.shapes, title)):
            outline.add(title.text_frame.text, place)
    return presentation.core_properties.title or "", outline.sections()


def read_xlsx(content: bytes) -> Read:
    """Each sheet under its name, one block per row with the names of its columns; values, not formulas."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    outline = Outline()
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        outline.enter(1, sheet.title)
        for number, text in rows_as_text(enumerate(_sheet_rows(sheet), start=1)):
            outline.add(text, f"sheet {sheet.title}, row {number}")
    title = book.properties.title or ""
    book.close()
    return title, outline.sections()


def _bomb() -> UnreadableDocument:
    return UnreadableDocument(
        "The file unpacks to far more than a document does, so it was not opened. Export it as PDF or text."
    )


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member piece by piece; XML that declares a document type is refused, for Office never writes one."""
    is_xml = member.filename.endswith((".xml", ".rels", ".vml"))
    tail = b""
    with archive.open(member) as stream:
        while chunk := stream.read(CHUNK):
            if is_xml:
                seen = tail + chunk.replace(b"\x00", b"")
                if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                    raise _bomb()
                tail = seen[-16:]
            yield chunk


def _heading_level(paragraph: Any) -> int:
    """1 to 9 for a heading, 1 for a title, 0 for other text."""
    style = paragraph.style
    name = f"{style.name or ''}" if style is not None else ""
    if name == "Title":
        return 1
    found = HEADING_STYLE.fullmatch(name) or (
        style is not None and HEADING_STYLE.fullmatch(style.style_id or "")
    )
    return int(found[1]) if found else 0


def _table_rows(table: Any) -> Iterator[list[str]]:
    """Rows as texts; a cell merged over columns is told once."""
    for row in table.rows:
        cells: list[Any] = []
        for cell in row.cells:
            if not cells or cell._tc is not cells[-1]._tc:
                cells.append(cell)
        yield [cell.text for cell in cells]


def _shape_texts(shapes: Iterable[Any], title: Any) -> Iterator[str]:
    for shape in shapes:
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "shapes", None) is not None:
            yield from _shape_texts(shape.shapes, title)
        elif shape.has_text_frame:
            yield from filter(str.strip, (each.text for each in shape.text_frame.paragraphs))
        elif getattr(shape, "has_table", False):
            rows = ([cell.text for cell in row.cells] for row in shape.table.rows)
            yield from (text for _, text in rows_as_text(enumerate(rows, start=1)))


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True):
        yield [_cell(value) for value in row]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return (
            value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
        )
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)
