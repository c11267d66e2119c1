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
    "reader": "bot.training.reading",
}
"""Tasks, and the module of each that is a Course."""


@dataclass(frozen=True, slots=True)
class Request:
    """A task, the files of rows to learn from and to measure on, and where the checkpoint goes.

    `architecture` is a name or a checkpoint's folder; empty where the task has one of its own.
    `vocabulary` has texts to learn subwords from in place of the rows' own.
    """

    task: str
    data: Sequence[Path]
    out: Path
    development: Sequence[Path] = ()
    architecture: str = ""
    teacher: Path | None = None
    sayings: Sequence[Path] = ()
    vocabulary: Path | None = None


FEW_SHOT = "few-shot"
"""The architecture of a head on an encoder that stays as it is, from some examples of each label."""


class Course(Protocol):
    """A module that knows how a task is learnt."""

    def default_plan(self, request: Request) -> Plan:
        """How it is best learnt for want of better knowledge; `network` has all it may be told."""

    def study(self, request: Request, plan: Plan) -> Study:
        """Rows read and network made. Raises BadInput and BadModel."""


def course(task: str, architecture: str = "") -> Course:
    """The module for a task. Raises BadInput for an unknown one, and for one that examples do not teach."""
    if task not in STUDIES:
        raise BadInput(f"There is no task {task!r} to train. Tasks: {', '.join(STUDIES)}.")
    if architecture != FEW_SHOT:
        return cast(Course, import_module(STUDIES[task]))
    if STUDIES[task] != STUDIES["intents"]:
        raise BadInput(f"{FEW_SHOT} tells labels, which {task} has none of.")
    return cast(Course, import_module("bot.training.few_shot"))
