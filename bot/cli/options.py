"""What all commands share: where the settings and the data are, and how results are printed."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from bot.models import Models
    from bot.settings import LogSettings, Settings

READY_SECONDS = 90.0

Result = TypeVar("Result")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file (or PARLEY_CONFIG).", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Data folder (or PARLEY_DATA_DIR; default: data).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_settings(config: Path | None, data_dir: Path | None) -> Settings:
    """The settings in force, with logging set up by them."""
    from bot.settings import load_settings

    settings = load_settings(config, data_dir=data_dir)
    set_up_logging(settings.log)
    return settings


def set_up_logging(settings: LogSettings) -> None:
    """Log to standard error, one line each, never a message's text."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines() if settings.format == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for chatty in ("aiosqlite", "asyncio", "uvicorn", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """One JSON object per record: time, level, logger, message and, if any, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """Run one command's work on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


async def wait_for_models(models: Models) -> None:
    """Give the models time to load; without them everything works by words alone, and that is said."""
    from bot.errors import ModelError

    try:
        async with asyncio.timeout(READY_SECONDS):
            await models.ready()
    except (TimeoutError, ModelError):
        print(f"parley: working by words alone; models {models.status()}", file=sys.stderr)


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """Print rows for people, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty(), markup=False)
    console.print(table)
