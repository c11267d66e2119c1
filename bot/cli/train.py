"""`parley train`: learn a model from labelled rows, translations or unlabelled text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, print_json, print_table

if TYPE_CHECKING:
    from bot.training.progress import Report
    from bot.training.provenance import Gate
    from bot.training.request import Request


def train(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What is to be learnt, such as translation.")],
    data: Annotated[list[Path], typer.Option(metavar="FILE", help="Rows to learn from; may be repeated.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run: checkpoint, curves, card.")],
    dev: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", show_default=False, help="Rows to measure on; may be repeated."),
    ] = None,
    arch: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            show_default=False,
            help="Architecture, or a checkpoint's folder to start from.",
        ),
    ] = "",
    teacher: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="A checkpoint whose judgement is learnt too."),
    ] = None,
    sayings: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", show_default=False, help="Rows without labels, for the teacher."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="TOML file with the run's plan.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.0, show_default=False, help="Times over all rows, such as 1.5.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(show_default=False, help="Highest learning rate.")
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="Padded tokens of a batch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default=False, help="Where chance begins.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="Threads that compute.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Take only rows whose licence lets the weights be given away.")
    ] = False,
    conversations: Annotated[
        bool, typer.Option("--conversations", help="Take Discord and Slack texts whose rows say consent.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Learn a model. The same command goes on where a run was interrupted."""
    from bot.training.provenance import Gate
    from bot.training.request import Request

    request = Request(
        task=task,
        data=data,
        out=out,
        development=dev or [],
        architecture=arch,
        teacher=teacher,
        sayings=sayings or [],
    )
    options = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_tokens": batch_tokens,
        "seed": seed,
        "threads": threads,
    }
    report = _learn(request, plan, options, gate=Gate(shared=shared, conversations=conversations))
    if report is not None:
        _print(report, out, json=json)


def _learn(request: Request, file: Path | None, options: Mapping[str, Any], *, gate: Gate) -> Report | None:
    """What the run reports; nothing in a process that only helps."""
    from bot.training.distributed import joined
    from bot.training.interrupt import Interrupted
    from bot.training.plan import read_plan
    from bot.training.request import course
    from bot.training.working import carry_out

    lessons = course(request.task)
    plan = read_plan(lessons.default_plan(request), file, options)
    with joined() as group, _shown(is_first=group.is_first) as progress:
        try:
            report = carry_out(request, plan, lessons, gate=gate, group=group, progress=progress)
        except Interrupted:
            progress.say(f"Stopped; the state is in {request.out / 'last'}. The same command goes on.")
            raise
        return report if group.is_first else None


def _shown(*, is_first: bool) -> AbstractContextManager[Any]:
    from contextlib import nullcontext

    from bot.cli.bar import Bar
    from bot.training.progress import Silent

    return Bar() if is_first else nullcontext(Silent())


def _print(report: Report, out: Path, *, json: bool) -> None:
    best = asdict(report.best)
    figures = best.pop("metrics") | best | {"steps": report.steps, "stopped_early": report.stopped_early}
    if json:
        print_json(figures | {"out": str(out)})
    else:
        print_table(["figure", "value"], [[name, f"{value}"] for name, value in figures.items()])
