"""The parts in which a long reply is sent; a very long one is sent as a file."""

from __future__ import annotations

from dataclasses import replace

from bot.connectors.splitting import split_markdown
from bot.message import Reply

PART_CHARACTERS = 8_000
MOST_PARTS = 5
IN_THE_FILE = "\n\nThat is not all: the whole answer is in the file `answer.md`."
CUT = "\n\nThe rest is left out: it is too long for a message that only you see."


def parts_of(reply: Reply) -> list[Reply]:
    """The reply in parts that each fit a message, in order. The last bears what belongs below it.

    Over five parts, the beginning and then the whole text, which is sent as a file because of its
    length. What only one person sees can be no file: there the end is left out. A file of the reply is
    a part of its own, with its name as text.
    """
    named = [replace(reply, text=each.name, citations=(), controls=(), files=(each,)) for each in reply.files]
    return [*_texts(replace(reply, files=())), *named]


def _texts(reply: Reply) -> list[Reply]:
    texts = split_markdown(reply.text, PART_CHARACTERS)
    if len(texts) == 1:
        return [reply]
    if len(texts) <= MOST_PARTS:
        bare = [replace(reply, text=text, citations=(), controls=()) for text in texts[:-1]]
        return [*bare, replace(reply, text=texts[-1])]
    begin = split_markdown(reply.text, PART_CHARACTERS - max(len(CUT), len(IN_THE_FILE)))[0]
    if reply.to_asker:
        return [replace(reply, text=begin + CUT)]
    return [replace(reply, text=begin + IN_THE_FILE), replace(reply, citations=(), controls=())]
