"""Small documents of every kind, made by the libraries their readers use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Callable

import docx
import openpyxl
import pptx
import pytest

from bot.knowledge.parse import Parser


def pdf(*pages: str) -> bytes:
    """A minimal PDF with one text per page; lines are parted by a line feed."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
    ]
    font = 3 + 2 * len(pages)
    for number, page in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in page.split("\n"))
        stream = f"BT /F1 12 Tf 72 720 Td {shown} ET".encode()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * number} 0 R"
            f" /Resources << /Font << /F1 {font} 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return (
        out
        + (
            f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
            f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
        ).encode()
    )


def word() -> bytes:
    """Two headings, paragraphs and a table."""
    document = docx.Document()
    document.add_heading("Lighthouse", 1)
    document.add_paragraph("The lighthouse was built in 1893 by Maria Falk.")
    document.add_heading("Opening hours", 2)
    document.add_paragraph("It is open from May to September.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, [("Day", "Hours"), ("Sunday", "10 to 16")], strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return _saved(document.save)


def powerpoint() -> bytes:
    """A slide with a title, text and notes, and one with a title alone."""
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text_frame.text = "Budget"
    slide.placeholders[1].text_frame.text = "The budget for the harbour is 40,000 euro."
    slide.notes_slide.notes_text_frame.text = "Mention the storm."
    presentation.slides.add_slide(presentation.slide_layouts[0]).shapes.title.text_frame.text = "Questions"
    return _saved(presentation.save)


def excel() -> bytes:
    """A sheet of prices with a header."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for row in [("Item", "Price", "Left"), ("Rope", 4.5, 12), ("Lantern", 19, None)]:
        sheet.append(row)
    return _saved(book.save)


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def changed(archive: bytes, name: str, content: bytes) -> bytes:
    """An archive with one member replaced or added."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
async def parser() -> AsyncIterator[Parser]:
    """A parser with the limits of a small machine."""
    async with Parser(seconds=20, memory_mb=600, document_mb=5) as opened:
        yield opened


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    """Makes a PDF of some pages."""
    return pdf


@pytest.fixture
def make_docx() -> Callable[[], bytes]:
    """Makes a Word document."""
    return word


@pytest.fixture
def make_pptx() -> Callable[[], bytes]:
    """Makes a presentation."""
    return powerpoint


@pytest.fixture
def make_xlsx() -> Callable[[], bytes]:
    """Makes a workbook."""
    return excel


@pytest.fixture
def with_member() -> Callable[[bytes, str, bytes], bytes]:
    """Changes one member of an archive."""
    return changed
