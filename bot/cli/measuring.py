"""What the commands that measure have in common: the models they ask, the bar, the table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot.cli.options import print_json, print_table, run_async

if TYPE_CHECKING:
    from bot.models import Models
    from bot.settings import Settings

Limit = Annotated[
    int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
]
READY_SECONDS = 120.0

Advance = Callable[[str, int, int], None]
Asked = TypeVar("Asked")
Figures = TypeVar("Figures")


def measured(
    opened: AbstractAsyncContextManager[Asked], measure: Callable[[Asked, Advance], Awaitable[Figures]]
) -> Figures:
    """What `measure` finds out of what is opened for it, with a bar that shows how far it is."""

    async def work() -> Figures:
        with progress_bar() as show:
            async with opened as asked:
                return await measure(asked, show)

    return run_async(work())


@asynccontextmanager
async def ready_models(settings: Settings) -> AsyncIterator[Models]:
    """The model worker once its encoder is loaded."""
    async with opened_models(settings) as models:
        async with asyncio.timeout(READY_SECONDS):
            await models.ready()
        if "embedding" not in models.roles():
            print("No models answer: this measures search by words alone.", file=sys.stderr)
        yield models


@asynccontextmanager
async def opened_models(settings: Settings) -> AsyncIterator[Models]:
    """The model worker with a run folder of its own: measuring touches no data of the bot's."""
    from bot.assembly import open_models

    with TemporaryDirectory(prefix="parley-evaluation-") as folder:
        async with open_models(settings, place=Path(folder)) as models:
            yield models


@contextmanager
def progress_bar() -> Iterator[Advance]:
    """A bar for each name that work is reported under, on the error output."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr)) as bars:
        known: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=total)
            bars.update(known[name], completed=done)

        yield show


def print_figures(figures: dict[str, Any], *, json: bool) -> None:
    """Figures as JSON, or as a table of two columns."""
    if json:
        print_json(figures)
    else:
        print_table(["figure", "value"], [[name, str(value)] for name, value in figures.items()])
