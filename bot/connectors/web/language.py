"""The page's words in English and Chinese, and which of the two a visitor reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from starlette.requests import Request

COOKIE = "parley_language"
DEFAULT = "en"


class Strings:
    """The sentences of one language; `code` is what the page's `lang` says."""

    def __init__(self, code: str, sentences: Mapping[str, str]) -> None:
        self.code = code
        self.sentences = sentences

    def say(self, name: str, /, **values: object) -> str:
        """The sentence of that name with its places filled."""
        return self.sentences[name].format(**values)


@cache
def languages() -> dict[str, Strings]:
    """Every language there is, by code."""
    text = files(__package__).joinpath("strings.json").read_text("utf-8")
    return {code: Strings(code, sentences) for code, sentences in json.loads(text).items()}


def choose_language(request: Request) -> Strings:
    """What the visitor switched to, else the best of Accept-Language, else English."""
    known = languages()
    chosen = request.cookies.get(COOKIE, "")
    if chosen in known:
        return known[chosen]
    wanted = sorted(_accepted(request.headers.get("accept-language", "")[:200]), reverse=True)
    return next((known[code] for _, _, code in wanted if code in known), known[DEFAULT])


def _accepted(header: str) -> list[tuple[float, int, str]]:
    found = []
    for place, part in enumerate(header.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        code = tag.strip().split("-")[0].casefold()
        try:
            found.append((float(weight or 1), -place, code))
        except ValueError:
            continue
    return found
