"""The words of a question that carry its meaning, and how much of their weight a text covers."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
RUN = re.compile(f"([{UNSPACED}]+)|([^\\W_{UNSPACED}]+)")

_STOPWORDS = """
a about after all also am an and any are as at be because been before being between both but by can could d
did do does doing don down during each else few for from further had has have having he her here hers him his
how i if in into is it its itself just ll m me more most my no nor not of off on once only or other our out
over own please re s same she should so some such t than that the their them then there these they this those
through to too under until up ve very was we were what when where which while who whom whose why will with
would you your yours
"""
_SUFFIXES = """
izations ization ations ation ically ments ment ities ness ings ions ity ing ion ous ers ies ied ive ors est
ed er or es ly al ic y e s
"""

STOPWORDS = frozenset(_STOPWORDS.split())
"""English words that say nothing about the topic; question words among them."""

SHORTEST_STEM = 4
SUFFIXES = tuple(_SUFFIXES.split())


ASKING = re.compile(
    "为什么|什么样|什么时候|什么|怎么样|怎么|怎样|如何|哪些|哪个|哪里|哪儿|哪一|哪|多少|多久|多长|多大|多高|几个|是否|是谁|谁"
    "|请问|吗|呢|的|了|是|在|有|和|与|被|于|由"
)
"""Chinese question words and particles, which say nothing about the topic."""


def fold(text: str) -> str:
    """Text without differences of case, accent and width."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", decomposed)).lower()


def terms(question: str) -> list[str]:
    """What to look for in full text: content words as written, and pairs of CJK characters; no repeats.

    A question of stopwords alone gives those, so that "who are we" still finds something.
    """
    folded = fold(question)
    found = dict.fromkeys(_raw_terms(folded))
    content = [term for term in found if term not in STOPWORDS]
    return content or list(found)


def stems(text: str) -> list[str]:
    """The content words of a text without their endings, and pairs of CJK characters, in order."""
    return [stem(term) for term in _raw_terms(fold(text)) if term not in STOPWORDS]


def question_stems(question: str) -> list[str]:
    """The stems of a question that a text with its answer should hold: without words that only ask."""
    about = stems(ASKING.sub(" ", question))
    pairs = [word for word in about if len(word) > 1 or word.isascii()]
    return pairs or about or stems(question)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A word without its commonest English endings; at least four letters of it stay."""
    if not word.isascii() or not word.isalpha():
        return word
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= SHORTEST_STEM:
            return stem(word[: -len(suffix)])
    return word[:-1] if len(word) == 4 and word.endswith("s") and not word.endswith("ss") else word


def word_weights(words: Iterable[str], texts: Sequence[Collection[str]], prior: int = 50) -> dict[str, float]:
    """Inverse document frequency of each word among texts given as sets of stems.

    ln((texts + prior) / (texts with the word + 1)); `prior` keeps weights even when there are few texts.
    """
    total = len(texts) + prior
    return {
        word: math.log(total / (sum(word in text for text in texts) + 1)) for word in dict.fromkeys(words)
    }


def coverage(weighted: Mapping[str, float], present: Collection[str]) -> float:
    """The share of the total weight whose words are present, from 0 to 1; 0 when there is no weight."""
    total = sum(weighted.values())
    if total <= 0:
        return 0.0
    return sum(weight for word, weight in weighted.items() if word in present) / total


def _raw_terms(folded: str) -> list[str]:
    found: list[str] = []
    for unspaced, spaced in RUN.findall(folded):
        if spaced:
            found.append(spaced)
        elif len(unspaced) == 1:
            found.append(unspaced)
        else:
            found += [unspaced[at : at + 2] for at in range(len(unspaced) - 1)]
    return found
