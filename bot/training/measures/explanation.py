"""Why a classifier gave a text its label, word by word, and whether that is true."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bot.errors import BadInput
from bot.models import Labels, Weight
from bot.training.rows.lessons import pad

if TYPE_CHECKING:
    from bot.training.checkpoints.classifier import Classifier

ATTENTION = "attention"
GRADIENTS = "gradients"
STEPS = 32
# Latin words, numbers; scripts without spaces are left as the tokenizer cuts them.
WORD = re.compile(r"[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text as the model reads it: characters start to end, and what it speaks for."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A text's labels; the score of each token; the same by whole words.

    `deletion` and `insertion` are the mean probabilities of the label while the words, those of the
    highest score first, are taken out of the text, and put into an empty one (Petsiuk et al., 2018): a
    faithful explanation has low deletion and high insertion.
    """

    labels: Labels
    tokens: Sequence[Token]
    words: Sequence[Weight]
    deletion: float
    insertion: float


def explain(classifier: Classifier, text: str, *, method: str = "", label: str = "") -> Explanation:
    """Explain the likeliest label of a text, or another one.

    `attention` are the weights of a network that has them, as shares that sum to 1; `gradients` are
    integrated gradients (Sundararajan et al., 2017), over 0 for the label and below against it. Raises
    BadInput for another method or label, or for attention of a network that has none of its own.
    """
    scorer = _scorer(classifier, method)
    labels = classifier.classify([text])[0]
    chosen = label or labels.label
    if chosen not in classifier.labels:
        raise BadInput(f"The model has no label {chosen!r}. It has {', '.join(classifier.labels)}.")
    target = classifier.labels.index(chosen)
    tokens = _tokens(classifier, text, scorer, target)
    words = whole_words(text, tokens)
    deletion, insertion = _curves(classifier, text, words, target)
    return Explanation(labels, tokens, words, deletion, insertion)


def has_attention(classifier: Classifier) -> bool:
    """Whether the network weighs its tokens itself, once each."""
    return hasattr(classifier.model, "attention")


def whole_words(text: str, tokens: Sequence[Token]) -> list[Weight]:
    """The scores of tokens summed to words; a token of a script without spaces stays as it is."""
    bounds = {place: match.span() for match in WORD.finditer(text) for place in range(*match.span())}
    sums: dict[tuple[int, int], float] = {}
    for token in tokens:
        span = bounds.get(token.start, (token.start, token.end))
        sums[span] = sums.get(span, 0.0) + token.score
    return [Weight(start, end, score) for (start, end), score in sorted(sums.items())]


Scorer = Callable[["Classifier", Sequence[int], int], Sequence[float]]


def _scorer(classifier: Classifier, method: str) -> Scorer:
    methods = {ATTENTION: _attention, GRADIENTS: _gradients}
    name = method or (ATTENTION if has_attention(classifier) else GRADIENTS)
    if name not in methods:
        raise BadInput(f"The method must be {' or '.join(methods)}, not {name!r}.")
    if name == ATTENTION and not has_attention(classifier):
        raise BadInput("This network has no attention weights of its own: ask for gradients.")
    return methods[name]


def _tokens(classifier: Classifier, text: str, scorer: Scorer, target: int) -> list[Token]:
    numbers = classifier.tokenize([text])[0]
    offsets = classifier.tokenizer(
        text, truncation=True, max_length=len(numbers), return_offsets_mapping=True
    )["offset_mapping"]
    scores = scorer(classifier, numbers, target)
    tokens = []
    for (start, end), score in zip(offsets, scores, strict=True):
        piece = text[start:end]
        bare = piece.strip()
        if bare:
            begin = start + piece.index(bare)
            tokens.append(Token(bare, begin, begin + len(bare), float(score)))
    return tokens


@torch.inference_mode()
def _attention(classifier: Classifier, tokens: Sequence[int], _: int) -> Sequence[float]:
    numbers, mask = pad([tokens], classifier.filler)
    weights: list[float] = classifier.model(input_ids=numbers, attention_mask=mask).attentions[0].tolist()
    return weights


def _gradients(classifier: Classifier, tokens: Sequence[int], target: int) -> Sequence[float]:
    """Along the way from padding to the text, of the label's log-odds against all others."""
    from captum.attr import LayerIntegratedGradients

    numbers, mask = pad([tokens], classifier.filler)

    def log_odds(ids: Any, places: Any) -> Any:
        chances = classifier.model(input_ids=ids, attention_mask=places).logits.softmax(1)[:, target]
        return torch.logit(chances, eps=1e-6)

    method = LayerIntegratedGradients(log_odds, classifier.model.get_input_embeddings())
    empty = torch.full_like(numbers, classifier.filler)
    attributed: Any = method.attribute(
        numbers, empty, additional_forward_args=(mask,), n_steps=STEPS, internal_batch_size=STEPS
    )
    scores: list[float] = attributed.sum(-1)[0].tolist()
    return scores


def _curves(classifier: Classifier, text: str, words: Sequence[Weight], target: int) -> tuple[float, float]:
    """The mean of the deletion curve and of the insertion curve."""
    ranked = sorted(words, key=lambda word: -word.score)
    steps = range(len(ranked) + 1)
    without = [_blanked(text, ranked[:step]) for step in steps]
    only = [_blanked(text, ranked[step:]) for step in steps]
    chances = classifier.probabilities([*without, *only])[:, target]
    half = len(ranked) + 1
    return round(float(np.mean(chances[:half])), 4), round(float(np.mean(chances[half:])), 4)


def _blanked(text: str, words: Sequence[Weight]) -> str:
    """The text with spaces for some words."""
    characters = list(text)
    for word in words:
        characters[word.start : word.end] = " " * (word.end - word.start)
    return "".join(characters)
