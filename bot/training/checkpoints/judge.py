"""A checkpoint that judges texts, loaded in this process: from safetensors and without code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bot.errors import BadInput, BadModel
from bot.training.rows.lessons import in_batches, pad
from bot.worker.catalogue import Entry
from bot.worker.checkpoint import check_weights
from bot.worker.encoders.traits import Traits, read_traits
from bot.worker.loading import load_model, load_part, prepare

BATCH_TOKENS = 4096
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token numbers of a text or a pair, which of its halves each token is of, and which are special."""

    tokens: Sequence[int]
    halves: Sequence[int]
    specials: Sequence[int]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class JudgeCheckpoint:
    """A network, its tokenizer, and what its files say of them."""

    folder: Path
    model: Any
    tokenizer: Any
    traits: Traits
    device: torch.device

    def encode(self, texts: Sequence[str], others: Sequence[str] | None = None) -> list[Encoded]:
        """Each text, or pair of a text and another, whole. Raises BadInput for one the model cannot take."""
        found = self.tokenizer(
            list(texts),
            None if others is None else list(others),
            return_special_tokens_mask=True,
            return_token_type_ids=True,
        )
        columns = (found["input_ids"], found["token_type_ids"], found["special_tokens_mask"])
        encoded = [Encoded(*each) for each in zip(*columns, strict=True)]
        for text, each in zip(texts, encoded, strict=True):
            if len(each) > self.traits.longest:
                raise BadInput(
                    f"{self.folder.name} reads {self.traits.longest} tokens, and a text has {len(each)} "
                    f"({text[:SHOWN]!r} …). Take a model that reads more, or leave such rows out."
                )
        return encoded

    def batches(self, encoded: Sequence[Encoded]) -> list[list[int]]:
        """The places of texts that are computed together; those alike in length are."""
        return in_batches([len(each) for each in encoded], range(len(encoded)), BATCH_TOKENS)

    def inputs(self, batch: Sequence[Encoded]) -> dict[str, Tensor]:
        """What the network is given of a batch, padded at the end."""
        tokens, mask = pad([each.tokens for each in batch], self.traits.filler)
        inputs = {"input_ids": tokens, "attention_mask": mask}
        if self.traits.has_types:
            inputs["token_type_ids"] = pad([each.halves for each in batch], 0)[0]
        return {name: each.to(self.device) for name, each in inputs.items()}


def open_judge(kind: Any, folder: Path, *, threads: int = 1, unneeded: Sequence[str] = ()) -> JudgeCheckpoint:
    """The checkpoint of a folder as a `kind` of transformers' automatic classes. Raises BadModel.

    It may lack tensors whose names have a part that is `unneeded`.
    """
    from transformers import AutoTokenizer

    if not folder.is_dir():
        raise BadModel(f"There is no model folder {folder}.")
    if not (folder / "config.json").is_file():
        raise BadModel(f"{folder} is no checkpoint in transformers' layout: it holds no config.json.")
    check_weights(folder)
    device = prepare(threads)
    entry = Entry("", folder.name, folder, "", 0, "")
    model = load_model(kind, entry, torch.float32, unneeded=unneeded)
    tokenizer = load_part(AutoTokenizer, entry)
    if not getattr(tokenizer, "is_fast", False):
        raise BadModel(f"The tokenizer in {folder} has no fast form. Add its tokenizer.json.")
    return JudgeCheckpoint(folder, model.eval().to(device), tokenizer, read_traits(folder), device)
