"""The training loop: seeded, resumable, measured as it goes, and ended when nothing improves."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from bot.errors import BadInput
from bot.training.loop import state
from bot.training.loop.curves import draw_curves
from bot.training.loop.distributed import Group
from bot.training.loop.interrupt import Interrupted, Stop, interruptible
from bot.training.loop.learner import Learner
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Progress, Report, Row

Batch = Any


class Study(Protocol):
    """What a run learns. Nothing in it may depend on anything but the plan and the rows."""

    model: torch.nn.Module
    score: str
    """The metric of `validate` that decides; with a minus before its name, the lower the better."""

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of an epoch: the same ones in the same order whenever they are asked for."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """The mean loss of a batch, to be differentiated."""

    def validate(self) -> dict[str, float]:
        """Metrics on the development rows."""

    def save(self, folder: Path) -> None:
        """Write a checkpoint that transformers loads: safetensors, config.json, tokenizer.json."""


def train(
    study: Study,
    plan: Plan,
    out: Path,
    *,
    progress: Progress,
    identity: Mapping[str, str] | None = None,
    group: Group | None = None,
) -> Report:
    """Learn until the plan is done or the score no longer improves; the best checkpoint lies in `out`.

    A run that was interrupted goes on from `out/last` and ends as it would have without. `identity`
    says what makes it the same run. Raises BadInput when `out` holds another run, the disk is full or
    memory is too small, and Interrupted when it was asked to stop; the state is saved first.
    """
    torch.set_num_threads(plan.threads)
    try:
        return _Run(study, plan, out, progress, dict(identity or {}), group or Group()).go()
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise BadInput(
            f"Memory is too small for batches of {plan.batch_tokens} tokens: lower batch_tokens. What was "
            "saved before is kept."
        ) from None


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@dataclass(slots=True)
class _Place:
    """Where a run is. `batch` counts within the epoch; `sum` and `count` are of losses not yet reported."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    sum: float = 0.0
    count: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def loss(self) -> float:
        return self.sum / max(1, self.count)


class _Run:
    def __init__(
        self,
        study: Study,
        plan: Plan,
        out: Path,
        progress: Progress,
        identity: dict[str, str],
        group: Group,
    ) -> None:
        self._study, self._plan, self._out = study, plan, out
        self._progress, self._identity, self._group = progress, identity, group
        self._learner = _learner(study, plan, group)
        self._place = _Place()
        self._stride = plan.accumulate * group.size
        self._saved_at = time.monotonic()

    def go(self) -> Report:
        state.make_folder(self._out, self._learner.numbers)
        self._resume()
        with interruptible() as stop:
            try:
                stopped_early = self._epochs(stop)
            except Interrupted as interrupted:
                interrupted.report = self._report(stopped_early=False)
                raise
        return self._report(stopped_early=stopped_early)

    def _epochs(self, stop: Stop) -> bool:
        """Learn to the end. True when the score stopped improving before it."""
        place = self._place
        self._study.model.train()
        while place.epoch < self._plan.epochs:
            batches = self._learner.batches(place.epoch)
            steps = self._steps(batches)
            place.total = max(1, round(self._plan.epochs * steps))
            self._progress.begin(place.step, place.total)
            last = max(1, round(min(1.0, self._plan.epochs - place.epoch) * steps))
            if self._is_stale() or self._epoch(batches, last, stop):
                return True
            if last < steps:
                break
            place.epoch, place.batch = place.epoch + 1, 0
            self._save()
        self._save()
        return False

    def _epoch(self, batches: Sequence[Batch], last: int, stop: Stop) -> bool:
        """Learn from an epoch's rest up to the step `last`. True when the score no longer improves."""
        place, steps, parts = self._place, self._steps(batches), self._plan.validations
        measured = {last, *(math.ceil(steps * part / parts) for part in range(1, parts + 1))}
        while (done := place.batch // self._stride) < last:
            self._step(batches)
            if done + 1 in measured:
                self._measure(place.epoch + (done + 1) / steps)
                if self._is_stale():
                    self._save()
                    return True
            self._pause(stop)
        return False

    def _steps(self, batches: Sequence[Batch]) -> int:
        steps = math.ceil(len(batches) / self._stride)
        if not steps:
            raise BadInput("There is nothing to learn from.")
        return steps

    def _step(self, batches: Sequence[Batch]) -> None:
        """One step of all processes; each takes its share of the batches, the last step's from the start."""
        place, begun = self._place, time.monotonic()
        first = place.batch + self._group.rank
        shares = range(first, first + self._stride, self._group.size)
        loss = self._learner.step([batches[each % len(batches)] for each in shares], place.step, place.total)
        if not math.isfinite(loss):
            raise BadInput(
                f"The loss is {loss} after {place.step} steps. A lower learning_rate or a longer warmup may "
                "help. The best checkpoint so far is kept."
            )
        place.batch, place.step = place.batch + self._stride, place.step + 1
        place.sum, place.count = place.sum + loss, place.count + 1
        place.seconds += time.monotonic() - begun
        self._progress.step(place.step, place.total, loss=place.loss)

    def _measure(self, epoch: float) -> None:
        """Measure the averaged weights, keep them if they are the best, and write the history."""
        if self._learner.is_private:
            self._save()  # or a checkpoint might tell of steps that a resumed run would not count
        place, begun = self._place, time.monotonic()
        if self._group.is_first:
            with self._learner.averaged():
                metrics = self._study.validate()
                place.seconds += time.monotonic() - begun
                row = Row(round(epoch, 4), place.step, place.loss, metrics, round(place.seconds, 1))
                place.history.append(asdict(row))
                is_best = self._best() == len(place.history) - 1
                if is_best:
                    state.save_best(self._out, self._study.save)
            state.write_json(self._out / "history.json", place.history)
            state.write_text(self._out / "curves.svg", draw_curves(place.history))
            self._progress.row(row, is_best=is_best)
        place.sum, place.count = 0.0, 0

    def _best(self) -> int:
        """The number of the best measurement; of equals the first."""
        name, sign = self._study.score.lstrip("-"), -1 if self._study.score.startswith("-") else 1
        scores = [sign * row["metrics"][name] for row in self._place.history]
        return scores.index(max(scores))

    def _is_stale(self) -> bool:
        """Whether the last `patience` measurements brought nothing better."""
        rows, patience = len(self._place.history), self._plan.patience
        is_stale = bool(patience and rows and rows - 1 - self._best() >= patience)
        return self._group.any(is_stale)

    def _pause(self, stop: Stop) -> None:
        """Save the state when it is time to, or when the run was asked to stop."""
        if self._group.any(stop.asked):
            self._save()
            raise Interrupted
        if time.monotonic() - self._saved_at > self._plan.save_seconds:
            self._save()

    def _save(self) -> None:
        if self._group.is_first:
            state.save_state(
                self._out, {"learner": self._learner.state(), "place": asdict(self._place)}, self._identity
            )
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        saved = state.load_state(self._out, self._identity)
        if saved is None:
            return
        self._place = _Place(**saved["place"])
        self._learner.restore(saved["learner"])
        self._progress.say(f"Going on after {self._place.step} steps.")

    def _report(self, *, stopped_early: bool) -> Report:
        place, spent = self._place, self._learner.spent
        rows = tuple(Row(**row) for row in place.history)
        if not rows:
            return Report((), Row(0.0, 0, 0.0, {}, 0.0), place.step, place.seconds, stopped_early, spent)
        return Report(rows, rows[self._best()], place.step, round(place.seconds, 1), stopped_early, spent)


def _learner(study: Study, plan: Plan, group: Group) -> Learner:
    if not plan.privacy:
        return Learner(study, plan, group)
    from bot.training.loop.differential import PrivateLearner

    return PrivateLearner(study, plan, group)
