"""Every kind of document is read, and whatever is wrong with a file ends in one clear sentence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import TooLarge, UnreadableDocument
from bot.knowledge.parse import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><w>&c;</w>'
)


def told(parsed: Any) -> list[tuple[str, str, str]]:
    """Heading, location and text of every block."""
    return [
        (section.heading, block.location, block.text)
        for section in parsed.sections
        for block in section.blocks
    ]


async def test_markdown(parser: Parser) -> None:
    text = (
        "---\ntitle: x\n---\n# Guide\nIntro with **bold** and [a link](http://example.org).\n\n## Install\n"
        "- first\n- second\n\n| Item | Price |\n|---|---|\n| Rope | 4 |\n\n```\n# no heading\n```\n"
    )
    parsed = await parser.parse("a.md", text.encode())
    assert parsed.title == "Guide"
    assert told(parsed) == [
        ("Guide", "line 5", "Intro with bold and a link."),
        ("Guide › Install", "line 8", "- first"),
        ("Guide › Install", "line 9", "- second"),
        ("Guide › Install", "line 13", "Item: Rope; Price: 4"),
        ("Guide › Install", "line 16", "# no heading"),
    ]


async def test_html(parser: Parser) -> None:
    page = (
        "<html><head><title>Shop</title><style>p{}</style></head><body><nav>Menu</nav><h1>Returns</h1>\n"
        "<p>Within <b>30</b> days.</p>\n<table><tr><th>Item</th><th>Days</th></tr>\n"
        "<tr><td>Lamp</td><td>14</td></tr></table><script>steal()</script></body></html>"
    )
    parsed = await parser.parse("a.html", page.encode())
    assert parsed.title == "Shop"
    assert told(parsed) == [
        ("Returns", "line 2", "Within 30 days."),
        ("Returns", "line 4", "Item: Lamp; Days: 14"),
    ]


async def test_tables_name_their_columns(parser: Parser, make_xlsx: Callable[[], bytes]) -> None:
    parsed = await parser.parse("a.csv", b"Name;Role\nAnna;Support\n\nLi;Engineer\n")
    assert told(parsed)[1] == ("", "row 4", "Name: Li; Role: Engineer")
    parsed = await parser.parse("a.xlsx", make_xlsx())
    assert told(parsed)[0] == ("Prices", "sheet Prices, row 2", "Item: Rope; Price: 4.5; Left: 12")


async def test_pdf(parser: Parser, make_pdf: Callable[..., bytes]) -> None:
    parsed = await parser.parse(
        "a.pdf", make_pdf("The tower is old.", "It was built in\n1893 by Maria Falk.")
    )
    assert told(parsed) == [
        ("", "page 1", "The tower is old."),
        ("", "page 2", "It was built in 1893 by Maria Falk."),
    ]


async def test_word(parser: Parser, make_docx: Callable[[], bytes]) -> None:
    parsed = await parser.parse("a.docx", make_docx())
    assert told(parsed) == [
        ("Lighthouse", "paragraph 2", "The lighthouse was built in 1893 by Maria Falk."),
        ("Lighthouse › Opening hours", "paragraph 4", "It is open from May to September."),
        ("Lighthouse › Opening hours", "paragraph 5, row 2", "Day: Sunday; Hours: 10 to 16"),
    ]


async def test_powerpoint(parser: Parser, make_pptx: Callable[[], bytes]) -> None:
    parsed = await parser.parse("a.pptx", make_pptx())
    assert told(parsed) == [
        ("Budget", "slide 1", "The budget for the harbour is 40,000 euro."),
        ("Budget", "slide 1, notes", "Mention the storm."),
        ("Questions", "slide 2", "Questions"),
    ]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "年假有十五天。"),
        ("utf-8-sig", "déjà vu"),
        ("utf-16", "年假有十五天。"),
        ("gb18030", "员工每年有十五天带薪年假，病假需要医院证明。"),
        ("latin-1", "café naïve"),
    ],
)
async def test_encodings(parser: Parser, encoding: str, text: str) -> None:
    parsed = await parser.parse("a.txt", text.encode(encoding))
    assert told(parsed) == [("", "line 1", text)]


async def test_wrapped_lines_are_joined_and_lists_are_not(parser: Parser) -> None:
    wrapped = "The keeper of the lighthouse goes up the stairs every\nevening to light the lamp."
    parsed = await parser.parse("a.txt", f"{wrapped}\n\nrope\nlamp".encode())
    assert [text for *_, text in told(parsed)] == [wrapped.replace("\n", " "), "rope\nlamp"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", bytes(range(256)) * 50, "binary data"),
        ("a.txt", bytes(range(1, 32)) * 50, "binary data"),
        ("a.exe", b"MZ", "cannot be read. Give"),
        ("a.pdf", b"%PDF-1.7 nothing more", "damaged"),
        ("a.pdf", b"plain text", "something else"),
        ("a.docx", b"PK\x03\x04 cut off", "damaged"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cannot be read"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99, "password"),
        ("a.html", b"<html><body><script>1</script></body></html>", "no text"),
        ("a.csv", b'a,b\n"' + b"x" * 200_000 + b'"\n', "table cannot be read"),
    ],
)
async def test_unreadable_files_say_what_to_do(parser: Parser, name: str, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableDocument, match=words):
        await parser.parse(name, content)
    assert told(await parser.parse("b.txt", b"still here")) == [("", "line 1", "still here")]


async def test_a_word_file_named_pdf(parser: Parser, make_docx: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableDocument, match=r"ends in \.pdf, but the content is a Word document"):
        await parser.parse("a.pdf", make_docx())


async def test_scanned_and_locked_pdf(parser: Parser, make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(UnreadableDocument, match="OCR"):
        await parser.parse("a.pdf", make_pdf("", ""))
    with pytest.raises(UnreadableDocument, match="password"):
        await parser.parse("a.pdf", _locked(make_pdf("secret")))


async def test_bombs(
    parser: Parser, make_docx: Callable[[], bytes], with_member: Callable[[bytes, str, bytes], bytes]
) -> None:
    zeros = with_member(make_docx(), "word/media/zeros.bin", bytes(200 * 2**20))
    laughs = with_member(make_docx(), "word/document.xml", LAUGHS)
    hidden = with_member(make_docx(), "word/styles.xml", LAUGHS.decode().encode("utf-16"))
    for bomb in (zeros, laughs, hidden):
        with pytest.raises(UnreadableDocument, match="unpacks to far more"):
            await parser.parse("a.docx", bomb)
    with pytest.raises(UnreadableDocument):
        await parser.parse("a.docx", _lying(zeros))
    assert told(await parser.parse("a.docx", make_docx()))


async def test_too_large(parser: Parser) -> None:
    with pytest.raises(TooLarge, match="5 MiB"):
        await parser.parse("a.txt", bytes(5 * 2**20 + 1))


@pytest.mark.parametrize("hang", ["time.sleep(60)", "bytearray(10**12)", "while True: pass", "os._exit(1)"])
async def test_a_parser_that_hangs_or_dies_is_replaced(hang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child runs code of the test in place of a reader, as if a library had the fault."""
    monkeypatch.setattr("bot.knowledge.parse.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("bot.knowledge.parse.CHILD", ("-c", FAULTY.format(hang=hang)))
    async with Parser(seconds=1.5, memory_mb=600) as parser:
        begun = time.monotonic()
        with pytest.raises(UnreadableDocument, match=r"limits of time and memory|too much memory"):
            await parser.parse("a.txt", b"hang")
        assert time.monotonic() - begun < 5
        assert told(await parser.parse("a.txt", b"fine")) == [("", "line 1", "fine")]


async def test_the_child_knows_no_secrets_and_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_SECRET", "hunter2")
    look = "import os; raise UnreadableDocument(str(sorted(os.environ)) + str(os.listdir()))"
    write = "open('x', 'w').write('y' * 9999)"
    for code, words in ((look, r"\[\]$"), (write, "damaged")):
        monkeypatch.setattr("bot.knowledge.parse.CHILD", ("-c", FAULTY.format(hang=code)))
        async with Parser(seconds=5) as parser:
            with pytest.raises(UnreadableDocument, match=words) as raised:
                await parser.parse("a.txt", b"hang")
        assert "SECRET" not in str(raised.value)


FAULTY = """
import os, sys, time
from bot.errors import UnreadableDocument
from bot.knowledge import child
sound = child.read
def read(name, content):
    if content == b"hang":
        {hang}
    return sound(name, content)
child.read = read
child.main()
"""


def _locked(content: bytes) -> bytes:
    import io

    from pypdf import PdfReader, PdfWriter

    writer, out = PdfWriter(clone_from=PdfReader(io.BytesIO(content))), io.BytesIO()
    writer.encrypt("key", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def _lying(archive: bytes) -> bytes:
    """The archive with the unpacked size of its largest member made small in the directory."""
    size = (200 * 2**20).to_bytes(4, "little")
    return archive.replace(size, (1000).to_bytes(4, "little"))
