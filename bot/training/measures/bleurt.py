"""How near texts come to those of people, as a model that learnt it from ratings says: BLEURT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from bot.errors import BadModel
from bot.training.checkpoints.judge import open_judge
from bot.worker.checkpoint import read_json

WANTED = "ForSequenceClassification"


class Bleurt:
    """Asks a checkpoint for sequence classification with one output about each reference with its text.

    Sellam et al. (2020), BLEURT: Learning Robust Metrics for Text Generation, section 3: the output for
    the pair (reference, text) is the score. Its scale is what the model was taught. Raises BadModel for a
    folder without such a checkpoint.
    """

    name = "BLEURT"

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        from transformers import AutoModelForSequenceClassification

        check_architecture(folder)
        self._checkpoint = open_judge(AutoModelForSequenceClassification, folder, threads=threads)
        outputs = int(self._checkpoint.model.config.num_labels)
        if outputs != 1:
            raise BadModel(
                f"{folder} has {outputs} outputs, and BLEURT has one, the score. Give another model."
            )

    def check(self, texts: Sequence[str]) -> None:
        """Raise BadInput when a text alone is longer than what the model reads of a pair."""
        self._checkpoint.encode(texts, [""] * len(texts))

    def score(self, texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[Mapping[str, float]]:
        """The score of each text; of several references the best counts.

        Raises BadInput for a pair longer than what the model reads.
        """
        golds = [gold for each in references for gold in each]
        scores = iter(
            self.scores(golds, [text for text, each in zip(texts, references, strict=True) for _ in each])
        )
        return [{"bleurt": max(next(scores) for _ in each)} for each in references]

    @torch.inference_mode()
    def scores(self, references: Sequence[str], texts: Sequence[str]) -> list[float]:
        """Of each pair, in order. Raises BadModel for numbers that are none."""
        encoded = self._checkpoint.encode(references, texts)
        found = torch.zeros(len(encoded))
        for batch in self._checkpoint.batches(encoded):
            inputs = self._checkpoint.inputs([encoded[each] for each in batch])
            found[batch] = self._checkpoint.model(**inputs).logits[:, 0].float().cpu()
        if not found.isfinite().all():
            raise BadModel(f"The model in {self._checkpoint.folder} computes numbers that are none.")
        return found.tolist()


def check_architecture(folder: Path) -> None:
    """Raise BadModel for a checkpoint that says it is of another kind."""
    for architecture in read_json(folder / "config.json").get("architectures") or []:
        if not str(architecture).endswith(WANTED):
            raise BadModel(
                f"{folder} holds a {architecture}. BLEURT is a checkpoint for sequence classification "
                "with one output."
            )
