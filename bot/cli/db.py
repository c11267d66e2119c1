"""`parley db`: the state of the database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings, run_async

app = typer.Typer(help="Check and back up the database.", no_args_is_help=True)


@app.command()
def check(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Check integrity, count rows by state, and name what is not finished and why."""
    from bot.assembly import open_database

    settings = read_settings(config, data_dir)

    async def look() -> dict[str, object]:
        async with open_database(settings) as store:
            return asdict(await store.health())

    health = run_async(look())
    if json:
        print_json(health)
    else:
        _print_health(health)
    if health["integrity"] != "ok":
        raise typer.Exit(3)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write the copy.")],
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Copy the database to FILE while the bot runs."""
    from bot.assembly import open_database
    from bot.errors import BadInput

    if file.exists() or not file.parent.is_dir():
        raise BadInput(f"{file} must be a new file in a folder that exists.")
    settings = read_settings(config, data_dir)

    async def copy() -> None:
        async with open_database(settings) as store:
            await store.backup(file)

    run_async(copy())
    print(f"Copied to {file}.")


def _print_health(health: dict[str, object]) -> None:
    unfinished = health.pop("unfinished")
    print_table(["what", "state"], [[name, _words(value)] for name, value in health.items()])
    if isinstance(unfinished, tuple | list) and unfinished:
        print()
        print_table(
            ["unfinished", "state", "age", "why"],
            [[row["key"], row["state"], f"{row['age_seconds']:.0f} s", row["why"]] for row in unfinished],
        )


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{state} {count}" for state, count in value.items()) or "none"
    return str(value)
