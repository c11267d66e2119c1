"""`parley explain`: which words of a text made its label, in the terminal, as HTML or as JSON."""

from __future__ import annotations

import dataclasses
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.classifying import Model, Task, open_classifier
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, read_settings

if TYPE_CHECKING:
    from bot.training.measures.explanation import Explanation


def explain(
    task: Task,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to be explained.")],
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="attention (of networks that have it) or gradients.", show_default=False
        ),
    ] = "",
    label: Annotated[
        str, typer.Option(metavar="LABEL", help="Another label than the likeliest.", show_default=False)
    ] = "",
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the words shaded.", show_default=False),
    ] = None,
    model: Model = "",
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say how much each word spoke for a text's label, and how faithful that is.

    A faithful explanation has a low deletion score (the label goes away with its words) and a high
    insertion score (it comes back with them); both are mean probabilities of the label.
    """
    from bot.training.measures import explanation

    classifier = open_classifier(task, model, read_settings(config, data_dir))
    found = explanation.explain(classifier, text, method=method, label=label)
    if html:
        html.write_text(_page(text, found, label), encoding="utf-8")
    if json:
        print_json(_as_json(text, found))
    else:
        _print(text, found, label)


def _as_json(text: str, found: Explanation) -> dict[str, object]:
    return {
        "label": found.labels.label,
        "probabilities": {name: round(value, 4) for name, value in found.labels.probabilities},
        "tokens": [{"token": each.text, "score": round(each.score, 4)} for each in found.tokens],
        "words": [
            {"word": text[each.start : each.end], **_rounded(dataclasses.asdict(each))}
            for each in found.words
        ],
        "deletion": found.deletion,
        "insertion": found.insertion,
    }


def _rounded(weight: dict[str, float]) -> dict[str, float]:
    return weight | {"score": round(weight["score"], 4)}


def _print(text: str, found: Explanation, label: str) -> None:
    from rich.console import Console
    from rich.text import Text

    shown = Text(text)
    strongest = max((abs(word.score) for word in found.words), default=0.0) or 1.0
    for word in found.words:
        share = abs(word.score) / strongest
        colour = "green" if word.score > 0 else "red"
        if share >= 0.2:
            shown.stylize(f"bold {colour}" if share >= 0.6 else colour, word.start, word.end)
    console = Console(soft_wrap=True, highlight=False)
    chosen = label or found.labels.label
    console.print(f"{chosen} {found.labels.of(chosen):.3f}", markup=False)
    console.print(shown)
    for word in sorted(found.words, key=lambda each: -abs(each.score)):
        console.print(f"{word.score:+.3f}  {text[word.start : word.end]}", markup=False)
    console.print(f"deletion {found.deletion:.3f}, insertion {found.insertion:.3f}", markup=False)


def _page(text: str, found: Explanation, label: str) -> str:
    """The text as HTML: green speaks for the label, red against it."""
    strongest = max((abs(word.score) for word in found.words), default=0.0) or 1.0
    parts, place = [], 0
    for word in found.words:
        hue = 130 if word.score > 0 else 0
        style = f"background:hsl({hue} 70% 50% / {abs(word.score) / strongest:.2f})"
        parts.append(escape(text[place : word.start]))
        shown = escape(text[word.start : word.end])
        parts.append(f'<span style="{style}" title="{word.score:+.3f}">{shown}</span>')
        place = word.end
    chosen = label or found.labels.label
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(chosen)}</title>'
        f"<p><b>{escape(chosen)}</b> {found.labels.of(chosen):.3f}</p>"
        f"<p>{''.join(parts)}{escape(text[place:])}</p>\n"
    )
