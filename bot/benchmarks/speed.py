"""How many texts an engine of the worker computes in a second, one by one and in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SIZES = (8, 32, 128)
ALONE = 40
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """Texts in a second of one core: `alone` one by one, `best` in batches of `batch`, the quickest size."""

    alone: float
    best: float
    batch: int


def speed_of(
    engine: Any, inputs: Sequence[Any], choice: Any = None, *, sizes: Sequence[int] = SIZES
) -> Speed:
    """The best of some rounds, in which the sizes take turns, by the processor's own clock: what else the
    machine does counts little. An engine that is to `choose` is given a choice."""
    rates = dict.fromkeys((1, *sizes), 0.0)
    for _ in range(ROUNDS):
        for size in rates:
            some = inputs[:ALONE] if size == 1 else inputs
            rates[size] = max(rates[size], rate(engine, some, choice, size=size))
    batch = max(rates, key=lambda size: rates[size])
    return Speed(round(rates[1], 1), round(rates[batch], 1), batch)


def rate(engine: Any, inputs: Sequence[Any], choice: Any, *, size: int) -> float:
    """Texts in a second of one core, tokens included, in batches of one size, alike in length."""
    ordered = sorted(inputs, key=lambda each: len(str(each)))
    began = time.process_time()
    for start in range(0, len(ordered), size):
        members = engine.tokenize(ordered[start : start + size])
        engine.compute(members, choice) if hasattr(engine, "choose") else engine.compute(members)
    return len(ordered) / max(1e-9, time.process_time() - began)
