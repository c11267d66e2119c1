"""Sentence vectors by a transformers encoder. Imported in the worker's process alone: torch lives here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bot.errors import BadModel
from bot.worker.catalogue import Entry

if TYPE_CHECKING:
    from bot.models import Vectors

# Padded tokens per batch: where throughput levels off, so that nobody waits longer than that earns.
CPU_BUDGET = 384
CUDA_BUDGET = 32_768
# Without any of these, transformers makes up a tokenizer that knows no word.
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")


class Encoder:
    """Mean of the last hidden states over the text's tokens, then unit length, in float32.

    That is the recipe of Sentence-BERT (Reimers and Gurevych, 2019, section 3). A folder that
    declares another pooling in `1_Pooling/config.json` is refused, save for the first token's.
    """

    def __init__(self, entry: Entry, threads: int) -> None:
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(threads)
        self._on_cuda = torch.cuda.is_available()
        self.device = torch.cuda.get_device_name() if self._on_cuda else f"cpu, {threads} threads"
        self.budget = CUDA_BUDGET if self._on_cuda else CPU_BUDGET
        self._takes_first = pools_first_token(entry.folder)
        self._tokenizer = load_tokenizer(entry)
        self._model = load_model(entry, torch.bfloat16 if self._on_cuda else torch.float32)
        self._model.to("cuda" if self._on_cuda else "cpu").eval()
        self.dimensions = int(self._model.config.hidden_size)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, cut to the model's length."""
        return [encoded.ids for encoded in self._tokenizer.encode_batch_fast(list(texts))]

    def compute(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """One unit-length row per member. Raises MemoryError when the device has no room for it."""
        try:
            return self._compute(batch)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise MemoryError("the device has no room for this batch") from None

    @torch.inference_mode()
    def _compute(self, batch: Sequence[Sequence[int]]) -> Vectors:
        tokens, mask = pad(batch)
        device = self._model.device
        tokens, mask = tokens.to(device), mask.to(device)
        uniform = bool(len({len(each) for each in batch}) == 1)
        hidden = self._model(input_ids=tokens, attention_mask=None if uniform else mask)[0].float()
        if self._takes_first:
            pooled = hidden[:, 0]
        else:
            weights = mask.unsqueeze(-1).float()
            pooled = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        vectors: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors


def pad(batch: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and attention mask, both (len(batch), longest), padded with zeros at the end."""
    longest = max(1, *(len(each) for each in batch))
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    for row, each in enumerate(batch):
        tokens[row, : len(each)] = torch.tensor(each, dtype=torch.long)
        mask[row, : len(each)] = 1
    return tokens, mask


def load_model(entry: Entry, dtype: torch.dtype) -> Any:
    """The encoder, from local safetensors only and without any code of its own. Raises BadModel."""
    try:
        model, report = AutoModel.from_pretrained(
            entry.folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="sdpa",
            dtype=dtype,
            output_loading_info=True,
        )
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {first_line(error)}") from None
    missing = [name for name in report["missing_keys"] if "pooler" not in name]
    if missing:
        raise BadModel(f"The weights in {entry.folder} lack {len(missing)} tensors, such as {missing[0]}.")
    return model


def load_tokenizer(entry: Entry) -> Any:
    """The folder's fast tokenizer, cutting at the entry's length, not padding. Raises BadModel."""
    if not any((entry.folder / name).exists() for name in VOCABULARIES):
        raise BadModel(f"{entry.folder} cannot be loaded: it holds no tokenizer (tokenizer.json).")
    try:
        loaded = AutoTokenizer.from_pretrained(entry.folder, local_files_only=True, trust_remote_code=False)
        tokenizer = loaded.backend_tokenizer
    except Exception as error:  # noqa: BLE001 - a wall, as above
        raise BadModel(f"The tokenizer in {entry.folder} cannot be loaded: {first_line(error)}") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(entry.max_tokens)
    return tokenizer


def pools_first_token(folder: Path) -> bool:
    """Whether the folder asks for the first token's state instead of the mean. Raises BadModel."""
    declared = folder / "1_Pooling" / "config.json"
    if not declared.exists():
        return False
    modes = json.loads(declared.read_text())
    if modes.get("pooling_mode_mean_tokens") or modes.get("pooling_mode") == "mean":
        return False
    if modes.get("pooling_mode_cls_token") or modes.get("pooling_mode") == "cls":
        return True
    raise BadModel(f"{declared} asks for a pooling other than mean or first token, which is not supported.")


def first_line(error: Exception) -> str:
    """The beginning of an error, for a sentence."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
