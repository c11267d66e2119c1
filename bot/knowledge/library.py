"""The documents people may ask about: added, kept up to date, searched by words and by meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import BadInput
from bot.knowledge import files
from bot.knowledge.indexing import cut, embed, embed_texts, subject_of
from bot.knowledge.kinds import Kind
from bot.knowledge.parse import Parser
from bot.knowledge.search import Search
from bot.knowledge.section import HEADING_PATH, Parsed
from bot.knowledge.text import read_text
from bot.message import now
from bot.models import Models
from bot.passage import Passage
from storage import Document
from storage.knowledge import Knowledge as Shelf

LATE_BATCH = 256
SETTLED = timedelta(minutes=1)
UPLOAD = "upload:"


@dataclass(frozen=True, slots=True)
class LibraryOptions:
    """Limits: of one document in MiB, of the time in seconds and the memory in MiB to read it."""

    document_mb: int = 50
    parse_seconds: float = 60.0
    parse_memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding is: `done` of `total` files; `name` is the one at work, "" at the end."""

    done: int
    total: int
    name: str


@dataclass(slots=True)
class Report:
    """What adding or refreshing did, file by file. `skipped` counts files of other kinds."""

    added: list[Document] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """The library as one asker may see it: `bot.passage.Knowledge` over some scopes."""

    library: Library
    scopes: tuple[str, ...]

    async def search(self, question: str, *, limit: int = 5) -> list[Passage]:
        """The best passages first; by words alone while no model answers."""
        return await self.library.search(question, self.scopes, limit)

    async def is_empty(self) -> bool:
        """Whether there is nothing to search."""
        return not await self.library.documents(self.scopes)

    async def titles(self) -> list[str]:
        """The names of the documents, sorted."""
        return sorted({each.title for each in await self.library.documents(self.scopes)})

    async def read(self, title: str, *, limit: int = 500) -> list[Passage]:
        """The first passages of the document of this name in reading order; none when there is none."""
        found = [each for each in await self.library.documents(self.scopes) if each.title == title]
        return await self.library.read(found[0].id, limit) if found else []


class Library:
    """All documents of one database: `async with Library(store.knowledge, models) as library`."""

    def __init__(self, shelf: Shelf, models: Models, options: LibraryOptions | None = None) -> None:
        options = options or LibraryOptions()
        self._shelf = shelf
        self._models = models
        self._most = options.document_mb * 2**20
        self._parser = Parser(
            seconds=options.parse_seconds,
            memory_mb=options.parse_memory_mb,
            document_mb=options.document_mb,
        )
        self._search = Search(shelf, models)
        self._seen: dict[str, files.Look] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._parser.close()

    def view(self, scopes: Iterable[str]) -> View:
        """The library restricted to some scopes; "" is what everyone may read."""
        return View(self, tuple(scopes))

    async def documents(self, scopes: Collection[str] | None = None) -> list[Document]:
        """The documents of some scopes, or all of them with None, by scope and uri."""
        return [each for each in await self._shelf.documents(scopes) if each.passages]

    async def add_file(self, name: str, content: bytes, *, scope: str = "") -> Document:
        """Index an uploaded file; one of the same name and scope is replaced.

        Raises UnreadableDocument or TooLarge, and then changes nothing.
        """
        parsed = await self._parser.parse(name, content)
        return await self._put(f"{UPLOAD}{name}", scope, name, content, 0.0, parsed)

    async def add_text(self, key: str, title: str, text: str, *, scope: str = "") -> Document:
        """Index a text that is already at hand; one of the same key and scope is replaced."""
        _, sections = await asyncio.to_thread(read_text, text)
        parsed = Parsed("", Kind.TEXT.value, sections)
        return await self._put(f"{UPLOAD}{key}", scope, title, text.encode(), 0.0, parsed)

    async def add_paths(
        self, paths: Sequence[Path], *, scope: str = "", progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Index files and folders, and watch them from then on.

        Unchanged files are left alone; what vanished from a folder added before is removed. A file
        that cannot be read is told in `failed`, with the reason, and the rest goes on.
        """
        report = Report()
        known = {_place(each.uri): each for each in await self._shelf.documents([scope])}
        sources = await asyncio.to_thread(_sources, paths, report)
        for done, source in enumerate(sources):
            if progress:
                progress(Progress(done, len(sources), source.title))
            await self._add_source(source, scope, known.get(str(source.path)), report)
        if progress:
            progress(Progress(len(sources), len(sources), ""))
        given = {files.absolute(path) for path in paths}
        came = [each for each in known.values() if files.folder_of(each.uri) in given]
        await self._remove_gone(came, report)
        return report

    async def remove(self, document_id: int) -> bool:
        """Forget a document; False when there was none. A file of a watched folder does not come back."""
        for each in await self.documents():
            if each.id == document_id:
                await self._forget(each)
                return True
        return False

    async def refresh(self) -> Report:
        """Index files that changed, appeared in a watched folder or vanished; embed what waits for it."""
        report = Report()
        documents = await self._shelf.documents()
        await self._remove_gone(documents, report)
        for document in documents:
            if await asyncio.to_thread(self._may_have_changed, document):
                path = Path(_place(document.uri))
                source = files.Source(path, document.uri, document.title)
                await self._add_source(source, document.scope, document, report)
        await self._add_new(documents, report)
        await self._embed_late()
        await self._parser.rest()
        return report

    async def search(self, question: str, scopes: Collection[str], limit: int = 5) -> list[Passage]:
        """The best passages of the scopes first; by words alone while no model answers."""
        return await self._search.find(question, scopes, limit)

    async def read(self, document_id: int, limit: int) -> list[Passage]:
        """The first passages of a document in reading order, as if nothing was asked for."""
        return [
            Passage(str(each.id), each.document, each.heading, each.location, each.text, 0.0, None, 0.0)
            for each in await self._shelf.passages_of(document_id, limit)
        ]

    async def _add_source(
        self, source: files.Source, scope: str, known: Document | None, report: Report
    ) -> None:
        try:
            looked = await asyncio.to_thread(files.look, source.path)
            content = await asyncio.to_thread(files.read, source.path, self._most)
            self._remember(source.uri, looked)
            sha256 = await asyncio.to_thread(files.digest, content)
            if known is not None and known.passages and known.sha256 == sha256:
                report.unchanged.append(str(source.path))
                return
            parsed = await self._parser.parse(source.path.name, content)
        except BadInput as error:
            report.failed.append((str(source.path), str(error)))
            return
        uri, title = (known.uri, known.title) if known is not None else (source.uri, source.title)
        modified = looked.modified if looked else 0.0
        report.added.append(await self._put(uri, scope, title, content, modified, parsed))

    async def _put(
        self, uri: str, scope: str, title: str, content: bytes, modified: float, parsed: Parsed
    ) -> Document:
        passages = await embed(self._models, await asyncio.to_thread(cut, parsed, title))
        sha256 = await asyncio.to_thread(files.digest, content)
        facts = (title, parsed.media_type, sha256, len(content), modified)
        number = await self._shelf.put(uri, scope, *facts, passages)
        return Document(number, uri, scope, *facts, now(), len(passages))

    async def _forget(self, document: Document) -> None:
        """Drop a document; of a file in a watched folder an empty one stays, so that it is not added anew."""
        await self._shelf.remove(document.uri, document.scope)
        if files.folder_of(document.uri) is not None:
            facts = (document.title, document.media_type, document.sha256, document.size, document.modified)
            await self._shelf.put(document.uri, document.scope, *facts, [])
        self._search.forget()

    async def _remove_gone(self, documents: Sequence[Document], report: Report) -> None:
        for each in documents:
            if await asyncio.to_thread(files.is_gone, each.uri):
                await self._shelf.remove(each.uri, each.scope)
                self._search.forget()
                report.removed.append(_place(each.uri))

    def _may_have_changed(self, document: Document) -> bool:
        path = files.path_of(document.uri)
        looked = None if path is None else files.look(path)
        if looked is None or not document.passages:
            return False
        known = self._seen.get(document.uri, files.Look(document.size, document.modified))
        return known != looked

    def _remember(self, uri: str, looked: files.Look | None) -> None:
        if looked is not None:
            self._seen[uri] = looked

    async def _add_new(self, documents: Sequence[Document], report: Report) -> None:
        """Index what appeared in watched folders, unless somebody is just adding to them."""
        for scope in {each.scope for each in documents}:
            known = {_place(each.uri): each for each in documents if each.scope == scope}
            for folder in sorted(files.folders(each.uri for each in known.values())):
                came = [each for each in known.values() if files.folder_of(each.uri) == folder]
                if folder.is_dir() and max(each.added_at for each in came) < now() - SETTLED:
                    for source in (await asyncio.to_thread(files.find, folder))[0]:
                        if str(source.path) not in known and self._is_new(source):
                            await self._add_source(source, scope, None, report)

    def _is_new(self, source: files.Source) -> bool:
        """Whether a file was not tried before as it is now."""
        looked = files.look(source.path)
        return looked is not None and self._seen.get(source.uri) != looked

    async def _embed_late(self) -> None:
        """Give passages that were stored while no model answered their vectors."""
        while "embedding" in self._models.roles():
            waiting = await self._shelf.unembedded(LATE_BATCH)
            if not waiting:
                return
            subjects = [
                HEADING_PATH.join(filter(None, (subject_of(each.document), each.heading))) for each in waiting
            ]
            vectors = await embed_texts(self._models, subjects, [each.text for each in waiting])
            if vectors is None:
                return
            await self._shelf.set_vectors([each.id for each in waiting], vectors)
            self._search.forget()


def _sources(paths: Sequence[Path], report: Report) -> list[files.Source]:
    found: dict[str, files.Source] = {}
    for path in paths:
        try:
            sources, skipped = files.find(Path(path))
        except BadInput as error:
            report.failed.append((str(path), str(error)))
            continue
        report.skipped += skipped
        found |= {str(source.path): source for source in sources if str(source.path) not in found}
    return list(found.values())


def _place(uri: str) -> str:
    """What two uris of the same file have in common: its path; an upload's uri is itself."""
    path = files.path_of(uri)
    return uri if path is None else str(path)
