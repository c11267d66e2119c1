"""Make one update of those of several sites, so that one bad site does little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bot.errors import BadInput

WAYS = ("mean", "median", "trimmed")
TRIM = 0.2

Update = Mapping[str, Tensor]


def aggregate(updates: Sequence[Update], sizes: Sequence[int], *, way: str, clip: float) -> Update:
    """The update to make, from those of the sites and their numbers of rows.

    First each is cut to at most `clip` times the median length of all (0: to none). Then follows, number
    by number, the `mean` weighted by rows (McMahan et al., 2017), which one site can pull anywhere if it
    says that it is large; the `median`; or the `trimmed` mean, without the lowest and the highest fifth,
    at least one each (Yin et al., 2018). The last two count sites alike and hold while most are good.
    Raises BadInput for another way, or too few sites for it.
    """
    check_way(way, len(updates))
    clipped = _clipped(updates, clip)
    shares = torch.tensor([each / sum(sizes) for each in sizes])
    return {name: _one(torch.stack([each[name] for each in clipped]), shares, way) for name in clipped[0]}


def check_way(way: str, sites: int) -> None:
    """Raise BadInput where so many sites cannot be aggregated so."""
    if way not in WAYS:
        raise BadInput(f"There is no aggregation {way!r}: it is one of {', '.join(WAYS)}.")
    if sites < (1 if way == "mean" else 3):
        raise BadInput(f"With {sites} sites the {way} cannot leave out a bad one: there must be 3 or more.")


def is_sound(update: Update, like: Update) -> bool:
    """Whether it has the names and shapes it must have, and finite numbers."""
    return update.keys() == like.keys() and all(
        each.shape == like[name].shape and bool(torch.isfinite(each).all()) for name, each in update.items()
    )


def length_of(update: Update) -> float:
    """The Euclidean length of all its numbers."""
    return float(torch.stack([each.double().norm() for each in update.values()]).norm())


def _clipped(updates: Sequence[Update], clip: float) -> list[Update]:
    if not clip:
        return list(updates)
    lengths = [length_of(each) for each in updates]
    most = clip * float(torch.tensor(lengths).median())
    factors = [min(1.0, most / length) if length else 1.0 for length in lengths]
    return [
        {name: value * factor for name, value in update.items()}
        for update, factor in zip(updates, factors, strict=True)
    ]


def _one(values: Tensor, shares: Tensor, way: str) -> Tensor:
    """Of (sites, ...) one of (...)."""
    sites = len(values)
    if way == "mean":
        mean: Tensor = torch.tensordot(shares.to(values), values, dims=1)
        return mean
    cut = (sites - 1) // 2 if way == "median" else max(1, int(TRIM * sites))
    return values.sort(0).values[cut : sites - cut].mean(0)
