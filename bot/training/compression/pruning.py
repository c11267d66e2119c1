"""Leave out the units of a network whose weights are smallest (Han et al., 2015): it computes less."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from bot.errors import BadInput
from bot.networks.recurrent import RecurrentForSequenceClassification

DIRECTIONS = ("", "_reverse")
# Widths of which processors compute several numbers at once.
MULTIPLE = 8
WIDTHS = ("intermediate_size", "ffn_dim", "n_inner")

Kept = list[Tensor]


@torch.no_grad()
def prune(model: Any, share: float) -> tuple[Any, str]:
    """A network without a share of its units, and what was left out, in words.

    Of recurrent networks hidden units go, of transformers those of the layers between attention: heads
    cannot, as no configuration of these networks can say that some are missing. Where there is neither,
    the smallest weights become zero: the network is as large and as quick as before. Raises BadInput.
    """
    if not 0 < share < 1:
        raise BadInput(f"The share of units that go must be above 0 and below 1, not {share}.")
    if isinstance(model, RecurrentForSequenceClassification):
        return narrowed(model, share)
    inner = encoder_of(model)
    width = inner_width(inner.config)
    blocks = list(blocks_of(inner, width)) if width else []
    if not blocks:
        return zeroed(model, share)
    kept = rounded(width * (1 - share))
    for ups, down in blocks:
        thin(ups, down, kept)
    say_width(model, inner, kept)
    return model, f"{kept} of {width} units are left in each of {len(blocks)} feed-forward layers."


def narrowed(
    model: RecurrentForSequenceClassification, share: float
) -> tuple[RecurrentForSequenceClassification, str]:
    """A recurrent network with fewer hidden units in each direction of each layer."""
    config = copy.deepcopy(model.config)
    own = config.hidden_size
    config.hidden_size = rounded(own * (1 - share))
    weights = model.state_dict()
    layers = [
        [strongest(unit_weights(weights, config, layer, side, own), config.hidden_size) for side in (0, 1)]
        for layer in range(config.layers)
    ]
    smaller = RecurrentForSequenceClassification(config)
    smaller.load_state_dict(dict(cut(weights, layers, own)))
    smaller.train(mode=False)
    return smaller, f"{config.hidden_size} of {own} hidden units are left in each direction."


def unit_weights(weights: Mapping[str, Any], config: Any, layer: int, side: int, own: int) -> Tensor:
    """How much each unit of a direction of a layer counts: what comes in times what goes out."""
    end = f"_l{layer}{DIRECTIONS[side]}"
    entering = sum(
        weights[f"recurrent.{name}{end}"].unflatten(0, (-1, own)).square().sum(dim=(0, 2))
        for name in ("weight_ih", "weight_hh")
    )
    columns = slice(side * own, (side + 1) * own)
    if layer + 1 < config.layers:
        after = [weights[f"recurrent.weight_ih_l{layer + 1}{each}"][:, columns] for each in DIRECTIONS]
    else:
        classifier = weights["classifier.weight"]
        halves = classifier.split(2 * own, dim=1)
        after = [weights["attention.inner.weight"][:, columns], *(half[:, columns] for half in halves)]
    leaving = torch.cat(after).square().sum(0)
    return torch.as_tensor(entering) * leaving


def cut(weights: Mapping[str, Any], layers: Sequence[Kept], own: int) -> Iterator[tuple[str, Tensor]]:
    """Each tensor with the units that are kept; `layers` has those of both directions of each layer."""
    states = [torch.cat([forth, back + own]) for forth, back in layers]
    for name, tensor in weights.items():
        if name.startswith("recurrent."):
            yield name, cut_cell(name, tensor, layers, states, own)
        elif name == "attention.inner.weight":
            yield name, tensor[:, states[-1]]
        elif name == "classifier.weight":
            yield name, tensor[:, torch.cat([states[-1], states[-1] + 2 * own])]
        else:
            yield name, tensor


def cut_cell(name: str, tensor: Any, layers: Sequence[Kept], states: Sequence[Tensor], own: int) -> Tensor:
    """A tensor of a cell: its gates lie one below the other."""
    kind, _, place = name.removeprefix("recurrent.").partition("_l")
    layer, side = int(place.partition("_")[0]), int(place.endswith(DIRECTIONS[1]))
    units = layers[layer][side]
    rows: Tensor = tensor.unflatten(0, (-1, own))[:, units].flatten(0, 1)
    if kind == "weight_hh":
        return rows[:, units]
    return rows[:, states[layer - 1]] if kind == "weight_ih" and layer else rows


def blocks_of(network: nn.Module, width: int) -> Iterator[tuple[list[nn.Module], nn.Module]]:
    """The layers that make `width` numbers, and the one that takes them, of each block."""
    ups: list[nn.Module] = []
    for layer in network.modules():
        if not isinstance(layer, nn.Linear | Conv1D):
            continue
        entering, leaving = shape_of(layer)
        if leaving == width and entering != width:
            ups.append(layer)
        elif entering == width and leaving != width and ups:
            yield ups, layer
            ups = []


def thin(ups: Sequence[Any], down: Any, kept: int) -> None:
    """Keep the units between these layers that count most."""
    counts = by_input(down).square().sum(1)
    for layer in ups:
        counts = counts * by_input(layer).square().sum(0)
    units = strongest(counts, kept)
    for layer in ups:
        select(layer, units, leaving=True)
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias[units].clone())
    select(down, units, leaving=False)


def select(layer: Any, units: Tensor, *, leaving: bool) -> None:
    """Keep some of the numbers that a layer makes, or takes."""
    is_turned = isinstance(layer, Conv1D)
    axis = 1 if is_turned == leaving else 0
    layer.weight = nn.Parameter(layer.weight.index_select(axis, units).contiguous())
    name = {(True, True): "nf", (True, False): "nx", (False, True): "out_features"}.get(
        (is_turned, leaving), "in_features"
    )
    setattr(layer, name, len(units))


def by_input(layer: Any) -> Tensor:
    """The weights of a layer as (numbers it takes, numbers it makes)."""
    weight: Tensor = layer.weight if isinstance(layer, Conv1D) else layer.weight.T
    return weight


def shape_of(layer: Any) -> tuple[int, int]:
    """How many numbers a layer takes, and how many it makes."""
    entering, leaving = by_input(layer).shape
    return int(entering), int(leaving)


def encoder_of(model: Any) -> Any:
    """The part of a classifier whose configuration says how wide its layers are."""
    return model.encoder if model.config.model_type == "parley_pooled" else model


def inner_width(config: Any) -> int:
    """How wide the layers between attention are; 0 where it is not known, or they cannot be told."""
    if config.model_type == "gpt2":
        return int(config.n_inner or 4 * config.n_embd)
    width = next((getattr(config, name) for name in WIDTHS if getattr(config, name, None)), 0)
    return 0 if width == getattr(config, "hidden_size", 0) else int(width)


def say_width(model: Any, inner: Any, width: int) -> None:
    """Write the new width into the configuration."""
    name = next(name for name in WIDTHS if hasattr(inner.config, name))
    setattr(inner.config, name, width)
    if inner is not model:
        model.config.encoder = {**model.config.encoder, name: width}


def zeroed(model: Any, share: float) -> tuple[Any, str]:
    """The network with the smallest weights of each matrix at zero."""
    for tensor in (each for each in model.parameters() if each.dim() == 2):
        smallest = tensor.abs().flatten().kthvalue(max(1, round(share * tensor.numel()))).values
        tensor.masked_fill_(tensor.abs() <= smallest, 0.0)
    return model, (
        "No layers of this network can be made narrower: the smallest weights are zero. It is as quick as "
        "before, and smaller only when it is packed (`packed_bytes`)."
    )


def strongest(counts: Tensor, kept: int) -> Tensor:
    """The places of the highest numbers, in order."""
    return counts.topk(min(kept, len(counts))).indices.sort().values


def rounded(width: float) -> int:
    """A width that suits the processor, where it is wide at all."""
    return max(1, round(width)) if width < 4 * MULTIPLE else MULTIPLE * max(1, round(width / MULTIPLE))
