"""`parley evaluate qa`, `retrieval` and `reader`: how well questions are answered from documents."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.measuring import Limit, measured, opened_models, print_figures, ready_models
from bot.cli.options import AsJson, ConfigFile, DataDir, read_settings


def add_answers(app: typer.Typer) -> None:
    """Make the commands."""
    for command in (qa, retrieval, reader):
        app.command()(command)


def qa(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Rows with question, context, answers[], [title]: .jsonl or .jsonl.gz."
        ),
    ],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Index the contexts of a file in a new database and ask every question."""
    from bot.evaluation import evaluate_questions

    settings = read_settings(config, data_dir)

    figures = measured(
        ready_models(settings),
        lambda models, show: evaluate_questions(models, data, limit=limit, advance=show),
    )
    print_figures(dataclasses.asdict(figures), json=json)


def retrieval(
    corpus: Annotated[Path, typer.Option(metavar="FILE", help="Rows with id, text, [title].")],
    queries: Annotated[Path, typer.Option(metavar="FILE", help="Rows with text, relevant[] (corpus ids).")],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Index a corpus in a new database and rank its documents for every query."""
    from bot.evaluation import evaluate_retrieval

    settings = read_settings(config, data_dir)

    figures = measured(
        ready_models(settings),
        lambda models, show: evaluate_retrieval(models, corpus, queries, limit=limit, advance=show),
    )
    print_figures(figures.as_json(), json=json)


def reader(
    data: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Rows with question, context, answers[]: .jsonl or .jsonl.gz."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="A checkpoint instead of the one that serves."),
    ] = None,
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Find the answer to each question in its own passage (F1 and exact match, percent)."""
    from bot.evaluation import evaluate_reader
    from bot.settings import ModelSettings

    settings = read_settings(config, data_dir)
    if model:
        chosen = settings.models.get("reader", ModelSettings()).model_copy(update={"folder": model})
        settings = settings.model_copy(update={"models": {**settings.models, "reader": chosen}})

    figures = measured(
        opened_models(settings),
        lambda models, show: evaluate_reader(models, data, limit=limit, advance=show),
    )
    print_figures(dataclasses.asdict(figures), json=json)
