"""Add a LoRA adapter to the weights of a model that nobody shares: then it costs nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from bot.worker.encoders.adapters import Scales, find_layer, read_weights, sorted_out, unsupported


@torch.no_grad()
def merge(model: Any, folder: Path) -> None:
    """Let a model be what it is with the adapter in `folder`, in peft's layout. Raises BadModel.

    After "LoRA: Low-Rank Adaptation of Large Language Models" (Hu et al., 2021): W + s B A.
    """
    pairs, whole = sorted_out(read_weights(folder), torch.empty(0, device=model.device))
    scales = Scales(folder) if pairs else None
    for name, sides in pairs.items():
        if scales is None or sides.keys() != {"A", "B"} or sides["A"].dim() != 2:
            raise unsupported(name, folder)
        layer: Any = find_layer(model, name, folder)
        change = sides["B"] @ sides["A"] * scales.of(name, len(sides["A"]))
        change = change.T if isinstance(layer, Conv1D) else change
        if change.shape != layer.weight.shape:
            raise unsupported(name, folder)
        layer.weight.copy_(layer.weight + change)
    for name, parameters in whole.items():
        own = dict(find_layer(model, name, folder).named_parameters(recurse=False))
        for parameter, weight in parameters.items():
            if parameter not in own or own[parameter].shape != weight.shape:
                raise unsupported(f"{name}.{parameter}", folder)
            own[parameter].copy_(weight)
