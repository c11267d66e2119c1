"""`parley evaluate sentiment` and the like: hold a classifier's answers against labelled rows."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.classifying import Model, open_labeller
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings

if TYPE_CHECKING:
    from bot.evaluation import ClassificationFigures
    from bot.settings import Settings

TASKS = {
    "sentiment": "Tell positive, neutral and negative texts apart; without neutral rows, the other two.",
    "toxicity": "Tell toxic texts from others.",
    "emotion": "Tell emotions apart; of several labels of a row any is right.",
    "intents": "Tell what people want.",
    "langid": "Tell languages apart: by the detector that translations use, or by a model.",
}
LANGUAGES = "langid"
DETECTOR = "plugins.translation.detection"

Rows = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Rows with text and label: .jsonl, .jsonl.gz or .csv.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
]


def add_tasks(app: typer.Typer) -> None:
    """Make a command of each task."""
    for task, purpose in TASKS.items():
        app.command(task, help=purpose)(_command(task))


def _command(task: str) -> Callable[..., None]:
    def evaluate(
        data: Rows,
        model: Model = "",
        limit: Limit = None,
        json: AsJson = False,
        config: ConfigFile = None,
        data_dir: DataDir = None,
    ) -> None:
        figures = _measure(task, data, model, limit=limit, settings=read_settings(config, data_dir))
        if json:
            print_json(dataclasses.asdict(figures))
        else:
            _print(figures)

    return evaluate


def _measure(
    task: str, data: Path, model: str, *, limit: int | None, settings: Settings
) -> ClassificationFigures:
    from bot.training.measures.measuring import measure, measure_detector

    if task == LANGUAGES and not model and LANGUAGES not in settings.models:
        detect = import_module(DETECTOR).detect
        return measure_detector(lambda text: asyncio.run(detect(text)), data, limit=limit)
    classifier = open_labeller(task, model, settings)
    with _bar() as advance:
        return measure(classifier, task, data, limit=limit, advance=advance)


def _bar() -> Any:
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import Progress

    @contextmanager
    def shown() -> Any:
        with Progress(console=Console(file=sys.stderr)) as bars:
            bar = bars.add_task("texts", total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)

    return shown()


def _print(figures: ClassificationFigures) -> None:
    values = dataclasses.asdict(figures)
    errors = values.pop("errors")
    confusion = values.pop("confusion")
    print_table(
        ["figure", "value"], [[name, str(value)] for name, value in values.items() if value is not None]
    )
    answers = list(next(iter(confusion.values())))
    if len(answers) <= 10:
        print()
        print_table(
            ["gold \\ answer", *answers],
            [[name, *(str(row[other]) for other in answers)] for name, row in confusion.items()],
        )
    if errors:
        print()
        print_table(
            ["surest mistakes", "gold", "answer", ""],
            [[each["text"], each["gold"], each["label"], f"{each['probability']:.2f}"] for each in errors],
        )
