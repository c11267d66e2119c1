"""Run the experiments of the lab and write them down: a page, a chart, and all figures."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bot.errors import ParleyError
from bot.training.loop.card import machine
from bot.training.loop.state import write_json, write_text
from bot.training.report.experiments import Experiment, Run

PAGE, CHART, FIGURES = "report.md", "report.svg", "report.json"
BAR, LABELS, WIDTH = 18, 220, 620
COLOUR, PALE = "#1f77b4", "#9ecae1"

Figures = Mapping[str, Any]
Runner = Callable[[Run], Figures]
"""Runs a command of parley; its figures. Raises ParleyError."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """An experiment's table: a label and the figures of each line; or why there is none."""

    experiment: Experiment
    lines: Sequence[tuple[str, Figures]]
    failure: str = ""


def report(
    experiments: Sequence[Experiment], out: Path, *, runner: Runner, say: Say, title: str
) -> list[Result]:
    """Run what was not run before, and write the page after each experiment.

    A run that is done is kept in `out/runs` and not done again while its command is the same. An
    experiment that fails is said to have failed; the others go on.
    """
    results: list[Result] = []
    for number, experiment in enumerate(experiments, start=1):
        say(f"[{number}/{len(experiments)}] {experiment.title}")
        results.append(_result(experiment, out / "runs", runner, say))
        _write(results, out, title)
    return results


def _result(experiment: Experiment, folder: Path, runner: Runner, say: Say) -> Result:
    try:
        found = {run.name: _figures(run, folder, runner, say) for run in experiment.runs}
    except ParleyError as error:
        say(f"It failed: {error}")
        return Result(experiment, (), str(error))
    lines = [
        (line.label, {name: _value(found[line.run], line.part + name) for name in experiment.columns})
        for line in experiment.lines
    ]
    return Result(experiment, lines)


def _figures(run: Run, folder: Path, runner: Runner, say: Say) -> Figures:
    file, asked = folder / f"{run.name}.json", [str(run.processes), *run.arguments]
    if file.exists() and (kept := json.loads(file.read_text(encoding="utf-8")))["asked"] == asked:
        say(f"  {run.name}: done before")
        return dict(kept["figures"])
    say(f"  {run.name}: {command_of(run)}")
    begun = time.monotonic()
    figures = runner(run)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, {"asked": asked, "figures": figures, "wall_seconds": round(time.monotonic() - begun, 1)})
    return figures


def command_of(run: Run) -> str:
    """What a person types for a run."""
    words = ["parley", *run.arguments]
    if run.processes > 1:
        words = ["torchrun", f"--nproc-per-node={run.processes}", "$(which parley)", *run.arguments]
    return " ".join(word if word.startswith("$(") else shlex.quote(word) for word in words)


def _value(figures: Figures, path: str) -> Any:
    value: Any = figures
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _write(results: Sequence[Result], out: Path, title: str) -> None:
    write_json(
        out / FIGURES,
        [
            {
                "name": each.experiment.name,
                "title": each.experiment.title,
                "lines": [{"label": label, **figures} for label, figures in each.lines],
                "commands": [command_of(run) for run in each.experiment.runs],
                "failure": each.failure,
            }
            for each in results
        ],
    )
    write_text(out / CHART, draw(results))
    write_text(out / PAGE, page(results, title))


def page(results: Sequence[Result], title: str) -> str:
    """The report in Markdown. Every line is of a run whose command stands below its table."""
    parts = [f"# {title}", f"{machine()}. Chart: {CHART}; figures: {FIGURES}."]
    for each in results:
        parts += [f"## {each.experiment.title}", each.experiment.says]
        parts.append(f"It failed: {each.failure}" if each.failure else _table(each))
        commands = "\n".join(command_of(run) for run in each.experiment.runs)
        parts.append(f"```text\n{commands}\n```")
    return "\n\n".join(parts) + "\n"


def _table(result: Result) -> str:
    columns = result.experiment.columns
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    rows += [[label, *(shown(figures[name]) for name in columns)] for label, figures in result.lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def shown(value: object) -> str:
    """A figure for people."""
    if value is None:
        return "-"
    if isinstance(value, float) and 0 < abs(value) < 0.001:
        return f"{value:.0e}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw(results: Sequence[Result]) -> str:
    """The first figure of each line as a bar, experiment by experiment, in SVG."""
    drawn, top = "", 12
    for each in (result for result in results if result.lines):
        name = each.experiment.columns[0]
        drawn += (
            f'<text x="8" y="{top + 14}" font-weight="bold">{escape(each.experiment.title)}: {name}</text>'
        )
        top += BAR + 4
        for place, (label, figures) in enumerate(each.lines):
            drawn += _bar(label, figures[name], top, COLOUR if place else PALE)
            top += BAR
        top += 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'font-family="sans-serif" font-size="11"><title>Lab report</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{drawn}</svg>\n'
    )


def _bar(label: str, value: object, top: int, colour: str) -> str:
    share = min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 0.0
    width = share * (WIDTH - LABELS - 80)
    return (
        f'<text x="{LABELS - 8}" y="{top + 12}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{LABELS}" y="{top + 2}" width="{width:.1f}" height="{BAR - 5}" fill="{colour}"/>'
        f'<text x="{LABELS + width + 6:.1f}" y="{top + 12}">{shown(value)}</text>'
    )
