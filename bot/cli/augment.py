"""`parley augment`: more rows from the rows there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, print_json, print_table, read_settings


def augment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rows with text: .jsonl, .jsonl.gz or .csv.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where rows and copies go: .jsonl or .jsonl.gz.")],
    kinds: Annotated[
        str,
        typer.Option(
            help="Kinds of change, separated by commas: typos, keyboard, swaps, casing, obfuscation, "
            "identity, back-translation."
        ),
    ] = "typos,keyboard,swaps,casing,obfuscation",
    copies: Annotated[int, typer.Option(min=1, help="Copies of a row by each kind.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Where chance begins.")] = 1,
    translator: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="For back-translation: a model for both ways, or one for each; else the worker's.",
        ),
    ] = None,
    pivot: Annotated[str, typer.Option(help="The language that English takes a turn through.")] = "de",
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Write the rows of a file and altered copies of them, with the same labels."""
    from bot.training.variants.augmentation import BACK_TRANSLATION, Recipe, augment_file

    settings = read_settings(config, None)
    named = [each for kind in kinds.split(",") if (each := kind.strip())]
    rewriting = None
    if BACK_TRANSLATION in named:
        from bot.assembly import worker_options
        from bot.training.variants.paraphrasing import open_translator

        threads = settings.worker.threads or 1
        rewriting = open_translator(translator or [], worker_options(settings), threads=threads, pivot=pivot)
    recipe = Recipe(named, copies=copies, seed=seed, translator=rewriting)
    found = augment_file(file, out, recipe)
    if json:
        return print_json({"rows": found.rows, "made": dict(found.made), "out": str(out)})
    rows = [["read", str(found.rows)], *([kind, str(count)] for kind, count in found.made.items())]
    return print_table(["rows", "count"], rows)
