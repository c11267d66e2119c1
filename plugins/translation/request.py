"""Read which language is wanted, and of what, from a command or from free words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot import BadArguments, language_code

WHAT = (
    "What shall I translate? Type `/translate de some text`, reply to a message with `/translate de`, or "
    "choose Translate in a message's menu."
)

_IT = r"(?:(?:this|that|the|my)\s+(?:message|text|file|document)|this|that|it)"
_INTO = re.compile(rf"\A(?:please\s+)?(?:{_IT}\s+)?(?:in|into|to)\s+(?=\S)", re.IGNORECASE)
_ALONE = re.compile(rf"(?:{_IT}|please)[.!?]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: an empty `target` is the asker's own language, an empty `text` the message meant."""

    target: str
    text: str


def read_request(language: str, text: str, *, is_form: bool) -> Request:
    """What a form or a typed command asks for. Typed, what begins with no language is all text.

    Raises BadArguments when a form names a language that is not known.
    """
    if is_form:
        target = language_code(language)
        if language and not target:
            raise BadArguments(f"I know no language {language[:40]!r}. Name one such as German or de.")
        return Request(target, text)
    words = f"{language} {text}".strip()
    words = words if _ALONE.fullmatch(words) is None or language_code(words) else ""
    for candidate in (_INTO.sub("", words), words):
        first = re.match(r"\S*", candidate)
        if first and (target := language_code(first[0].rstrip(":.!?"))):
            return Request(target, candidate[first.end() :].strip())
    return Request("", words)
