"""A reply as Discord shows it: text, sources, controls and files, harmless whatever stands in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bot.connectors.discord.forms import rows
from bot.connectors.discord.rest import File, Json
from bot.connectors.splitting import length, split_markdown
from bot.message import Citation, Reply

LIMIT = 2000
MOST_PARTS = 5
NONCE_CHARACTERS = 25
SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
NO_MENTIONS: Json = {"parse": [], "replied_user": False}
WHOLE_FILE = "answer.md"
CONTINUED = "\n\n*The whole answer is in the file.*"
DRAFT_MARK = " ▍"
NOTHING = "*(empty)*"
CODE = re.compile(r"(```.*?(?:```|\Z)|``.*?``|`[^`\n]*`)", re.DOTALL)
MASKED = re.compile(
    r"!?\[(?P<text>[^\]\n]*)\]\(\s*<?(?P<address>[^\s<>)]+)>?(?:\s+[\"'(][^\n]*?[\"')])?\s*\)"
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message as it will be shown."""

    content: str
    components: tuple[Json, ...] = ()
    files: tuple[File, ...] = ()

    def body(self) -> Json:
        """The payload that sets all of it, new or in place of a draft; nobody is pinged, no link fetched."""
        body: Json = {
            "content": self.content,
            "components": list(self.components),
            "allowed_mentions": NO_MENTIONS,
            "flags": SUPPRESS_EMBEDS,
        }
        if self.files:
            body["attachments"] = [{"id": n, "filename": name} for n, (name, _, _) in enumerate(self.files)]
        return body


def split(reply: Reply) -> list[Reply]:
    """The parts a reply is sent in; one that would be very long, or is for the asker alone, is one part."""
    reply = replace(reply, text=unmask(reply.text))
    texts = split_markdown(reply.text, LIMIT)
    if len(texts) > MOST_PARTS or (reply.to_asker and len(texts) > 1):
        return [reply]
    *bare, last = (replace(reply, text=text, citations=(), controls=(), files=()) for text in texts)
    sources = _sources(reply.citations)
    if sources and not reply.to_asker and length(last.text) + length(sources) > LIMIT:
        closing = replace(reply, text=" ")
        return [*bare, last, closing]
    return [*bare, replace(reply, text=last.text)]


def render(reply: Reply, key: str) -> Rendered:
    """One part. What is longer than a message is shown by its beginning, and whole in a file."""
    text, sources = unmask(reply.text), _sources(reply.citations)
    components = rows(reply.controls, key)
    files = tuple((file.name, file.content, file.media_type) for file in reply.files)
    whole = (text.rstrip() + sources).strip()
    if length(whole) <= LIMIT:
        return Rendered(whole or NOTHING, components, files)
    files = ((WHOLE_FILE, whole.encode(), "text/markdown"), *files)
    if length(text) <= LIMIT:
        return Rendered(text, components, files)
    beginning = split_markdown(text, LIMIT - len(CONTINUED))[0]
    return Rendered(beginning + CONTINUED, components, files)


def render_draft(text: str) -> Rendered:
    """What is written so far, marked as unfinished."""
    return Rendered(split_markdown(unmask(text), LIMIT - len(DRAFT_MARK))[0].rstrip() + DRAFT_MARK)


def render_words(text: str) -> Rendered:
    """A sentence of the bot itself."""
    return Rendered(text[:LIMIT])


def nonce_of(key: str) -> str:
    """What makes Discord show a part once, however often it is sent."""
    return hashlib.sha256(key.encode()).hexdigest()[:NONCE_CHARACTERS]


def is_same(shown: str, rendered: Rendered) -> bool:
    """Whether a message shows the content; Discord trims white space."""
    return "".join(shown.split()) == "".join(rendered.content.split())


def unmask(text: str) -> str:
    """Links show their address: `[bank](https://evil)` becomes `bank (https://evil)`. Code stays."""
    return _outside_code(text, lambda words: MASKED.sub(_unmasked, words))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces = CODE.split(text)
    return "".join(piece if place % 2 else change(piece) for place, piece in enumerate(pieces))


def _unmasked(found: re.Match[str]) -> str:
    text, address = found["text"].strip(), found["address"]
    return address if text in ("", address) else f"{text} ({address})"


def _sources(citations: Iterable[Citation]) -> str:
    lines = [
        f"[{number}] {each.document}{f', {each.location}' if each.location else ''}"
        for number, each in enumerate(citations, start=1)
    ]
    return "\n\n**Sources**\n" + "\n".join(lines) if lines else ""
