"""What a command asks to be learnt, and the studies of which it may be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bot.errors import BadInput
from bot.training.plan import Plan
from bot.training.run import Study

STUDIES = {
    "sentiment": "bot.training.classifiers",
    "toxicity": "bot.training.classifiers",
    "emotion": "bot.training.classifiers",
    "intents": "bot.training.classifiers",
    "langid": "bot.training.classifiers",
    "translation": "bot.training.translation",
    "language": "bot.training.language",
}
"""Tasks, and the module of each that is a Course."""


@dataclass(frozen=True, slots=True)
class Request:
    """A task, the files of rows to learn from and to measure on, and where the checkpoint goes.

    `architecture` is a name or a checkpoint's folder; empty where the task has one of its own.
    """

    task: str
    data: Sequence[Path]
    out: Path
    development: Sequence[Path] = ()
    architecture: str = ""
    teacher: Path | None = None
    sayings: Sequence[Path] = ()


class Course(Protocol):
    """A module that knows how a task is learnt."""

    def default_plan(self, request: Request) -> Plan:
        """How it is best learnt for want of better knowledge; `network` has all it may be told."""

    def study(self, request: Request, plan: Plan) -> Study:
        """Rows read and network made. Raises BadInput and BadModel."""


def course(task: str) -> Course:
    """The module for a task. Raises BadInput for an unknown one."""
    if task not in STUDIES:
        raise BadInput(f"There is no task {task!r} to train. Tasks: {', '.join(STUDIES)}.")
    return cast(Course, import_module(STUDIES[task]))
