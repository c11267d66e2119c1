"""Carry a command out, from its files to the card: admitted, learnt, examined, described."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from bot.training.courses import Course
from bot.training.loop.card import Card, write_card
from bot.training.loop.distributed import Group
from bot.training.loop.identity import identity
from bot.training.loop.interrupt import Interrupted
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Progress, Report
from bot.training.loop.request import Request
from bot.training.loop.run import train
from bot.training.rows.provenance import Gate


@runtime_checkable
class Examined(Protocol):
    """A study that measures the kept checkpoint more thoroughly than could be done on the way."""

    def examine(self, folder: Path) -> Mapping[str, float]:
        """Figures by name."""


@runtime_checkable
class AtOnce(Protocol):
    """A study that is learnt in one go, without the loop."""

    def learn(self, out: Path, progress: Progress) -> Report:
        """Learn, and write the checkpoint to `out`."""


def carry_out(
    request: Request, plan: Plan, course: Course, *, gate: Gate, group: Group, progress: Progress
) -> Report:
    """Learn what is requested; the checkpoint, its curves and its card lie in `request.out`.

    Raises BadInput and BadModel, and Interrupted when it was asked to stop: there is a card then too, of
    the best checkpoint so far.
    """
    data = gate.admit([*request.data, *request.sayings])
    development = Gate(conversations=gate.conversations).admit(request.development)
    study = course.study(request, plan)

    def describe(report: Report, examined: Mapping[str, float]) -> None:
        if group.is_first and report.history:
            write_card(
                request.out,
                Card(
                    task=request.task,
                    architecture=type(study.model).__name__,
                    parameters=sum(each.numel() for each in study.model.parameters()),
                    command=command(sys.argv),
                    plan=plan,
                    report=report,
                    data=data,
                    development=development,
                    examined=examined,
                ),
            )

    same = identity(request, plan, processes=group.size)
    try:
        if isinstance(study, AtOnce):
            report = study.learn(request.out, progress)
        else:
            report = train(study, plan, request.out, progress=progress, identity=same, group=group)
    except Interrupted as interrupted:
        if interrupted.report:
            describe(interrupted.report, {})
        raise
    if group.is_first:
        describe(report, study.examine(request.out) if isinstance(study, Examined) else {})
    return report


def command(arguments: Sequence[str]) -> list[str]:
    """The command as a person would type it."""
    return ["parley", *arguments[1:]]
