"""`parley history`: search and export what was said."""

from __future__ import annotations

import json as jsonlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings, run_async

if TYPE_CHECKING:
    from storage import HistoryMessage

app = typer.Typer(help="Search and export conversations.", no_args_is_help=True)


@app.command()
def search(
    words: Annotated[
        list[str], typer.Argument(help='Words that must all occur; "quotes" keep a phrase together.')
    ],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most messages shown.")] = 20,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Find messages holding all the words, newest first."""
    from bot.assembly import open_database

    settings = read_settings(config, data_dir)

    async def look() -> list[HistoryMessage]:
        async with open_database(settings) as store:
            return await store.history.search(" ".join(words), conversations=None, limit=limit)

    found = run_async(look())
    if json:
        return print_json([_fields(message) for message in found])
    return print_table(
        ["when", "where", "who", "text"],
        [[f"{m.sent_at:%Y-%m-%d %H:%M}", m.conversation, m.author_name or m.author, m.text] for m in found],
    )


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; standard output when left out.")
    ] = None,
    conversation: Annotated[
        list[str] | None, typer.Option(help="Only this conversation; may be repeated.")
    ] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Write messages as JSON Lines, oldest first."""
    from bot.assembly import open_database

    settings = read_settings(config, data_dir)

    async def write(out: TextIO) -> int:
        count = 0
        async with open_database(settings) as store:
            async for message in store.history.export(conversation or None):
                out.write(jsonlib.dumps(_fields(message), ensure_ascii=False) + "\n")
                count += 1
        return count

    with nullcontext(sys.stdout) if file is None else file.open("w", encoding="utf-8") as out:
        print(f"{run_async(write(out))} messages exported.", file=sys.stderr)


def _fields(message: HistoryMessage) -> dict[str, object]:
    return {
        "key": message.key,
        "conversation": message.conversation,
        "role": message.role,
        "author": message.author,
        "author_name": message.author_name,
        "text": message.text,
        "sent_at": message.sent_at.isoformat(),
        "edited": message.edited,
        "deleted": message.deleted,
    }
