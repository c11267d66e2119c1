"""`parley compress`: a smaller or quicker form of a classifier, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, print_json, print_table, read_settings

if TYPE_CHECKING:
    from bot.training.compression.compressing import Compression


def compress(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A classifier: its role, or its folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, which the worker loads.")],
    method: Annotated[str, typer.Option(metavar="NAME", help="int8, half, prune or distil.")],
    data: Annotated[Path, typer.Option(metavar="FILE", help="Labelled rows to measure on.")],
    share: Annotated[float, typer.Option(help="prune: the share of units that go.")] = 0.3,
    learn: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", show_default=False, help="distil: rows to learn from; may be repeated."),
    ] = None,
    sayings: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", show_default=False, help="distil: rows without labels."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="distil: the plan of the run.")
    ] = None,
    task: Annotated[
        str,
        typer.Option(help="How the rows name labels; found out by the model's labels.", show_default=False),
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Compress a classifier, and report its size, speed and accuracy before and after."""
    from dataclasses import asdict

    from bot.training.checkpoints.choosing import chosen_folder
    from bot.training.compression.compressing import Wish, compress

    settings = read_settings(config, None)
    wish = Wish(
        method=method,
        share=share,
        learn=learn or [],
        sayings=sayings or [],
        plan=plan,
        task=task or (model if not Path(model).is_dir() else ""),
    )
    found = compress(chosen_folder("intents", model, settings), out, wish, rows=data, limit=limit)
    if json:
        return print_json(asdict(found) | {"out": str(out)})
    return _print(found)


def _print(found: Compression) -> None:
    from dataclasses import asdict

    before, after = asdict(found.before), asdict(found.after)
    rows = [[name, str(before[name]), str(after[name])] for name in before]
    print_table([found.method, "before", "after"], [*rows, ["agreement", "", str(found.agreement)]])
    for note in found.notes:
        print(f"\n{note}")
