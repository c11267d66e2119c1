"""Keep what must not be translated: it is hidden behind marks, and put back afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

KEPT = re.compile(
    r"""
    ```.*?(?:```|\Z)                              # a code block, closed or not
    | ``.+?`` | `[^`\n]+`                         # code in a line
    | <a?:\w+:\d+>                                # an emoji of the platform's own
    | <(?:@[!&]?|\#|!|/)[^<>\n]+>                 # a mention of a person, role, channel or command
    | <t:-?\d+(?::[a-zA-Z])?>                     # a moment of time
    | \]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)     # where a link leads
    | <?\bhttps?://[^\s<>|]*[^\s<>|.,;:!?)\]'"](?:\|[^<>\n]*)?>?
    | (?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+  # an address for mail
    | (?<![\w@])[@\#][\w][\w.-]*\b                # @name and #channel
    | (?<!\w):[a-z][a-z0-9_+-]*:(?!\w)            # an emoji by its name
    | ⟦[^⟧\n]*⟧? | ⟧                              # what looks like our own marks
    """,
    re.VERBOSE | re.DOTALL,
)
MARK = re.compile(r"⟦\s*(\d+)\s*⟧")
LOOSE_MARK = re.compile(r"[⟦\[【〔«<{(]{1,2}\s*(\d+)\s*[⟧\]】〕»>})]{1,2}")
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
MOST_GROWTH, ALLOWANCE = 6, 200


class Kept:
    """The parts of one text that stay as they are, by the numbers of their marks."""

    def __init__(self, glossary: Mapping[str, str]) -> None:
        self._parts: list[str] = []
        self._glossary = {term.casefold(): word for term, word in glossary.items()}
        terms = sorted(map(re.escape, glossary), key=len, reverse=True)
        self._terms = re.compile(rf"(?<!\w)(?:{'|'.join(terms)})(?!\w)", re.IGNORECASE) if terms else None

    def hide(self, text: str) -> str:
        """The text with a mark in place of each part that stays, and of each word of the glossary."""
        hidden = KEPT.sub(lambda found: self._mark(found[0]), text)
        if self._terms is None:
            return hidden
        return self._terms.sub(lambda found: self._mark(self._glossary[found[0].casefold()]), hidden)

    def hide_numbers(self, hidden: str) -> str:
        """Hidden text with its numbers hidden as well."""
        places = [*_outside_marks(hidden)]
        return "".join(
            part if is_mark else NUMBER.sub(lambda n: self._mark(n[0]), part) for part, is_mark in places
        )

    def show(self, hidden: str) -> str:
        """The text with every part back in place of its mark."""
        return MARK.sub(lambda found: self._parts[int(found[1])], hidden)

    def _mark(self, part: str) -> str:
        self._parts.append(part)
        return f"⟦{len(self._parts) - 1}⟧"


def prose(text: str) -> str:
    """What there is to translate in a text; empty when there are no words."""
    words = KEPT.sub(" ", text)
    return words.strip() if re.search(r"[^\W\d_]", words) else ""


def has_words(hidden: str) -> bool:
    """Whether a hidden text holds anything but marks, numbers and signs."""
    return re.search(r"[^\W\d_]", MARK.sub("", hidden)) is not None


def mended(hidden: str, translation: str) -> str | None:
    """The translation with every mark as it was, however a model wrote it; None when it is not faithful.

    Faithful is one with each mark and each number of the original, no other mark, and of a length
    that can be.
    """
    if not translation.strip() or len(translation) > ALLOWANCE + MOST_GROWTH * len(hidden):
        return None
    wanted = Counter(MARK.findall(hidden))
    for pattern in (MARK, LOOSE_MARK):
        found = pattern.sub(lambda each: f"⟦{int(each[1])}⟧" if each[1] in wanted else each[0], translation)
        if Counter(MARK.findall(found)) == wanted and not _numbers(hidden) - _numbers(found):
            return found
    return None


def without_marks(text: str) -> str:
    """A text without the marks that a document has where its look changes."""
    return MARK.sub("", text)


def _numbers(hidden: str) -> Counter[str]:
    return Counter(NUMBER.findall(MARK.sub(" ", hidden)))


def _outside_marks(hidden: str) -> list[tuple[str, bool]]:
    return [(part, MARK.fullmatch(part) is not None) for part in re.split(r"(⟦\d+⟧)", hidden)]
