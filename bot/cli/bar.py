"""Show a run: a bar with the loss and the time left, and a line of a table for each measurement."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from bot.training.loop.progress import Row

LINE_SECONDS = 60.0


class Bar:
    """A run on a terminal: the bar stays below, the table grows above. Elsewhere a line a minute."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, soft_wrap=True, highlight=False, markup=False)
        self._bars = Progress(
            TextColumn("{task.completed}/{task.total} steps"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=300,
        )
        self._bar = self._bars.add_task("", total=None, loss=float("nan"), start=False)
        self._begun: tuple[float, int] = (time.monotonic(), 0)
        self._said_at = 0.0
        self._names: tuple[str, ...] = ()

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, done: int, total: int) -> None:
        """Learning begins, or goes on."""
        self._begun = (time.monotonic(), done)
        self._bars.start_task(self._bar)
        self._bars.update(self._bar, completed=done, total=total)

    def step(self, done: int, total: int, *, loss: float) -> None:
        """A step was taken."""
        self._bars.update(self._bar, completed=done, total=total, loss=loss)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said_at > LINE_SECONDS:
            self._said_at = now
            self.say(f"step {done}/{total}  loss {loss:.4f}  {_left(self._begun, done, total)} left")

    def row(self, row: Row, *, is_best: bool) -> None:
        """The model was measured."""
        names = tuple(row.metrics)
        if names != self._names:
            self._names = names
            self.say("".join(f"{name:>11}" for name in ("epoch", "step", "loss", *names)))
        values = [f"{row.epoch:.2f}", str(row.step), f"{row.loss:.4f}", *map(_figure, row.metrics.values())]
        self.say("".join(f"{value:>11}" for value in values) + ("  *" if is_best else ""))

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self._console.print(sentence)


def _left(begun: tuple[float, int], done: int, total: int) -> str:
    began_at, began_with = begun
    seconds = (time.monotonic() - began_at) / max(1, done - began_with) * (total - done)
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f} h" if seconds >= 60 else f"{seconds:.0f} s"


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"
