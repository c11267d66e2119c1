"""`parley compare`: whether one model is really better than another on the same rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.classifying import Task, open_labeller
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings


def compare(
    task: Task,
    first: Annotated[str, typer.Argument(metavar="A", help="A model: its role, or its folder.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The model that may be better.")],
    data: Annotated[Path, typer.Option(metavar="FILE", help="Labelled rows: .jsonl, .jsonl.gz or .csv.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Compare two models by paired bootstrap: the difference, its 95 % interval, and its p."""
    from bot.training.measures.measuring import compare_models

    settings = read_settings(config, data_dir)
    models = [open_labeller(task, name, settings) for name in (first, second)]
    figures = compare_models(task, models[0], models[1], data, limit=limit)
    if json:
        print_json(
            {name: dataclasses.asdict(each) | {"real": each.is_real} for name, each in figures.items()}
        )
        return
    print_table(
        ["figure", "A", "B", "difference", "95 % interval", "p", "real"],
        [
            [
                name,
                f"{each.first:.4f}",
                f"{each.second:.4f}",
                f"{each.difference:+.4f}",
                f"{each.low:+.4f} to {each.high:+.4f}",
                f"{each.p:.4f}",
                "yes" if each.is_real else "no",
            ]
            for name, each in figures.items()
        ],
    )
