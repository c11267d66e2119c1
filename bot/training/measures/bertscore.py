"""How near texts come to those of people, by what their words mean in context: BERTScore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bot.errors import BadInput, BadModel
from bot.training.checkpoints.judge import JudgeCheckpoint, open_judge

POOLER = "pooler"
"""A part of BERT that no vector of a word goes through; checkpoints often lack it."""


class Match(NamedTuple):
    """The three figures of BERTScore."""

    precision: float
    recall: float
    f1: float


class BertScore:
    """Compares texts by the vectors of their tokens.

    Zhang et al. (2020), BERTScore: Evaluating Text Generation with BERT, section 3; without weights by idf
    and without rescaling. Special tokens are left out. The vectors are those behind `layer`, the last one
    if None; the paper takes the layer that agrees best with people, such as 9 of 12 for BERT-base and 17 of
    24 for RoBERTa-large, and 0 are those before the first. Of an encoder-decoder the encoder is asked.

    Raises BadModel for a folder without such a checkpoint, BadInput for a layer that it does not have.
    """

    name = "BERTScore"

    def __init__(self, folder: Path, *, layer: int | None = None, threads: int = 1) -> None:
        from transformers import AutoModel

        self._checkpoint = open_judge(AutoModel, folder, threads=threads, unneeded=(POOLER,))
        self._network = encoder_of(self._checkpoint)
        layers = int(self._network.config.num_hidden_layers)
        self.layer = layers if layer is None else layer
        if not 0 <= self.layer <= layers:
            raise BadInput(f"--bertscore-layer {layer}: {folder} has the layers 0 to {layers}.")

    def check(self, texts: Sequence[str]) -> None:
        """Raise BadInput when a text is longer than what the model reads."""
        self._checkpoint.encode(texts)

    def score(self, texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[Mapping[str, float]]:
        """The figures of each text, from -1 to 1; of several references the best counts for each.

        A text without a word scores 0. Raises BadInput for a text longer than what the model reads.
        """
        every = dict.fromkeys([*texts, *(gold for golds in references for gold in golds)])
        vectors = self.vectors(list(every))
        return [
            best([match(vectors[text], vectors[gold]) for gold in golds])
            for text, golds in zip(texts, references, strict=True)
        ]

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Unit vectors of the tokens of each text: shape (tokens, width). Raises BadModel for no numbers."""
        encoded = self._checkpoint.encode(texts)
        found: dict[str, Tensor] = {}
        for batch in self._checkpoint.batches(encoded):
            inputs = self._checkpoint.inputs([encoded[each] for each in batch])
            states = self._network(**inputs, output_hidden_states=True).hidden_states[self.layer]
            units = torch.nn.functional.normalize(states.float(), dim=-1).cpu()
            if not units.isfinite().all():
                raise BadModel(f"The model in {self._checkpoint.folder} computes numbers that are none.")
            for row, each in zip(units, batch, strict=True):
                words = [place for place, special in enumerate(encoded[each].specials) if not special]
                found[texts[each]] = row[words].clone()
        return found


def match(text: Tensor, reference: Tensor) -> Match:
    """Greedy matching of unit vectors, shape (tokens, width) each.

    Precision is the mean over the text's tokens of the greatest cosine to one of the reference, recall
    that over the reference's tokens; F1 is their harmonic mean.
    """
    if not len(text) or not len(reference):
        return Match(0.0, 0.0, 0.0)
    cosines = text @ reference.T
    precision, recall = float(cosines.amax(1).mean()), float(cosines.amax(0).mean())
    both = precision + recall
    return Match(precision, recall, 2 * precision * recall / both if both > 0 else 0.0)


def best(matches: Sequence[Match]) -> dict[str, float]:
    """The best of each figure, by its name."""
    return {f"bertscore_{name}": max(getattr(each, name) for each in matches) for name in Match._fields}


def encoder_of(checkpoint: JudgeCheckpoint) -> Any:
    """The network itself, or the encoder of one that writes."""
    model = checkpoint.model
    return model.get_encoder() if model.config.is_encoder_decoder else model
