"""What is talked about: the words that come up in many sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bot import stems
from plugins.summarization.forms import is_cjk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

_FILLERS = """
uh um uhm hmm mm mhm yeah yep yes nope okay ok right well oh ah er hey hi hello lol haha please
thanks thank sorry like know think mean thing things kind sort gonna wanna gotta got get getting go
going want see say said saying make made really actually maybe probably basically one two also would
could might lot bit something anything everything someone anyone way good great nice us let need
still much people guys look take come put even back first point question talk 今天 我们 你们 他们
大家 一个 这个 那个 就是 然后 可以 没有 什么 怎么 知道 觉得 应该 还是 但是 因为 所以 如果 时候 现在
一下 已经 的话 是的 好的 有点 可能 不是 不会 这样 那么 这么 还有 也是 是不 想要 谢谢 哈哈
"""
FILLERS = frozenset(word for each in _FILLERS.split() for word in stems(each) or (each,))
"""Stems that every conversation is full of, whatever it is about."""

ADDRESS = re.compile(r"\bhttps?://\S+|\b[\w.+-]{1,64}@[\w.-]{1,255}")
COMMON = 0.7
"""How fast a word's weight grows with the sentences that have it."""

SHORTEST = 5
"""Words a sentence counts as having at least, so that a single one does not make it dense."""


def content(text: str) -> list[str]:
    """The stems of a text that say what it is about, in order; addresses say nothing."""
    return [stem for stem in stems(ADDRESS.sub(" ", text)) if stem not in FILLERS]


def length_of(text: str) -> int:
    """How many words a text has; two characters of an unspaced script count as one."""
    return len(text) // 2 if is_cjk(text) else len(text.split())


def prominence(contents: Sequence[Sequence[str]], lengths: Sequence[int]) -> Matrix:
    """How much each sentence says about what is talked of most, from 0 to 1: shape (n,).

    The sum of its words' weights, each (sentences with the word - 1) ** 0.7, over the root of its length
    in words: the frequency method of Luhn (1958), The Automatic Creation of Literature Abstracts, damped.
    """
    frequency = Counter(word for each in contents for word in set(each))
    sums = [
        sum((frequency[word] - 1) ** COMMON for word in set(each)) / max(SHORTEST, length) ** 0.5
        for each, length in zip(contents, lengths, strict=True)
    ]
    found = np.array(sums, np.float32)
    return np.asarray(found / (found.max(initial=0) or 1))
