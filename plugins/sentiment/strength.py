"""Whether one message is negative enough that a moderator should see it."""

from __future__ import annotations

import re

from bot import Labels

NEGATIVE, POSITIVE = "negative", "positive"
FEWEST_WORDS = 3
FEWEST_CHARACTERS = 5

_WORD = re.compile(r"[^\W\d_]{2,}")
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")


def value_of(labels: Labels) -> float:
    """One number for a mood: p(positive) - p(negative), from -1 to 1."""
    return round(labels.of(POSITIVE) - labels.of(NEGATIVE), 4)


def is_strong(text: str, labels: Labels, threshold: float) -> bool:
    """Whether a message is strongly negative.

    One or two words ("no", "damn") get high probabilities from any model and seldom need a moderator:
    three words, or five characters of a script without spaces, are the least.
    """
    if labels.of(NEGATIVE) < threshold:
        return False
    return len(_WORD.findall(text)) >= FEWEST_WORDS or len(_CJK.findall(text)) >= FEWEST_CHARACTERS
