"""What a classifier learns: texts with shares of labels, by any network that tells them apart."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from bot.evaluation.calibration import best_temperature, expected_calibration_error, softmax
from bot.evaluation.classification import area_under_curve, confusion_of, macro_f1
from bot.training.checkpoints.classifier import logits_of
from bot.training.rows.lessons import Batch, Batches, Lesson, batch_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from bot.evaluation.calibration import Floats

ADAPTER = "adapter"


class Classification:
    """Learn to give each text the labels of its lesson, by cross entropy with their shares.

    `balance` weighs each label as if all were equally frequent; `smoothing` is the share of each answer
    that is spread over all labels; `is_half` saves numbers of 16 bits. What decides on a run is the
    macro-F1 on `development`.
    """

    score = "macro_f1"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        lessons: Sequence[Lesson],
        development: Sequence[Lesson],
        batch_tokens: int,
        seed: int,
        balance: bool = False,
        smoothing: float = 0.0,
        is_half: bool = False,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._lessons = lessons
        self._development = development
        self._budget = batch_tokens
        self._seed = seed
        self._smoothing = smoothing
        self._is_half = is_half
        self._weights = _balancing(lessons) if balance else None
        self._measured: Floats | None = None

    def batches(self, epoch: int) -> Sequence[Batch]:
        """All lessons once, in an order of the seed and the epoch."""
        lengths = [len(lesson.tokens) for lesson in self._lessons]
        rows = batch_rows(lengths, self._budget, seed=self._seed, epoch=epoch)
        return Batches(self._lessons, rows, self._filler)

    @property
    def rows(self) -> int:
        """How many lessons there are."""
        return len(self._lessons)

    def alone(self, rows: Sequence[int]) -> Sequence[Batch]:
        """Each of these lessons as a batch of its own."""
        return Batches(self._lessons, [[row] for row in rows], self._filler)

    def loss(self, batch: Batch) -> Tensor:
        """The mean cross entropy of the batch."""
        logits = self.model(input_ids=batch.tokens, attention_mask=batch.mask).logits.float()
        shares = batch.shares * (1 - self._smoothing) + self._smoothing / logits.shape[1]
        losses: Tensor = -(shares * log_softmax(logits, dim=1)).sum(1)
        if self._weights is None:
            return torch.mean(losses)
        weights = (batch.shares * self._weights.to(losses.device)).sum(1)
        return torch.sum(losses * weights) / torch.sum(weights)

    def validate(self) -> dict[str, float]:
        """Accuracy, macro-F1, calibration error and, of two labels, the area under the curve."""
        self._measured = logits = self._logits()
        gold = self._gold()
        answers = logits.argmax(1)
        figures = {
            "accuracy": float((answers == gold).mean()),
            "macro_f1": macro_f1(confusion_of(gold, answers, logits.shape[1])),
            "ece": expected_calibration_error(softmax(logits), gold),
        }
        if logits.shape[1] == 2:
            figures["auc"] = area_under_curve(logits[:, 1] - logits[:, 0], gold == 1)
        return {name: round(value, 4) for name, value in figures.items()}

    def save(self, folder: Path) -> None:
        """The checkpoint just measured, with the temperature in its configuration that fits those rows."""
        logits = self._logits() if self._measured is None else self._measured
        model = _merged(self.model)
        model.save_pretrained(folder, state_dict=halved(model) if self._is_half else None)
        if _is_adapted(self.model):
            self.model.save_pretrained(folder / ADAPTER)
        self.tokenizer.save_pretrained(folder)
        write_temperature(folder / "config.json", best_temperature(logits, self._gold()))

    @property
    def _filler(self) -> int:
        return int(self.tokenizer.pad_token_id or 0)

    def _gold(self) -> Any:
        return np.array([np.argmax(lesson.shares) for lesson in self._development])

    def _logits(self) -> Floats:
        return logits_of(self.model, [lesson.tokens for lesson in self._development], self._filler)


def write_temperature(file: Path, temperature: float) -> None:
    """Add it to a configuration; transformers, which knows one for generation alone, would refuse it."""
    config = json.loads(file.read_text(encoding="utf-8"))
    config["temperature"] = round(temperature, 4)
    file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _balancing(lessons: Sequence[Lesson]) -> Tensor:
    counts = torch.tensor(np.sum([lesson.shares for lesson in lessons], axis=0), dtype=torch.float32)
    return counts.sum() / (len(counts) * counts)


def halved(model: torch.nn.Module) -> dict[str, Tensor]:
    return {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }


def _merged(model: Any) -> Any:
    """The model itself, or what its LoRA layers and their base amount to."""
    if not _is_adapted(model):
        return model
    return copy.deepcopy(model).merge_and_unload()


def _is_adapted(model: Any) -> bool:
    return hasattr(model, "merge_and_unload")
