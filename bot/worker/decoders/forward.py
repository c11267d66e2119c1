"""Run a causal model over new columns of a RowCache: what it is given for rows of different lengths."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch

from bot.errors import BadModel
from bot.worker.catalogue import Entry
from bot.worker.decoders.cache import RowCache
from bot.worker.loading import first_line

# How far the numbers of a trial may lie from those without a cache.
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.1}
# The parts of memory that keys and values may fill: of what is free on a graphics card, of all elsewhere.
CUDA_SHARE, CPU_SHARE = 0.6, 0.25
UNKNOWN_MEMORY = 4 * 2**30
UNKNOWN_CONTEXT = 2048


class Forward:
    """A model that reads the next tokens of several texts. Empty columns are masked and have no position."""

    def __init__(self, model: Any) -> None:
        parameters = inspect.signature(model.forward).parameters
        self.vocabulary = int(model.get_input_embeddings().num_embeddings)
        self.device: torch.device = model.device
        self.weight_bytes = sum(each.numel() * each.element_size() for each in model.parameters())
        self.column_bytes = 0
        self._model = model
        self._takes_positions = "position_ids" in parameters
        self._takes_ready_mask = self._takes_positions and attends_fully(model.config)
        self._choices: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}

    def __call__(self, tokens: torch.Tensor, cache: RowCache, empty: torch.Tensor | None) -> torch.Tensor:
        """Numbers for the token after the last column: (rows, vocabulary). Advances the cache.

        `tokens` is (rows, new columns); `empty` (rows, 1) counts the empty columns before each text,
        None when there are none. Nothing here waits for the device.
        """
        count = tokens.shape[1]
        cache.make_room(count)
        columns = torch.arange(cache.length + count, device=self.device)
        given: dict[str, Any] = {"attention_mask": self._mask(columns, count, tokens.shape[0], empty)}
        if self._takes_positions:
            new = columns[None, cache.length :]
            given["position_ids"] = new.expand_as(tokens) if empty is None else (new - empty).clamp(min=0)
        output = self._model(
            input_ids=tokens, past_key_values=cache, use_cache=True, **given, **self._choices
        )
        cache.advance(count)
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _mask(
        self, columns: torch.Tensor, count: int, rows: int, empty: torch.Tensor | None
    ) -> torch.Tensor | None:
        """Which columns each new one sees. Models that attend to all of them take it as it is, or none."""
        if not self._takes_ready_mask:
            return (columns >= (0 if empty is None else empty)).expand(rows, -1).long()
        if empty is None:
            return None
        mask = (columns >= empty)[:, None, None]
        return mask if count == 1 else mask & (columns <= columns[-count:, None])

    @torch.inference_mode()
    def check(self, entry: Entry) -> None:
        """Raise BadModel unless two texts read together, in parts, give the numbers they give alone."""
        try:
            together = self._tried()
            alone = [self._model(text[None]).logits[0, -1] for text in self._trial()]
        except Exception as error:  # noqa: BLE001 - a wall: a model of another kind may raise anything
            raise BadModel(f"The model in {entry.folder} does not write: {first_line(error)}") from None
        tolerance = TOLERANCES[self._model.dtype]
        for ours, theirs in zip(together.float(), alone, strict=True):
            is_alike = (ours - theirs.float()).norm() <= tolerance * theirs.float().norm()
            if not self.column_bytes or not is_alike:
                raise BadModel(f"The model in {entry.folder} keeps no keys and values that can be batched.")

    def room(self) -> int:
        """Columns of keys and values, of all rows together, that the device's memory has room for."""
        if self.device.type == "cuda":
            memory = torch.cuda.mem_get_info(self.device)[0] * CUDA_SHARE
        else:
            memory = machine_memory() * CPU_SHARE
        return int(memory / max(1, self.column_bytes))

    def _trial(self) -> list[torch.Tensor]:
        spread = torch.arange(1, 6, device=self.device) * 7919 % self.vocabulary
        return [spread, spread[2:]]

    def _tried(self) -> torch.Tensor:
        long, short = self._trial()
        tokens = torch.stack([long, torch.cat([long[:2], short])])
        cache = RowCache(2)
        empty = torch.tensor([[0], [2]], device=self.device)
        for part in (tokens[:, :3], tokens[:, 3:]):
            logits = self(part, cache, empty)
        self.column_bytes = sum(
            buffer[0, :, 0].numel() * buffer.element_size()
            for layer in cache.layers
            for buffer in (layer.keys, layer.values)
            if buffer is not None
        )
        return logits


def attends_fully(config: Any) -> bool:
    """Whether each layer sees all columns, by a kernel that takes a mask of true and false."""
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ())
    is_windowed = bool(kinds - {"full_attention"}) if kinds else bool(getattr(text, "sliding_window", None))
    return text._attn_implementation == "sdpa" and not is_windowed and not getattr(text, "alibi", False)


def context_of(model: Any, tokenizer: Any, most: int) -> int:
    """Tokens of a prompt and its answer together; `most` limits the model's own length unless it is 0."""
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    length = length or min(tokenizer.model_max_length, UNKNOWN_CONTEXT)
    return min(int(length), most) if most else int(length)


def machine_memory() -> int:
    """Bytes of memory the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_MEMORY
