"""Documents in a new database, for one measurement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from bot.evaluation.rows import Advance, work_on
from bot.knowledge.library import Library
from bot.models import Models
from storage import Store, open_store


@asynccontextmanager
async def open_shelf(models: Models) -> AsyncIterator[tuple[Library, Store]]:
    """An empty library, and its database; both are gone afterwards."""
    with TemporaryDirectory(prefix="parley-evaluation-") as folder:
        async with (
            open_store(f"sqlite:///{folder}/evaluation.sqlite") as store,
            Library(store.knowledge, models) as library,
        ):
            yield library, store


async def index(library: Library, documents: Sequence[tuple[str, str, str]], advance: Advance | None) -> None:
    """Add documents: key, title, text."""

    async def add(document: tuple[str, str, str]) -> None:
        key, title, text = document
        await library.add_text(key, title or key, text)

    await work_on(add, documents, "documents", advance)
