"""Documents are written again with other words, and everything else stays as it was."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import TooLarge, UnreadableDocument
from bot.knowledge.pieces import Piece, Words
from bot.knowledge.rewritable import open_document
from bot.knowledge.rewriting import document_texts, with_texts

MARKDOWN = """\
---
title: The handbook
---
# Opening hours

The office opens at nine in the morning, except on the days on which
it stays closed. See [the list](https://example.org/list).
A line of its own.

- first **item**
  1. second item, which is long enough to be broken and therefore goes on
     in the next line
- [ ] to do

| Day    | Hours    |
|--------|----------|
| Monday | all day  |

```py
print("not this")
```

    indented = "nor this"

> quoted words
"""
PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="gb2312"><title>The page</title><style>p { color: red }</style></head>
<body><h1>Welcome</h1><!-- a note -->
<p class="first">Read the <a href="/rules"><b>house</b> rules</a>
   before you <code>start</code> it.<br>Then go.</p>
<ul><li>one<li>two &amp; three</ul>
<table><tr><td>Monday</td><td>9</td></tr></table>
<img src="cat.png" alt="a cat"><p translate="no">Parley</p><script>say("hello")</script></body></html>
"""


def word_document() -> bytes:
    document = docx.Document()
    document.add_heading("Leave", 1)
    paragraph = document.add_paragraph("Everyone has ")
    paragraph.add_run("thirty").bold = True
    paragraph.add_run(" days of ")
    paragraph.add_run("leave.")
    document.add_paragraph("Ask your team", style="List Bullet")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Name", "2024"
    document.sections[0].header.paragraphs[0].text = "Confidential"
    saved = io.BytesIO()
    document.save(saved)
    return saved.getvalue()


def changed(name: str, content: bytes, change: Callable[[str], str]) -> bytes:
    document = open_document(name, content)
    for piece in document.pieces:
        if not piece.is_empty:
            piece.put(change(piece.text))
    return document.save()


def test_markdown_keeps_its_lines_its_tables_and_its_code() -> None:
    written = changed("a.md", MARKDOWN.encode(), str.upper).decode()
    assert written.startswith("---\ntitle: The handbook\n---\n# OPENING HOURS\n\nTHE OFFICE OPENS")
    assert (
        "ON WHICH IT STAYS CLOSED. SEE [THE LIST](HTTPS://EXAMPLE.ORG/LIST).\nA LINE OF ITS OWN.\n" in written
    )
    assert "- FIRST **ITEM**\n  1. SECOND ITEM, WHICH IS" in written
    assert "GOES ON IN THE NEXT LINE\n- [ ] TO DO\n" in written
    assert "| DAY    | HOURS    |\n|--------|----------|\n| MONDAY | ALL DAY  |\n" in written
    assert '```py\nprint("not this")\n```\n\n    indented = "nor this"\n\n> QUOTED WORDS\n' in written


def test_a_page_keeps_its_tags_and_what_is_no_prose() -> None:
    written = changed("a.html", PAGE.encode(), str.upper).decode()
    assert written.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert '<meta charset="utf-8">' in written
    assert "<title>THE PAGE</title><style>p { color: red }</style>" in written
    assert '<p class="first">READ THE <a href="/rules"><b>HOUSE</b> RULES</a>\n   BEFORE YOU ' in written
    assert "<code>start</code> IT.<br>THEN GO.</p>" in written
    assert "<li>ONE</li><li>TWO &amp; THREE</li>" in written
    assert "<td>MONDAY</td><td>9</td>" in written
    assert 'alt="A CAT"' in written
    assert '<p translate="no">Parley</p><script>say("hello")</script>' in written
    assert "<!-- a note -->" in written


def test_a_piece_of_a_page_stays_a_piece() -> None:
    assert changed("a.html", b"Hi <b>there</b>, <i>you</i>", str.upper) == b"HI <b>THERE</b>, <i>YOU</i>"


def test_a_word_document_keeps_its_looks() -> None:
    asked: list[str] = []

    def upper(text: str) -> str:
        asked.append(text)
        return text.upper()

    written = docx.Document(io.BytesIO(changed("a.docx", word_document(), upper)))
    assert asked == [
        "Leave",
        "Everyone has ⟦1⟧thirty⟦2⟧ days of leave.",
        "Ask your team",
        "Name",
        "Confidential",
    ]
    heading, paragraph, item = written.paragraphs
    assert (heading.text, heading.style.name) == ("LEAVE", "Heading 1")
    assert [(run.text, run.bold) for run in paragraph.runs if run.text] == [
        ("EVERYONE HAS ", None),
        ("THIRTY", True),
        (" DAYS OF LEAVE.", None),
    ]
    assert (item.text, item.style.name) == ("ASK YOUR TEAM", "List Bullet")
    assert [cell.text for cell in written.tables[0].row_cells(0)] == ["NAME", "2024"]
    assert written.sections[0].header.paragraphs[0].text == "CONFIDENTIAL"


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("a⟦1⟧b⟦2⟧c", [" a ", "b", "c\n"]),
        ("a⟦2⟧b⟦1⟧c", ["", "abc", ""]),
        ("all in one", ["", "all in one", ""]),
        ("", ["", "", ""]),
    ],
)
def test_words_without_their_marks_stand_in_the_longest_slot(text: str, slots: list[str]) -> None:
    words = [Words(" one "), Words("two words"), Words("3rd\n")]
    piece = Piece(words)
    assert piece.text == "one ⟦1⟧two words⟦2⟧3rd"
    piece.put(text)
    assert [each.text for each in words] == slots


def test_what_looks_like_our_marks_is_left_alone() -> None:
    assert Piece([Words("see ⟦1⟧ there")]).is_empty
    assert Piece([Words("12 🎉")]).is_empty


LINES = st.sampled_from([*MARKDOWN.splitlines(), "```", "    x", "|", "a" * 60, "你好", "---", "", "\t", "#"])


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=20))
def test_a_text_whose_words_stay_keeps_all_its_characters_but_line_breaks(lines: list[str]) -> None:
    text = "\n".join(lines) + "\nend"
    written = changed("a.md", text.encode(), lambda words: words).decode()
    assert "".join(written.split()) == "".join(text.split())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<b>", "</div>", "word", "<code>x</code>", "<!--", "&lt;", "\n"])
    )
)
def test_odd_pages_are_written_again(parts: list[str]) -> None:
    source = "<html><body>start " + "".join(parts)
    written = changed("a.html", source.encode(), str.upper)
    assert b"START" in written


# --- in a process of their own ---


async def test_files_of_others_are_opened_in_another_process() -> None:
    content = word_document()
    texts = await document_texts("leave.docx", content)
    written = await with_texts("leave.docx", content, [text.replace("thirty", "forty") for text in texts])
    assert docx.Document(io.BytesIO(written)).paragraphs[1].text == "Everyone has forty days of leave."


async def test_what_cannot_be_written_again_is_said() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 50_000_000)
    for name, content, words in (
        ("a.pdf", b"%PDF-1.4", "cannot be written again. Give a txt, md, docx or html file."),
        ("a.exe", b"MZ", "cannot be read"),
        ("a.txt", b"", "empty"),
        ("a.docx", b"PK\x03\x04 cut off", "damaged"),
        ("a.docx", bomb.getvalue(), "unpacks to far more"),
        ("a.txt", b"\x00\x01\x02" * 100, "binary"),
    ):
        with pytest.raises(UnreadableDocument, match=words):
            await document_texts(name, content)


async def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        await document_texts("a.txt", b"x" * (51 * 2**20))
