"""`parley knowledge`: the documents people may ask about."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    print_json,
    print_table,
    read_settings,
    run_async,
    wait_for_models,
)

if TYPE_CHECKING:
    from bot.knowledge.library import Library, Progress, Report
    from bot.passage import Passage
    from bot.settings import Settings

app = typer.Typer(help="Add, search and remove documents.", no_args_is_help=True)


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; they are watched from then on.")],
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Index files and folders: md, txt, html, pdf, docx, csv, pptx, xlsx."""
    from bot.errors import BadInput

    if missing := [str(path) for path in paths if not path.exists()]:
        raise BadInput(f"no such file or folder: {', '.join(missing)}")
    settings = read_settings(config, data_dir)

    async def index() -> Report:
        async with _library(settings) as library:
            with _progress_bar(shown=not json) as show:
                return await library.add_paths(paths, progress=show)

    report = run_async(index())
    if json:
        print_json(_fields(report))
    else:
        _print_report(report)
    if report.failed and not (report.added or report.unchanged):
        raise BadInput("nothing was added: " + "; ".join(f"{name}: {why}" for name, why in report.failed))


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="A question or some words.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most passages shown.")] = 5,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Find the passages an answer would stand on, the best first."""
    settings = read_settings(config, data_dir)

    async def look() -> list[Passage]:
        async with _library(settings) as library:
            return await library.search(query, [""], limit)

    found = run_async(look())
    if json:
        return print_json([_passage(each) for each in found])
    return print_table(
        ["score", "document", "where", "text"],
        [
            [f"{p.score:.3f}", p.document, ", ".join(filter(None, (p.heading, p.location))), p.text]
            for p in found
        ],
    )


@app.command("list")
def list_documents(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """List the documents with their numbers."""
    from bot.assembly import open_database

    settings = read_settings(config, data_dir)

    async def look() -> list[dict[str, object]]:
        async with open_database(settings) as store:
            return [
                {
                    "id": each.id,
                    "title": each.title,
                    "uri": each.uri,
                    "scope": each.scope,
                    "passages": each.passages,
                }
                for each in await store.knowledge.documents()
                if each.passages
            ]

    rows = run_async(look())
    if json:
        return print_json(rows)
    return print_table(
        ["id", "title", "passages", "scope"],
        [[str(r["id"]), str(r["title"]), str(r["passages"]), str(r["scope"])] for r in rows],
    )


@app.command()
def remove(
    number: Annotated[int, typer.Argument(metavar="ID", help="The number 'parley knowledge list' shows.")],
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Forget a document and its passages."""
    from bot.errors import BadInput

    settings = read_settings(config, data_dir)

    async def forget() -> bool:
        async with _library(settings, wait=False) as library:
            return await library.remove(number)

    if not run_async(forget()):
        raise BadInput(f"there is no document {number}; 'parley knowledge list' shows them.")
    print("Removed.")


@asynccontextmanager
async def _library(settings: Settings, *, wait: bool = True) -> AsyncIterator[Library]:
    from bot.assembly import open_database, open_library, open_models

    async with (
        open_database(settings) as store,
        open_models(settings) as models,
        open_library(settings, store, models) as library,
    ):
        if wait:
            await wait_for_models(models)
        yield library


@contextmanager
def _progress_bar(*, shown: bool) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Bars(*columns, console=Console(file=sys.stderr), disable=not shown) as bars:
        bar = bars.add_task("", total=None)
        yield lambda progress: bars.update(
            bar, total=progress.total, completed=progress.done, description=progress.name
        )


def _fields(report: Report) -> dict[str, object]:
    return {
        "added": [{"id": d.id, "title": d.title, "uri": d.uri, "passages": d.passages} for d in report.added],
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": [{"file": name, "why": why} for name, why in report.failed],
        "skipped": report.skipped,
    }


def _print_report(report: Report) -> None:
    for document in report.added:
        print(f"{document.title}: {document.passages} passages")
    for name, why in report.failed:
        print(f"{name}: {why}", file=sys.stderr)
    words = [f"{len(report.added)} added"]
    words += [f"{len(report.unchanged)} unchanged"] if report.unchanged else []
    words += [f"{len(report.removed)} removed"] if report.removed else []
    words += [f"{len(report.failed)} failed"] if report.failed else []
    words += [f"{report.skipped} of other kinds skipped"] if report.skipped else []
    print(", ".join(words) + ".")


def _passage(passage: Passage) -> dict[str, object]:
    return {
        "id": passage.id,
        "document": passage.document,
        "heading": passage.heading,
        "location": passage.location,
        "text": passage.text,
        "score": passage.score,
        "similarity": passage.similarity,
        "coverage": passage.coverage,
    }
