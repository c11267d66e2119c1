"""A checkpoint computed by torch: in float32 on the processor, in bfloat16 on a graphics card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.network import CPU_BUDGET, CUDA_BUDGET
from bot.worker.encoders.tokens import Tokens
from bot.worker.encoders.traits import Traits, pools_first_token, read_json
from bot.worker.encoders.trunks import described_in, load_network
from bot.worker.encoders.windows import Window, in_batches, in_order, pad
from bot.worker.loading import (
    device_name,
    first_line,
    free_memory,
    is_out_of_memory,
    load_part,
    number_type,
    prepare,
)

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats

# Without any of these, transformers makes up a tokenizer that knows no word.
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
# A graphics card is quicker with lengths that are multiples of this, and meets fewer of them.
CUDA_MULTIPLE = 8
# Batches of so many texts of so many tokens, computed once before the first request.
WARM_SHAPES = ((1, 8), (1, 16), (1, 32), (1, 64), (16, 16), (64, 32), (256, 16), (64, 128), (64, 512))


class Answering(nn.Module):
    """A network that gives one tensor for a batch, in float32: what its task is after."""

    def __init__(self, network: Any, task: Task, *, takes_first: bool) -> None:
        super().__init__()
        self.network = network
        self._task = task
        self._takes_first = takes_first

    def forward(self, tokens: Tensor, mask: Tensor | None, types: Tensor | None = None) -> Tensor:
        """Unit vectors (batch, dimensions), logits (batch, labels) or both ends (batch, 2, length)."""
        chosen = {} if types is None else {"token_type_ids": types}
        output = self.network(input_ids=tokens, attention_mask=mask, **chosen)
        if self._task is Task.EMBEDDING:
            return self._pool(output[0].float(), mask)
        if self._task is Task.EXTRACTION:
            return torch.stack([output.start_logits, output.end_logits], dim=1).float()
        logits: Tensor = output.logits
        return logits.float()

    def _pool(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """Mean of the states of a text's tokens, then unit length (Sentence-BERT, 2019, section 3)."""
        if self._takes_first:
            pooled = states[:, 0]
        elif mask is None:
            pooled = states.mean(1)
        else:
            weights = mask.unsqueeze(-1).float()
            pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return nn.functional.normalize(pooled, dim=1)


class TorchNetwork:
    """Any checkpoint that transformers or `bot.networks` knows, with an adapter if the entry has one."""

    memory: int | None = None

    def __init__(self, entry: Entry, task: Task, threads: int) -> None:
        self._device = prepare(threads)
        self._on_cuda = self._device.type == "cuda"
        self.name = f"torch, {device_name(self._device, threads)}"
        self.budget = CUDA_BUDGET if self._on_cuda else CPU_BUDGET
        network, self._adapter = load_network(entry, task, self._device, number_type(self._device))
        self._settings = settings_of(entry, network.config)
        self.traits, self.tokens = describe(entry, self._settings)
        if network.config.pad_token_id is None:
            network.config.pad_token_id = self.traits.filler
        takes_first = task is Task.EMBEDDING and pools_first_token(entry.folder)
        self.answering = Answering(network, task, takes_first=takes_first)

    def run(self, windows: Sequence[Window]) -> list[Floats]:
        """The output for each window. Raises MemoryError when the device has no room for them."""
        batches = in_batches(windows, self.budget)
        try:
            with torch.inference_mode(), self._adapted():
                outputs = [self._compute([windows[place] for place in batch]) for batch in batches]
                return in_order(batches, [output.cpu().numpy() for output in outputs])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            free_memory(self._device)
            raise MemoryError("the device has no room for this batch") from None

    def weigh(self, window: Window, direction: Floats) -> Floats:
        """Attention where it is the network's own explanation, else gradient times input.

        That is the first term of the change in the logits that a token's vector makes ("Not Just a
        Black Box", Shrikumar et al., 2016).
        """
        tokens, _, types = self._tensors([window])
        network = self.answering.network
        if self.traits.kind == "parley_recurrent":
            with torch.inference_mode():
                return np.asarray(network(input_ids=tokens).attentions[0].float().cpu())
        vectors = network.get_input_embeddings()(tokens).detach().requires_grad_()
        chosen = {} if types is None else {"token_type_ids": types}
        with torch.enable_grad(), self._adapted():
            logits = network(inputs_embeds=vectors, **chosen).logits[0].float()
            logits.dot(torch.from_numpy(direction).to(logits.device)).backward()
        return np.asarray((vectors.grad * vectors).sum(-1)[0].detach().float().cpu())

    def warm(self) -> None:
        """On a graphics card, meet the usual shapes. Raises MemoryError."""
        for rows, length in WARM_SHAPES if self._on_cuda else ():
            if length <= self.traits.longest and rows * length <= self.budget:
                self.run([Window([self.traits.filler] * length)] * rows)

    def save_parts(self, folder: Path) -> None:
        """Write what else a network of another library needs: config.json and the tokenizer's files."""
        (folder / "config.json").write_text(json.dumps(self._settings), encoding="utf-8")
        (folder / "tokenizer.json").write_text(self.tokens.dump(), encoding="utf-8")
        described = {"model_max_length": self.traits.longest}
        (folder / "tokenizer_config.json").write_text(json.dumps(described), encoding="utf-8")

    def _adapted(self) -> Any:
        return self._adapter.used() if self._adapter else nullcontext()

    def _compute(self, windows: Sequence[Window]) -> Tensor:
        output: Tensor = self.answering(*self._tensors(windows))
        return output

    def _tensors(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Tokens, mask and types on the device; no mask where nothing is padded, no types without use."""
        arrays = pad(windows, self.traits.filler, CUDA_MULTIPLE if self._on_cuda else 1)
        tokens, mask, types = (self._send(array) for array in arrays)
        has_types = self.traits.has_types and any(window.types for window in windows)
        return tokens, None if arrays[1].all() else mask, types if has_types else None

    def _send(self, array: Any) -> Tensor:
        """Onto the device; on a graphics card while it still computes the batch before."""
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._on_cuda else tensor


def settings_of(entry: Entry, config: Any) -> dict[str, Any]:
    """All settings of a network, and the temperature in its config.json, which transformers leaves out."""
    settings: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    written = read_json(described_in(entry) / "config.json")
    return settings | {name: written[name] for name in ("temperature",) if name in written}


def describe(entry: Entry, settings: dict[str, Any]) -> tuple[Traits, Tokens]:
    """The traits and the tokenizer of a checkpoint. Raises BadModel."""
    if not any((entry.folder / name).exists() for name in VOCABULARIES):
        raise BadModel(f"{entry.folder} cannot be loaded: it holds no tokenizer (tokenizer.json).")
    loaded = load_part(AutoTokenizer, entry)
    try:
        backend = loaded.backend_tokenizer
    except AttributeError as error:
        raise BadModel(f"The tokenizer in {entry.folder} cannot be loaded: {first_line(error)}") from None
    described = {"model_max_length": loaded.model_max_length}
    if settings.get("pad_token_id") is None:
        settings["pad_token_id"] = loaded.pad_token_id
    traits = Traits.of(settings, described, entry.max_tokens)
    return traits, Tokens(backend, traits)
