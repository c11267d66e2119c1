"""`parley audit`: whether a classifier errs more often on texts that name certain people."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.classifying import Model, Task, open_classifier
from bot.cli.options import AsJson, ConfigFile, print_json, print_table, read_settings

if TYPE_CHECKING:
    from bot.evaluation.bias import BiasFigures

SHOWN = 20


def audit(
    task: Task,
    data: Annotated[Path, typer.Option(metavar="FILE", help="Labelled rows: .jsonl, .jsonl.gz or .csv.")],
    model: Model = "",
    against: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH", help="A model to show beside it, such as after a cure.", show_default=False
        ),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            help="The label that harms: toxic for toxicity, negative for sentiment.", show_default=False
        ),
    ] = "",
    column: Annotated[str, typer.Option(help="The column that says who is named.", show_default=False)] = "",
    terms: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Terms to look for, one in a line.", show_default=False),
    ] = None,
    language: Annotated[
        str, typer.Option("--lang", help="Only rows in this language.", show_default=False)
    ] = "",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Probability that flags a text.")] = 0.5,
    least: Annotated[int, typer.Option(min=1, help="Texts that a figure must stand on.")] = 20,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to draw the gaps, as SVG.", show_default=False)
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Measure identity-term gaps: how texts that name people are treated, against all texts."""
    from bot.evaluation.bias_chart import draw_gaps
    from bot.training.loop.state import write_text
    from bot.training.measures import auditing

    settings = read_settings(config, None)
    models = {model or task: open_classifier(task, model, settings)}
    if against:
        models[against] = open_classifier(task, against, settings)
    rows = auditing.read_named_rows(
        task,
        data,
        label=label,
        column=column,
        terms=auditing.read_terms(terms) if terms else (),
        language=language,
        limit=limit,
    )
    figures = {
        name: auditing.audit(each, rows, threshold=threshold, least=least) for name, each in models.items()
    }
    if chart:
        write_text(chart, draw_gaps(figures))
    _show(list(figures), list(figures.values()), json=json)


def _show(names: list[str], figures: list[BiasFigures], *, json: bool) -> None:
    if json:
        after = {"against": dataclasses.asdict(figures[1])} if len(figures) > 1 else {}
        return print_json(dataclasses.asdict(figures[0]) | after)
    values = [dataclasses.asdict(each) for each in figures]
    sums = [name for name in values[0] if name != "terms"]
    print_table(["figure", *names], [[name, *(_text(each[name]) for each in values)] for name in sums])
    print()
    return _print_terms(names, figures)


def _print_terms(names: list[str], figures: list[BiasFigures]) -> None:
    """The terms with the widest gaps."""
    other = {each.term: each for each in figures[-1].terms}
    ranked = sorted(figures[0].terms, key=lambda each: -abs(each.fpr_gap or 0))[:SHOWN]
    beside = [f"fpr_gap of {names[-1]}"] if len(figures) > 1 else []
    heads = ["term", "n", "auc", "bpsn", "bnsp", "fpr", "fnr", "fpr_gap", "fnr_gap"]
    print_table(
        [*heads, *beside],
        [
            [_text(getattr(each, name)) for name in heads]
            + [_text(other[each.term].fpr_gap) for _ in beside if each.term in other]
            for each in ranked
        ],
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
