"""How far a run is: its measurements, what it reports at the end, and who is told on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement after `epoch` epochs (2.5: in the middle of the third); `loss` is since the last one."""

    epoch: float
    step: int
    loss: float
    metrics: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """How a run went. `best` is the measurement of the checkpoint that was kept.

    `privacy` is what a private run has told of its rows: epsilon and delta, and by which noise.
    """

    history: tuple[Row, ...]
    best: Row
    steps: int
    seconds: float
    stopped_early: bool
    privacy: Mapping[str, float] = field(default_factory=dict)


class Progress(Protocol):
    """Who is told how far a run is."""

    def begin(self, done: int, total: int) -> None:
        """Learning begins, or goes on, after `done` of `total` steps."""

    def step(self, done: int, total: int, *, loss: float) -> None:
        """A step was taken; `loss` is the mean since the last measurement."""

    def row(self, row: Row, *, is_best: bool) -> None:
        """The model was measured."""

    def say(self, sentence: str) -> None:
        """Something a person may want to know."""


class Silent:
    """Nobody watches."""

    def begin(self, done: int, total: int) -> None:
        """Say nothing."""

    def step(self, done: int, total: int, *, loss: float) -> None:
        """Say nothing."""

    def row(self, row: Row, *, is_best: bool) -> None:
        """Say nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""
