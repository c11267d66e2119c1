"""LoRA adapters and heads in peft's layout, beside a network that others use at the same time."""

from __future__ import annotations

import copy
import re
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeAlias

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from bot.errors import BadModel
from bot.worker.encoders.traits import read_json
from bot.worker.loading import first_line

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
WRAPPING = re.compile(r"\.(modules_to_save(\.default)?|base_layer)(?=\.)")
REPLACED = ".original_module."
LOW_RANK = re.compile(r"(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")

Changes: TypeAlias = dict[str, dict[str, Tensor]]

active: ContextVar[Adapter | None] = ContextVar("active", default=None)
"""The adapter whose changes count in this thread."""


class Adapter(nn.Module):
    """Changes to layers of a trunk, which count while the adapter is `used`. They go when it does.

    After "LoRA: Low-Rank Adaptation of Large Language Models" (Hu et al., 2021): W x + s B A x.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tensors = nn.ParameterList()
        self._handles: list[RemovableHandle] = []
        weakref.finalize(self, remove_all, self._handles)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let the changes count in this thread."""
        before = active.set(self)
        try:
            yield
        finally:
            active.reset(before)

    def add(self, layer: nn.Module, inner: Tensor, outer: Tensor, scale: float) -> None:
        """Add `scale` times `outer` @ `inner` to the weight of a layer."""
        me = weakref.ref(self)
        outer = outer * scale

        def change(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
            if active.get() is not me():
                return None
            return output + nn.functional.linear(nn.functional.linear(inputs[0], inner), outer)

        self._tensors.extend(nn.Parameter(each, requires_grad=False) for each in (inner, outer))
        self._handles.append(layer.register_forward_hook(change))

    def replace(self, layer: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """Let a layer with these weights of its own, and the others of `layer`, compute in its place."""
        me = weakref.ref(self)
        changed = {name: nn.Parameter(weight, requires_grad=False) for name, weight in weights.items()}
        own = copy.copy(layer)
        own._parameters = {**layer._parameters, **changed}
        own._forward_hooks = OrderedDict()

        def change(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
            return own(*inputs) if active.get() is me() else output

        self._tensors.extend(changed.values())
        self._handles.append(layer.register_forward_hook(change))


def remove_all(handles: list[RemovableHandle]) -> None:
    """Take the changes out of the layers."""
    for handle in handles:
        handle.remove()


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of an adapter by their names in the whole network. Raises BadModel."""
    try:
        tensors = load_file(folder / WEIGHTS)
    except Exception as error:  # noqa: BLE001 - a wall: the library raises anything on a broken file
        raise BadModel(f"The adapter in {folder} cannot be loaded: {first_line(error)}") from None
    return {
        WRAPPING.sub("", name.removeprefix(PREFIX)): tensor
        for name, tensor in tensors.items()
        if REPLACED not in name
    }


def adapt(trunk: nn.Module, weights: Mapping[str, Tensor], folder: Path) -> Adapter:
    """Hang an adapter on a trunk; `weights` are by their names in it. Raises BadModel."""
    pairs, whole = sorted_out(weights, next(trunk.parameters()))
    adapter = Adapter()
    for name, parameters in whole.items():
        layer = find_layer(trunk, name, folder)
        if not parameters.keys() <= dict(layer.named_parameters(recurse=False)).keys():
            raise unsupported(name, folder)
        adapter.replace(layer, parameters)
    scales = Scales(folder) if pairs else None
    for name, sides in pairs.items():
        if scales is None or sides.keys() != {"A", "B"} or sides["A"].dim() != 2:
            raise unsupported(name, folder)
        scale = scales.of(name, len(sides["A"]))
        adapter.add(find_layer(trunk, name, folder), sides["A"], sides["B"], scale)
    return adapter


def sorted_out(weights: Mapping[str, Tensor], like: Tensor) -> tuple[Changes, Changes]:
    """Low-rank changes and whole parameters by their layer, of the type and on the device of `like`."""
    pairs: Changes = {}
    whole: Changes = {}
    for name, tensor in weights.items():
        moved = tensor.to(like.device, like.dtype)
        if found := LOW_RANK.fullmatch(name):
            pairs.setdefault(found["layer"], {})[found["side"]] = moved
        else:
            layer, _, parameter = name.rpartition(".")
            whole.setdefault(layer, {})[parameter] = moved
    return pairs, whole


def unsupported(name: str, folder: Path) -> BadModel:
    """The error for a change of another kind."""
    return BadModel(f"The adapter in {folder} changes {name} in a way that is not supported.")


def find_layer(trunk: nn.Module, name: str, folder: Path) -> nn.Module:
    """The layer of that name. Raises BadModel when the adapter is for another network."""
    try:
        return trunk.get_submodule(name)
    except AttributeError:
        raise BadModel(f"The adapter in {folder} is for another model: this one has no {name}.") from None


class Scales:
    """By how much each low-rank change counts, as adapter_config.json says. Raises BadModel."""

    def __init__(self, folder: Path) -> None:
        settings = read_json(folder / SETTINGS)
        kind = settings.get("peft_type")
        if kind != "LORA" or settings.get("use_dora"):
            raise BadModel(f"The adapter in {folder} is no plain LoRA adapter, and others are not supported.")
        self._alpha = float(settings.get("lora_alpha", 8))
        self._alphas: dict[str, float] = settings.get("alpha_pattern") or {}
        self._is_root = bool(settings.get("use_rslora"))

    def of(self, layer: str, rank: int) -> float:
        """The factor of a layer's change: alpha / rank, or alpha / √rank (Kalajdzievski, 2023)."""
        chosen = (
            alpha for pattern, alpha in self._alphas.items() if re.search(rf"(^|\.)({pattern})$", layer)
        )
        return next(chosen, self._alpha) / (rank**0.5 if self._is_root else rank)
