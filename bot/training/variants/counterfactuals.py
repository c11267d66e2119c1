"""The same sentence about other people: terms of gender, religion, origin, orientation, age exchanged.

What is said of one group should be judged as if it were said of another (counterfactual data augmentation,
Lu et al., 2018): the label stays.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.training.variants.protection import changed
from bot.training.variants.terms import AMBIGUOUS, OTHERS, TABLES

PEOPLE = (
    r"(?=\s+(?:people|persons?|m[ae]n|wom[ae]n|guys?|gals?|boys?|girls?|kids?|child(?:ren)?|folks?|lad(?:y|ies)|"
    r"couples?|teenagers?|students?|americans?|communit(?:y|ies)|christians?|muslims?|jews?|workers?|parents?)\b)"
)
# No noun follows a word before these, nor at the end.
ALONE = re.compile(
    r"\s+(?:a|about|after|again|all|and|are|as|at|because|before|but|by|for|from|how|if|in|is|like|of|on|or|out|"
    r"so|than|that|the|then|to|too|was|were|what|when|where|who|why|with|without|yesterday|today|tomorrow|now)\b"
    r"|(?!\s+[a-z])",
    re.IGNORECASE,
)
VOWEL = re.compile(r"(?!eu|uni|uk)[aeiou]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Group:
    """The forms of a table's members, and where each term stands: its line, and its place in that line."""

    lines: Sequence[Sequence[str]]
    places: Mapping[str, tuple[int, int]]
    members: int


def exchange(text: str, chance: random.Random) -> str:
    """The text with the identity terms of each group it has exchanged for others; else the same text."""
    shifts = {name: chance.randrange(1, group.members) for name, group in GROUPS.items()}
    return changed(text, lambda part: TERMS.sub(lambda found: _other(found, shifts), part))


def _other(found: re.Match[str], shifts: Mapping[str, int]) -> str:
    term = found["term"]
    if term is None:
        return found.group()
    name = OWNERS[term.lower()]
    group = GROUPS[name]
    line, place = group.places[term.lower()]
    other = group.lines[line][(place + shifts[name]) % group.members]
    if term.lower() == "her":
        other = "him" if _stands_alone(found) else "his"
    if other == "jewish" and found["article"] and _stands_alone(found):
        other = "jew"
    return _article(found["article"], other) + _cased(other, like=term)


def _stands_alone(found: re.Match[str]) -> bool:
    """Whether no noun follows: "I saw her", not "her dog"."""
    return ALONE.match(found.string, found.end()) is not None


def _article(found: str | None, word: str) -> str:
    """`a` or `an` as the word after it asks for, with its space and case."""
    if not found:
        return ""
    space = found.lstrip("aAnN")
    article = "an" if VOWEL.match(word) else "a"
    return (article.capitalize() if found[0] == "A" else article) + space


def _cased(word: str, *, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word


def _group(table: str) -> Group:
    forms = [form.split() for line in table.strip().splitlines() for form in line.split("|")]
    lines = [[term.replace("_", " ") for term in form] for form in forms]
    places: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(lines):
        for place, term in enumerate(line):
            places.setdefault(term, (number, place))
    return Group(lines, places, len(lines[0]))


def _pattern(terms: Sequence[str]) -> re.Pattern[str]:
    """Any term as a whole word; a longer one hides those within it, and `OTHERS` are passed over."""
    longest = sorted(terms, key=len, reverse=True)
    latin = [
        rf"{re.escape(each)}\b{PEOPLE if each in AMBIGUOUS else ''}" for each in longest if each.isascii()
    ]
    han = [re.escape(each) for each in longest if not each.isascii()]
    return re.compile(
        rf"(?:{'|'.join(OTHERS)})|(?P<article>\ban?\s+)?(?P<term>\b(?:{'|'.join(latin)})|{'|'.join(han)})",
        re.IGNORECASE,
    )


GROUPS = {name: _group(table) for name, table in TABLES.items()}
OWNERS = {term: name for name, group in reversed(GROUPS.items()) for term in group.places}
TERMS = _pattern(tuple(OWNERS))
