"""A checkpoint that labels texts, loaded in this process: for the lab's commands, not for the bot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bot.errors import BadModel
from bot.evaluation.calibration import softmax
from bot.models import Labels
from bot.networks import register
from bot.training.rows.lessons import in_batches, pad

if TYPE_CHECKING:
    from bot.evaluation.calibration import Floats

MOST_TOKENS = 256
CHUNK = 512
BATCH_TOKENS = 4096

Advance = Callable[[int, int], None]


class Classifier:
    """Labels texts by a checkpoint of transformers or of our own. Raises BadModel when there is none."""

    def __init__(self, folder: Path, *, threads: int = 1, most_tokens: int = 0) -> None:
        torch.set_num_threads(threads)
        self.folder = folder
        self.model, self.tokenizer = load_checkpoint(folder)
        self.model.eval()
        self.labels = tuple(self.model.config.id2label[each] for each in range(self.model.config.num_labels))
        self.temperature = temperature_of(folder / "config.json")
        self.filler = int(self.tokenizer.pad_token_id or 0)
        self._most_tokens = most_tokens or longest_text(self.model, self.tokenizer)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, cut to what the model takes."""
        return tokens_of(self.tokenizer, texts, self._most_tokens)

    def probabilities(self, texts: Sequence[str], advance: Advance | None = None) -> Floats:
        """Of each text (rows) and label (columns, in the order of `labels`)."""
        parts = [np.zeros((0, len(self.labels)), dtype=np.float32)]
        for start in range(0, len(texts), CHUNK):
            tokens = self.tokenize(texts[start : start + CHUNK])
            parts.append(softmax(logits_of(self.model, tokens, self.filler) / self.temperature))
            if advance:
                advance(min(start + CHUNK, len(texts)), len(texts))
        return np.concatenate(parts)

    def classify(self, texts: Sequence[str]) -> list[Labels]:
        """The probabilities of each text's labels, likeliest first."""
        return [self._ranked(row) for row in self.probabilities(texts)]

    def _ranked(self, row: Any) -> Labels:
        pairs = sorted(zip(self.labels, map(float, row), strict=True), key=lambda pair: -pair[1])
        return Labels(tuple(pairs))


@torch.inference_mode()
def logits_of(model: torch.nn.Module, rows: Sequence[Sequence[int]], filler: int) -> Floats:
    """The logits of each row of tokens, in order. The model is left in the mode it was in."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    lengths = [len(row) for row in rows]
    results: list[Any] = [None] * len(rows)
    for batch in in_batches(lengths, range(len(rows)), BATCH_TOKENS):
        tokens, mask = pad([rows[row] for row in batch], filler)
        logits = model(input_ids=tokens.to(device), attention_mask=mask.to(device)).logits.float().cpu()
        for row, values in zip(batch, logits.numpy(), strict=True):
            results[row] = values
    model.train(was_training)
    return np.stack(results)


def temperature_of(config: Path) -> float:
    """What logits are divided by; transformers does not hand it on."""
    return float(json.loads(config.read_text(encoding="utf-8")).get("temperature") or 1.0)


def load_checkpoint(folder: Path, **changes: Any) -> tuple[Any, Any]:
    """The classifier of a folder and its tokenizer, from safetensors and without code of its own.

    `changes` are those of its configuration, such as other labels. Raises BadModel.
    """
    be_quiet()
    register()
    if not folder.is_dir():
        raise BadModel(f"There is no model folder {folder}.")
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **safe, **changes
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadModel(f"The model in {folder} cannot be loaded: {reason[:300]}") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def be_quiet() -> None:
    """Keep transformers from telling what it loads."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def tokens_of(tokenizer: Any, texts: Sequence[str], most_tokens: int) -> list[list[int]]:
    """Token numbers of each text, cut at the end to `most_tokens`."""
    if not texts:
        return []
    tokens: list[list[int]] = tokenizer(list(texts), truncation=True, max_length=most_tokens)["input_ids"]
    return tokens


def longest_text(model: Any, tokenizer: Any) -> int:
    """How many tokens of a text the lab reads: what the model takes, at most 256."""
    places = getattr(model.config, "max_position_embeddings", None) or MOST_TOKENS
    return int(min(MOST_TOKENS, places, tokenizer.model_max_length))
