"""Translate a file that came with the message; what it looks like stays."""

from __future__ import annotations

from pathlib import PurePath

from bot import (
    Attachment,
    BadInput,
    Context,
    Reply,
    ReplyFile,
    document_texts,
    language_name,
    with_texts,
)
from plugins.translation.detection import detect
from plugins.translation.keeping import prose, without_marks
from plugins.translation.rendering import NOTHING, Way, remarks
from plugins.translation.work import Translation, Translator

MOST_BYTES = 8 * 1024 * 1024
MEDIA_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".htm": "text/html",
    ".html": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}


class Document:
    """A file that is to be translated: its texts and, from their beginning, its language."""

    def __init__(self, name: str, content: bytes, texts: list[str], source: str) -> None:
        self._name = name
        self._content = content
        self._texts = texts
        self.source = source

    async def translated(self, translator: Translator, way: Way) -> Reply:
        """The file in the other language, with what is to be known of it."""
        found = await translator.translate_all(self._texts)
        plain = [without_marks(text) for text in self._texts]
        lost = [
            place for place, each in enumerate(found) if each.refused and plain[place] != self._texts[place]
        ]
        again = await translator.translate_all([plain[place] for place in lost])
        for place, each in zip(lost, again, strict=True):
            found[place] = each if each.refused < found[place].refused else found[place]
        if all(each.text == text for each, text in zip(found, self._texts, strict=True)):
            return Reply(NOTHING)
        file = await self._with(found, way.target)
        return Reply("\n".join([f"**{file.name}** · {way.named}", *remarks(found)]), files=(file,))

    async def _with(self, found: list[Translation], target: str) -> ReplyFile:
        content = await with_texts(self._name, self._content, [each.text for each in found])
        if len(content) > MOST_BYTES:
            raise BadInput(
                "The translated file is larger than 8 MB, which not every platform takes. Split it."
            )
        path = PurePath(self._name)
        media_type = MEDIA_TYPES.get(path.suffix.lower(), "text/plain")
        return ReplyFile(f"{path.stem}.{target}{path.suffix}", media_type, content)


async def open_file(context: Context, attachment: Attachment, *, most: int) -> Document:
    """The document in an attachment. Raises BadInput for one that has no words or over `most` characters."""
    content = await context.files.read(attachment)
    texts = await document_texts(attachment.name, content)
    words = prose("\n".join(texts))
    if not words:
        raise BadInput(f"There are no words to translate in {attachment.name}.")
    if (length := sum(map(len, texts))) > most:
        raise BadInput(
            f"{attachment.name} has {length:,} characters; I translate {most:,} at most. Send it in parts."
        )
    return Document(attachment.name, content, texts, await detect(words))


def same(name: str, target: str) -> str:
    """That a file is in the language already."""
    return f"{name} is {language_name(target)} already. Name another language: `/translate de`."
