"""How a run learns: its plan, read from one TOML file and the command line."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import BadInput

TABLES = ("network", "privacy")
SCHEDULES = ("constant", "linear", "cosine", "inverse_sqrt")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is told. Fields that are not of the loop are in `network`, for the study, and in
    `privacy`, for a run whose rows are protected.

    epochs          times over all rows; 1.5 ends in the middle of the second
    learning_rate   the highest one, reached after `warmup` steps
    schedule        what follows: constant, linear or cosine (to zero at the end), inverse_sqrt
    cooldown        share of all steps, at the end, over which the rate falls to zero in a line
    batch_tokens    padded tokens of a batch, source and target together
    accumulate      batches of one step; several processes share them
    validations     measurements on the development rows in each epoch
    patience        measurements in a row without a better score that end the run; 0 for never
    average         decay of the averaged weights that are measured and kept (0 keeps the last ones)
    save_seconds    time between states to resume from
    """

    epochs: float = 10
    learning_rate: float = 1e-3
    schedule: str = "linear"
    warmup: int = 100
    cooldown: float = 0.0
    batch_tokens: int = 4096
    accumulate: int = 1
    validations: int = 1
    patience: int = 3
    seed: int = 1
    save_seconds: float = 300.0
    threads: int = 1
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.98
    network: Mapping[str, Any] = field(default_factory=dict)
    privacy: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wrong in _mistakes(self):
            raise BadInput(f"The plan of a run: {wrong}")

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step, counted from 0, out of `total`."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        return self.learning_rate * _after_warmup(self, step, total) * _cooling(self, step, total)

    def changed(self, values: Mapping[str, Any]) -> Plan:
        """The plan with other values; tables are merged. Raises BadInput for what is no part of it."""
        kinds = {each.name: str(each.type) for each in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in kinds:
                raise BadInput(f"The plan of a run has no {name!r}; it has {', '.join(kinds)}.")
            if not _fits(value, kinds[name]):
                raise BadInput(f"The plan of a run: {name!r} must be of type {kinds[name]}, not {value!r}.")
        tables = {name: {**getattr(self, name), **values.get(name, {})} for name in TABLES}
        return dataclasses.replace(self, **{**values, **tables})


def read_plan(plan: Plan, file: Path | None, options: Mapping[str, Any]) -> Plan:
    """A plan changed by a TOML file, then by options that are not None. Raises BadInput."""
    given = {name: value for name, value in options.items() if value is not None}
    return plan.changed(_table(file) if file else {}).changed(given)


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file}: the plan cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: this is no TOML ({error}).") from None


def _fits(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    return isinstance(value, kinds.get(kind, (Mapping,)))


def _mistakes(plan: Plan) -> list[str]:
    positive = ("epochs", "learning_rate", "batch_tokens", "accumulate", "validations", "threads", "clip")
    wrong = [f"{name} must be above 0." for name in positive if getattr(plan, name) <= 0]
    if plan.schedule not in SCHEDULES:
        wrong.append(f"schedule must be one of {', '.join(SCHEDULES)}.")
    if not 0 <= plan.average < 1:
        wrong.append("average must be at least 0 and below 1.")
    if not 0 <= plan.cooldown < 1:
        wrong.append("cooldown must be at least 0 and below 1.")
    if min(plan.warmup, plan.patience, plan.weight_decay, plan.seed) < 0:
        wrong.append("warmup, patience, weight_decay and seed must be at least 0.")
    return wrong


def _after_warmup(plan: Plan, step: int, total: int) -> float:
    gone = min(1.0, (step - plan.warmup) / max(1, total - plan.warmup))
    if plan.schedule == "linear":
        return 1 - gone
    if plan.schedule == "cosine":
        return (1 + math.cos(math.pi * gone)) / 2
    if plan.schedule == "inverse_sqrt":
        return math.sqrt(max(1, plan.warmup) / (step + 1))
    return 1.0


def _cooling(plan: Plan, step: int, total: int) -> float:
    steps = plan.cooldown * total
    return min(1.0, (total - step) / steps) if steps else 1.0
