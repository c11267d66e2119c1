"""`parley lab report`: run the lab's experiments on rows, and write a page about them."""

from __future__ import annotations

import contextlib
import io
import json as jsons
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, print_json, print_table

if TYPE_CHECKING:
    from bot.training.report.experiments import Run
    from bot.training.report.writing import Result

SECONDS = 24 * 3600
ENTRY = "from bot.cli import main\n\nmain()\n"

app = typer.Typer(help="Experiments of the lab, side by side.", no_args_is_help=True)


@app.callback()
def lab() -> None:
    """Experiments of the lab, side by side."""


@app.command("report")
def report(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the page and of all runs.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of labelled files.", show_default=False)
    ] = None,
    task: Annotated[str, typer.Option(help="What the rows teach: toxicity or sentiment.")] = "toxicity",
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows of your own to learn from.", show_default=False),
    ] = None,
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rows of your own to measure on.", show_default=False)
    ] = None,
    bias: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows of your own that name people.", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small samples and few steps.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Where chance begins.")] = 1,
    json: AsJson = False,
) -> None:
    """Compare privacy, federation, compression, processes, few examples, bias and pre-training.

    Each line is a real run. The same command goes on where it was interrupted.
    """
    from bot.training.report import experiments as known
    from bot.training.report import samples
    from bot.training.report.writing import report as write_report

    own = {"train": rows, "dev": dev, "bias": bias}
    found = samples.sources(data, {kind: file for kind, file in own.items() if file})
    amounts, sizes = (samples.QUICK, known.QUICK) if quick else (samples.FULL, known.FULL)
    drawn = samples.draw(task, found, amounts, out=out / "rows", seed=seed)
    results = write_report(
        known.experiments(drawn, sizes, out, seed=seed),
        out,
        runner=_run,
        say=lambda sentence: print(sentence, file=sys.stderr, flush=True),
        title="Lab report, quick" if quick else "Lab report",
    )
    _show(results, out, json=json)


def _show(results: Sequence[Result], out: Path, *, json: bool) -> None:
    from bot.training.report.writing import FIGURES, PAGE, shown

    if json:
        return print_json(jsons.loads((out / FIGURES).read_text(encoding="utf-8")))
    for each in results:
        columns = list(each.experiment.columns)
        lines = [[label, *(shown(figures[name]) for name in columns)] for label, figures in each.lines]
        print_table([each.experiment.title, *columns], lines or [[each.failure]])
        print()
    return print(f"Page: {out / PAGE}")


def _run(run: Run) -> Mapping[str, Any]:
    """The figures that a command prints, run in this process or, with others, in several."""
    if run.arguments[0] == "compress":  # it begins anew, and only in an empty folder
        shutil.rmtree(run.arguments[run.arguments.index("--out") + 1], ignore_errors=True)
    arguments = [*run.arguments, "--json"]
    shown = _together(arguments, run.processes) if run.processes > 1 else _here(arguments)
    figures: Mapping[str, Any] = jsons.loads(shown.strip().splitlines()[-1])
    return figures


def _here(arguments: Sequence[str]) -> str:
    from bot.cli import app as commands

    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), _typed(arguments):
        commands(args=list(arguments), standalone_mode=False)
    return shown.getvalue()


@contextlib.contextmanager
def _typed(arguments: Sequence[str]) -> Iterator[None]:
    """What cards say was typed is the command of the run, not that of the report."""
    before, sys.argv = sys.argv, ["parley", *arguments]
    try:
        yield
    finally:
        sys.argv = before


def _together(arguments: Sequence[str], processes: int) -> str:
    from tempfile import TemporaryDirectory

    from bot.errors import BadInput

    with TemporaryDirectory() as folder:
        entry = Path(folder) / "parley"
        entry.write_text(ENTRY, encoding="utf-8")
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        ended = subprocess.run(  # noqa: S603 - this Python, and arguments that are no shell's
            [sys.executable, *launcher, str(entry), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    if ended.returncode:
        raise BadInput(f"{processes} processes ended with {ended.returncode}; what they said stands above.")
    return ended.stdout
