"""What can be learnt, and the module that knows how: rows read, a network made, its loss and its figures.

classifiers   labels, by any network             classification  the loss and figures of labels
few_shot      labels, from a few examples each   distillation    a teacher's labels; borrowing: its vectors
translation   a small transformer, or GRU and attention          starting  what a classifier starts from
reading       a head for spans on an encoder     questions       its rows
language      GPT-2 from unlabelled text
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from bot.errors import BadInput
from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.loop.run import Study

STUDIES = {
    "sentiment": "bot.training.courses.classifiers",
    "toxicity": "bot.training.courses.classifiers",
    "emotion": "bot.training.courses.classifiers",
    "intents": "bot.training.courses.classifiers",
    "langid": "bot.training.courses.classifiers",
    "translation": "bot.training.courses.translation",
    "language": "bot.training.courses.language",
    "reader": "bot.training.courses.reading",
}
"""Tasks, and the module of each that is a Course."""


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
    return cast(Course, import_module("bot.training.courses.few_shot"))
