"""What kind of answer a question asks for, and whether a sentence holds one of that kind."""

from __future__ import annotations

import re

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")

NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")
NUMBER = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|half|hundred|thousand"
    r"|million|billion)\b",
    re.IGNORECASE,
)
DATE = re.compile(
    r"\b(1\d{3}|20\d\d|\d+ BC|\d+s|century|January|February|March|April|May|June|July|August|September"
    r"|October|November|December)\b"
)
CHINESE_NUMBER = re.compile(r"[\d一二三四五六七八九十百千万两]")
CHINESE_DATE = re.compile(r"\d+ ?[年月日]|世纪|[一二三四五六七八九十]月")

KINDS = (
    (re.compile(r"\bwhen\b|\b(what|which) (year|date|day|month|century|decade)\b", re.IGNORECASE), DATE, 1.0),
    (
        re.compile(
            r"\bhow (many|much|long|old|far|tall|large|big|fast|often)\b"
            r"|\bwhat (percentage|percent|number|amount|population)\b",
            re.IGNORECASE,
        ),
        NUMBER,
        1.0,
    ),
    (
        re.compile(r"\b(who|whom|whose|where)\b|\b(what|which) (city|country|state)\b", re.IGNORECASE),
        NAME,
        0.6,
    ),
    (re.compile(r"何时|什么时候|哪一?年|哪天|何年|时间"), CHINESE_DATE, 1.0),
    (re.compile(r"多少|几[个年人天次岁]|多[大长高远]"), CHINESE_NUMBER, 1.0),
)
"""Question, what its answer holds, how much that counts."""


def cue(question: str, sentence: str) -> float:
    """0 to 1: how far the sentence holds the kind of thing that is asked for."""
    for asked, held, weight in KINDS:
        if asked.search(question):
            return weight if held.search(sentence) else 0.0
    return 0.0


def is_cjk(text: str) -> bool:
    """Whether a text is written in Chinese, Japanese or Korean."""
    return CJK.search(text) is not None
