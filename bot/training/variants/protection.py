"""What of a text is never changed: links, addresses, mentions, code; and the words between."""

from __future__ import annotations

import re
from collections.abc import Callable

PROTECTED = re.compile(
    r"```.*?```|`[^`\n]+`"  # code
    r"|<[^<>\s][^<>\n]*>"  # what Discord and Slack write in angle brackets: mentions, channels, links, emoji
    r"|(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.-]+"
    r"|(?<!\w)[@#][\w.-]+|(?<!\w):[a-z0-9_+-]+:(?!\w)",
    re.DOTALL | re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")


def changed(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` made to each stretch that is not protected."""
    parts, end = [], 0
    for piece in PROTECTED.finditer(text):
        parts += [change(text[end : piece.start()]), piece.group()]
        end = piece.end()
    return "".join([*parts, change(text[end:])])


def words_of(text: str) -> list[tuple[int, int]]:
    """Where the words outside protected pieces begin and end; a run of Chinese characters is one."""
    kept = [piece.span() for piece in PROTECTED.finditer(text)]
    found = (
        (run.start() + word.start(), run.start() + word.end())
        for run in WORD.finditer(text)
        for word in split_by_script(run.group())
    )
    return [(start, end) for start, end in found if not any(a < end and start < b for a, b in kept)]


def split_by_script(word: str) -> list[re.Match[str]]:
    """A word cut where Chinese characters begin or end."""
    return list(re.finditer(rf"{HAN.pattern}|[^\u3400-\u4dbf\u4e00-\u9fff]+", word))
