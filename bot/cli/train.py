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
    from bot.training.loop.progress import Report
    from bot.training.loop.request import Request
    from bot.training.rows.provenance import Gate


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
    few_shot: Annotated[
        bool, typer.Option("--few-shot", help="The same as --arch few-shot: some examples of each label.")
    ] = False,
    shots: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="Examples of each label (few-shot: 8).")
    ] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Public texts whose subwords become the vocabulary."
        ),
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(show_default=False, help="How much may be told of a row: a private run."),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(show_default=False, help="Chance that more is told of it (a private run: 1e-5)."),
    ] = None,
    clip_each: Annotated[
        float | None,
        typer.Option(show_default=False, help="Length each row's gradient is cut to (a private run: 1)."),
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
    from bot.training.courses import FEW_SHOT
    from bot.training.loop.request import Request
    from bot.training.rows.provenance import Gate

    request = Request(
        task=task,
        data=data,
        out=out,
        development=dev or [],
        architecture=FEW_SHOT if few_shot else arch,
        teacher=teacher,
        sayings=sayings or [],
        vocabulary=vocabulary,
    )
    privacy = {"epsilon": epsilon, "delta": delta, "clip_each": clip_each}
    options = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_tokens": batch_tokens,
        "seed": seed,
        "threads": threads,
        "privacy": {name: value for name, value in privacy.items() if value is not None},
    }
    if shots is not None:
        options["network"] = {"shots": shots}
    report = _learn(request, plan, options, gate=Gate(shared=shared, conversations=conversations))
    if report is not None:
        print_report(report, out, json=json)


def _learn(request: Request, file: Path | None, options: Mapping[str, Any], *, gate: Gate) -> Report | None:
    """What the run reports; nothing in a process that only helps."""
    from bot.training.courses import course
    from bot.training.loop.distributed import joined
    from bot.training.loop.interrupt import Interrupted
    from bot.training.loop.plan import read_plan
    from bot.training.working import carry_out

    lessons = course(request.task, request.architecture)
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
    from bot.training.loop.progress import Silent

    return Bar() if is_first else nullcontext(Silent())


def print_report(report: Report, out: Path, *, json: bool) -> None:
    """Print the figures of a run."""
    best = asdict(report.best)
    ending = {"steps": report.steps, "stopped_early": report.stopped_early}
    figures = best.pop("metrics") | best | ending | dict(report.privacy)
    if json:
        print_json(figures | {"out": str(out)})
    else:
        print_table(["figure", "value"], [[name, f"{value}"] for name, value in figures.items()])
