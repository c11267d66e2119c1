"""`parley config`: check the settings, show them, write a sample."""

from __future__ import annotations

import typer

from bot.cli.options import ConfigFile, DataDir, read_settings

app = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Check the settings: each error with its key, its line and what to do."""
    from bot.diagnosis import settings_problems
    from bot.errors import BadSettings

    if problems := settings_problems(read_settings(config, data_dir)):
        raise BadSettings("\n".join(problems))
    print("The settings are fine.")


@app.command()
def show(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Show the settings in force, passwords hidden."""
    from bot.toml import show as as_toml

    print(as_toml(read_settings(config, data_dir)), end="")


@app.command()
def sample() -> None:
    """Print a settings file with every setting, its description and its default."""
    from bot.toml import sample as as_toml

    print(as_toml(), end="")
