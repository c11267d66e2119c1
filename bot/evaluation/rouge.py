"""ROUGE-1, ROUGE-2 and ROUGE-L of summaries, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

from bot.errors import BadInput
from bot.knowledge.words import UNSPACED

KINDS = ("rouge1", "rouge2", "rougeL")
TOKEN = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
SHORTEST_STEMMED = 4


class Tokenizer:
    """Lower-case words with Porter's stem from four letters on, as rouge-score has them; every Chinese
    character is a token of its own.
    """

    def __init__(self) -> None:
        try:
            from nltk.stem.porter import PorterStemmer
        except ImportError:
            raise BadInput("Measuring summaries needs rouge-score: install parley[evaluation].") from None
        self._stem = PorterStemmer().stem

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text."""
        return [self._stemmed(token) for token in TOKEN.findall(text.lower())]

    def _stemmed(self, token: str) -> str:
        return str(self._stem(token)) if len(token) >= SHORTEST_STEMMED and token.isascii() else token


def rouge(summaries: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean F1 in percent by `rouge1`, `rouge2`, `rougeL`; of several references the best counts for each.

    Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries; computed by rouge-score.
    """
    tokenizer = Tokenizer()
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(KINDS, tokenizer=tokenizer)
    scores = [scorer.score_multi(golds, text) for text, golds in zip(summaries, references, strict=True)]
    return {kind: round(100 * fmean(each[kind].fmeasure for each in scores), 2) for kind in KINDS}
