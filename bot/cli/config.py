"""`parley config`: check the settings, show them, write a sample."""

from __future__ import annotations

import typer

from bot.cli.options import ConfigFile, DataDir, read_settings

app = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Check the settings: each error with its key, its line and what to do."""
    from bot.errors import BadSettings
    from bot.loader import load_plugins

    settings = read_settings(config, data_dir)
    plugins = load_plugins(settings)
    broken = [f"plugin {plugin.name}: {plugin.broken}" for plugin in plugins.found.values() if plugin.broken]
    unused = [
        f"settings: plugin.{name}: no plugin of that name is loaded."
        for name in settings.plugin
        if name not in plugins.found
    ]
    if settings.router.fallback and settings.router.fallback not in plugins.skills:
        unused.append(
            f"settings: router.fallback: no skill {settings.router.fallback!r}; 'parley plugins' lists them."
        )
    if broken or unused:
        raise BadSettings("\n".join(broken + unused))
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
