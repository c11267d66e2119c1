"""Measure question answering and retrieval on files of questions with known answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import string
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeVar

from bot.errors import BadInput
from bot.knowledge.library import Library
from bot.knowledge.words import UNSPACED
from bot.loader import load_plugins
from bot.message import Author, Channel, Message, Reply, now
from bot.models import Models
from bot.router import Decision
from bot.settings import Settings
from bot.skills import Context, Said
from storage import Store, open_store

IN_FLIGHT = 16
SKILL = "ask"
DEPTH = 100
MARK = re.compile(r" ?\[\d+\]")
ARTICLE = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}，。、；：？！“”‘’「」『』《》〈〉（）【】…—·～]")
TOKEN = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")

Row = Mapping[str, Any]
Advance = Callable[[str, int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """How well questions were answered. `exact_match` and `f1` in percent, the shares of all `n`."""

    exact_match: float
    f1: float
    answer_in_citation: float
    abstained: float
    n: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """How well documents were found: shares of the `n` queries, and the mean reciprocal rank up to 10."""

    recall_at_1: float
    recall_at_5: float
    mrr_at_10: float
    n: int
    seconds: float

    def as_json(self) -> dict[str, float]:
        """With the usual names, such as `recall@1`."""
        return {
            "recall@1": self.recall_at_1,
            "recall@5": self.recall_at_5,
            "mrr@10": self.mrr_at_10,
            "n": self.n,
            "seconds": self.seconds,
        }


async def evaluate_questions(
    models: Models, file: Path, *, limit: int | None = None, advance: Advance | None = None
) -> QuestionFigures:
    """Index the contexts of a file in a new database, and ask every question through the skill `ask`.

    `limit` takes only the first questions; their contexts alone are indexed. `advance` is called with
    what is done, how many of it and of how many. Raises BadInput for a malformed file.
    """
    begun = time.monotonic()
    rows = read_rows(file, {"question": str, "context": str, "answers": list}, limit)
    contexts = {row["context"]: str(row.get("title") or "") for row in rows}
    async with _library(models) as (library, _):
        await models.ready()
        await _index(
            library, [(str(n), title, text) for n, (text, title) in enumerate(contexts.items())], advance
        )
        plugins = load_plugins(Settings())
        skill = plugins.skills[SKILL]

        async def ask(row: Row) -> Reply:
            context = Context(
                message=message_of(row["question"]),
                models=models,
                knowledge=library.view([""]),
                history=NoHistory(),
                plugin_settings=plugins.settings_of(skill),
            )
            answer: Reply = await skill.function(context, row["question"])  # type: ignore[misc]
            return answer

        replies = await _all(ask, rows, "questions", advance)
    judged = [_judge(row, reply) for row, reply in zip(rows, replies, strict=True)]
    exact, f1, cited, abstained = (fmean(each) for each in zip(*judged, strict=True))
    return QuestionFigures(
        round(100 * exact, 2),
        round(100 * f1, 2),
        round(cited, 4),
        round(abstained, 4),
        len(rows),
        _since(begun),
    )


async def evaluate_retrieval(
    models: Models,
    corpus: Path,
    queries: Path,
    *,
    limit: int | None = None,
    advance: Advance | None = None,
) -> RetrievalFigures:
    """Index a corpus in a new database and rank its documents, by their best passage, for every query."""
    begun = time.monotonic()
    texts = read_rows(corpus, {"id": str, "text": str})
    documents = [(row["id"], str(row.get("title") or ""), row["text"]) for row in texts]
    asked = read_rows(queries, {"text": str, "relevant": list}, limit)
    async with _library(models) as (library, store):
        await models.ready()
        await _index(library, documents, advance)

        async def rank(row: Row) -> int:
            passages = await library.search(row["text"], [""], DEPTH)
            found = await store.knowledge.passages([int(each.id) for each in passages])
            ranking = list(dict.fromkeys(each.uri.partition(":")[2] for each in found))
            return next((place for place, key in enumerate(ranking, start=1) if key in row["relevant"]), 0)

        places = await _all(rank, asked, "queries", advance)
    return RetrievalFigures(
        round(fmean(place == 1 for place in places), 4),
        round(fmean(1 <= place <= 5 for place in places), 4),
        round(fmean(1 / place if 1 <= place <= 10 else 0.0 for place in places), 4),
        len(places),
        _since(begun),
    )


def read_rows(file: Path, fields: Mapping[str, type], limit: int | None = None) -> list[Row]:
    """The rows of a file of JSON lines, plain or gzipped. Raises BadInput with the number of a bad line."""
    rows: list[Row] = []
    try:
        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                rows.append(_row(line, f"{file}, line {number}", fields))
            if limit is not None and len(rows) >= limit:
                break
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadInput(f"{file}: it cannot be read as .jsonl or .jsonl.gz ({error}).") from None
    if not rows:
        raise BadInput(f"{file}: there are no rows in it.")
    return rows


def same(answer: str, gold: str) -> bool:
    """Whether two answers are the same after SQuAD's normalisation."""
    return normalised(answer) == normalised(gold)


def overlap(answer: str, gold: str) -> float:
    """F1 of the words two answers share (SQuAD v1.1); every Chinese character counts as a word."""
    ours, theirs = TOKEN.findall(normalised(answer)), TOKEN.findall(normalised(gold))
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


def normalised(text: str) -> str:
    """Lower case, without punctuation and articles, single spaces (SQuAD v1.1); Chinese without spaces."""
    bare = ARTICLE.sub(" ", PUNCTUATION.sub("", text.lower()))
    spaced = " ".join(bare.split())
    return re.sub(rf"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])", "", spaced)


def message_of(text: str) -> Message:
    """A direct message of nobody in particular."""
    channel = Channel("evaluation", "room", is_direct=True)
    return Message("evaluation", channel, Author("evaluation"), text, now())


class NoHistory:
    """The history of someone who has said nothing yet."""

    async def recent(self, limit: int = 50) -> list[Said]:
        return []

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        return []

    async def last_decision(self) -> Decision | None:
        return None


@asynccontextmanager
async def _library(models: Models) -> AsyncIterator[tuple[Library, Store]]:
    with TemporaryDirectory(prefix="parley-evaluation-") as folder:
        async with (
            open_store(f"sqlite:///{folder}/evaluation.sqlite") as store,
            Library(store.knowledge, models) as library,
        ):
            yield library, store


async def _index(
    library: Library, documents: Sequence[tuple[str, str, str]], advance: Advance | None
) -> None:
    async def add(document: tuple[str, str, str]) -> None:
        key, title, text = document
        await library.add_text(key, title or key, text)

    await _all(add, documents, "documents", advance)


async def _all(
    work: Callable[[Any], Awaitable[T]], items: Sequence[Any], name: str, advance: Advance | None
) -> list[T]:
    """The results in order, a few at a time, so that the worker's batches fill."""
    waiting = asyncio.Semaphore(IN_FLIGHT)
    done = 0

    async def one(item: Any) -> T:
        nonlocal done
        async with waiting:
            result = await work(item)
        done += 1
        if advance:
            advance(name, done, len(items))
        return result

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(item)) for item in items]
    return [each.result() for each in running]


def _judge(row: Row, reply: Reply) -> tuple[float, float, float, float]:
    """Exact match, F1, whether a cited passage holds an answer, whether none was given."""
    if not reply.citations:
        return 0.0, 0.0, 0.0, 1.0
    answer = MARK.sub("", reply.text)
    golds = [str(gold) for gold in row["answers"]]
    cited = [normalised(citation.text) for citation in reply.citations]
    return (
        float(any(same(answer, gold) for gold in golds)),
        max((overlap(answer, gold) for gold in golds), default=0.0),
        float(any(normalised(gold) in text for gold in golds for text in cited)),
        0.0,
    )


def _lines(file: Path) -> Iterator[str]:
    opener: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else Path.open
    with opener(file, "rt", encoding="utf-8") as lines:
        yield from lines


def _row(line: str, place: str, fields: Mapping[str, type]) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: this is no JSON ({error.msg}).") from None
    if not isinstance(row, dict):
        raise BadInput(f"{place}: each line must be a JSON object.")
    for name, kind in fields.items():
        if not isinstance(row.get(name), kind):
            wanted = "a text" if kind is str else "a list"
            raise BadInput(f"{place}: {name!r} must be {wanted}.")
    return row


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)
