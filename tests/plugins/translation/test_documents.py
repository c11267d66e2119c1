"""Files sent with the command come back in the other language, looking as they did."""

from __future__ import annotations

import io
from dataclasses import replace

import docx
import pytest

from bot import Attachment, ReplyFile
from bot.settings import LimitSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness
from plugins.translation.rendering import SMALL

TEXT = """\
# How we work

We begin at nine in the morning. Ask **Ann** about `make test`.

```py
print("hello")
```
"""


class Filing(RecordingConnector):
    """A platform that keeps the bytes of files."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        return self.files[attachment.id]


@pytest.fixture
async def harness(tmp_path):
    limits = LimitSettings(person_per_minute=0, channel_per_minute=0)
    settings = Settings(
        data_dir=tmp_path, limits=limits, plugin={"translation": {"document_characters": 5000}}
    )
    async with open_harness(settings, Filing()) as running:
        yield running


async def sent(harness: Harness, name: str, content: bytes, command: str = "/translate de", **where):
    harness.connector.files["f1"] = content
    file = Attachment("f1", name, "application/octet-stream", len(content))
    return await harness.hand_in(replace(harness.message(command, **where), attachments=(file,)))


def translating(monkeypatch, harness: Harness, translate) -> list[str]:
    asked: list[str] = []

    async def replaced(texts, **_):
        asked.extend(texts)
        return [translate(text) for text in texts]

    monkeypatch.setattr(harness.models, "translate", replaced)
    return asked


async def test_markdown_comes_back_with_its_form(harness, monkeypatch):
    translating(monkeypatch, harness, str.upper)
    (reply,) = await sent(harness, "work.md", TEXT.encode())
    assert reply.text == f"**work.de.md** · *English → German{SMALL}*"
    assert reply.to_asker
    (file,) = reply.files
    assert (file.name, file.media_type) == ("work.de.md", "text/markdown")
    assert file.content.decode() == (
        "# HOW WE WORK\n\nWE BEGIN AT NINE IN THE MORNING. ASK **ANN** ABOUT `make test`.\n\n"
        '```py\nprint("hello")\n```\n'
    )


async def test_a_word_document_keeps_the_looks_of_its_words_where_the_model_keeps_the_marks(
    harness, monkeypatch
):
    document = docx.Document()
    document.add_paragraph("We begin at ").add_run("nine").bold = True
    forgotten = document.add_paragraph("Forget the ")
    forgotten.add_run("marks").bold = True
    content = io.BytesIO()
    document.save(content)

    def translate(text: str) -> str:
        return "ALL FORGOTTEN" if "Forget" in text else text.upper()

    translating(monkeypatch, harness, translate)
    (reply,) = await sent(harness, "plan.docx", content.getvalue())
    written = docx.Document(io.BytesIO(reply.files[0].content))
    kept, lost = written.paragraphs
    assert [(run.text, run.bold) for run in kept.runs] == [("WE BEGIN AT ", None), ("NINE", True)]
    assert lost.text.strip() == "ALL FORGOTTEN"
    assert "stand" not in reply.text
    assert reply.files[0].media_type.endswith("wordprocessingml.document")


async def test_free_words_with_a_file_translate_it(harness):
    (reply,) = await sent(harness, "a.txt", b"Good morning to all of you", "translate this file to French")
    assert reply.files[0].name == "a.fr.txt"
    assert reply.files[0].content == b"[fr] Good morning to all of you"


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("a.pdf", b"%PDF-1.4 x", "cannot be written again. Give a txt, md, docx or html file."),
        ("a.zip", b"PK\x03\x04", "cannot be read"),
        ("a.txt", b"12 34 \xf0\x9f\x8e\x89", "There are no words to translate in a.txt."),
        ("a.txt", b"", "empty"),
        ("a.txt", b"word " * 1200, "a.txt has 5,999 characters; I translate 5,000 at most."),
        ("a.txt", b"Guten Morgen zusammen, wie geht es euch heute?", "a.txt is German already."),
    ],
)
async def test_what_cannot_be_translated_is_said(harness, name, content, answer):
    (reply,) = await sent(harness, name, content)
    assert answer in reply.text
    assert reply.files == ()


async def test_without_a_model_it_says_what_to_set(harness):
    harness.models.down = True
    (reply,) = await sent(harness, "a.txt", b"Good morning to all of you")
    assert reply.text.startswith("Nothing here can translate yet.")


async def test_a_model_that_keeps_nothing_is_refused(harness, monkeypatch):
    translating(monkeypatch, harness, lambda text: "")
    (reply,) = await sent(harness, "a.txt", b"Good morning to all of you")
    assert reply.text.startswith("No translation came back that keeps what must stay")
    assert reply.files == ()


async def test_files_are_kept_beside_the_message_and_go_with_it(harness):
    (reply,) = await sent(harness, "a.txt", b"Good morning to all of you")
    assert reply.files == (ReplyFile("a.de.txt", "text/plain", b"[de] Good morning to all of you"),)
    history = harness.bot.store.history
    (answer,) = [each for each in await history.recent("test:room") if each.role == "bot"]
    ((identity, name, media_type, size),) = answer.attachments
    assert (name, media_type, size) == ("a.de.txt", "text/plain", 31)
    assert await history.attachment(identity) == ("a.de.txt", "text/plain", reply.files[0].content)
    assert "files" not in answer.packed
