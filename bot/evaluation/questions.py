"""Measure question answering on files of questions with known answers."""

from __future__ import annotations

import re
import string
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean

from bot.errors import BadInput
from bot.evaluation.rows import Advance, Row, read_rows, since, work_on
from bot.evaluation.shelf import index, open_shelf
from bot.knowledge.words import UNSPACED
from bot.loader import load_plugins
from bot.message import Attachment, Author, Channel, Message, Priority, Reply, now
from bot.models import Models
from bot.router import Decision
from bot.settings import Settings
from bot.skills import Context, Said

SKILL = "ask"
MARK = re.compile(r" ?\[\d+\]")
BOLD = re.compile(r"\*\*(.+?)\*\*(\n|$)")
ARTICLE = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}，。、；：？！“”‘’「」『』《》〈〉（）【】…—·～]")
TOKEN = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """How well questions were answered. `exact_match` and `f1` in percent, the shares of all `n`."""

    exact_match: float
    f1: float
    answer_in_citation: float
    abstained: float
    n: int
    seconds: float


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
    async with open_shelf(models) as (library, _):
        await models.ready()
        await index(
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
                files=NoFiles(),
                plugin_settings=plugins.settings_of(skill),
            )
            answer: Reply = await skill.function(context, row["question"])  # type: ignore[misc]
            return answer

        replies = await work_on(ask, rows, "questions", advance)
    judged = [_judge(row, reply) for row, reply in zip(rows, replies, strict=True)]
    exact, f1, cited, abstained = (fmean(each) for each in zip(*judged, strict=True))
    return QuestionFigures(
        round(100 * exact, 2),
        round(100 * f1, 2),
        round(cited, 4),
        round(abstained, 4),
        len(rows),
        since(begun),
    )


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """How well answers were found in the right passage. `exact_match` and `f1` in percent, `answered` the
    share of all `n` questions for which the reader saw an answer at all.
    """

    exact_match: float
    f1: float
    answered: float
    n: int
    seconds: float


async def evaluate_reader(
    models: Models, file: Path, *, limit: int | None = None, advance: Advance | None = None
) -> ReaderFigures:
    """Have the reader find the answer to each question of a file in its own passage.

    A row without answers is right when none is found. Raises BadInput for a malformed file.
    """
    begun = time.monotonic()
    rows = read_rows(file, {"question": str, "context": str, "answers": list}, limit)

    async def ask(row: Row) -> str:
        (span,) = await models.extract(row["question"], [row["context"]], priority=Priority.BACKGROUND)
        return span.text

    answers = await work_on(ask, rows, "questions", advance)
    judged = [_score(answer, row["answers"]) for answer, row in zip(answers, rows, strict=True)]
    exact, f1 = (fmean(each) for each in zip(*judged, strict=True))
    answered = fmean(float(answer != "") for answer in answers)
    return ReaderFigures(
        round(100 * exact, 2), round(100 * f1, 2), round(answered, 4), len(rows), since(begun)
    )


def answer_of(reply: Reply) -> str:
    """What a reply says is the answer: the words in bold that it begins with, else all of it."""
    text = MARK.sub("", reply.text)
    bold = BOLD.match(text)
    return bold[1] if bold else text


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

    async def quoted(self) -> Said | None:
        return None

    async def since(self, key: str, limit: int = 500) -> list[Said]:
        return []

    async def between(self, start: datetime, end: datetime | None = None, limit: int = 500) -> list[Said]:
        return []

    async def linked(self, address: str, limit: int = 500) -> list[Said]:
        return []

    async def last_by_asker(self) -> Said | None:
        return None

    def of_channel(self) -> NoHistory:
        return self

    async def last_decision(self) -> Decision | None:
        return None


class NoFiles:
    """The files of a message that has none."""

    async def read(self, attachment: Attachment) -> bytes:
        raise BadInput(f"There is no file {attachment.name!r}.")


def _judge(row: Row, reply: Reply) -> tuple[float, float, float, float]:
    """Exact match, F1, whether a cited passage holds an answer, whether none was given."""
    if not reply.citations:
        return 0.0, 0.0, 0.0, 1.0
    cited = [normalised(citation.text) for citation in reply.citations]
    holds = any(normalised(str(gold)) in text for gold in row["answers"] for text in cited)
    return (*_score(answer_of(reply), row["answers"]), float(holds), 0.0)


def _score(answer: str, golds: Sequence[object]) -> tuple[float, float]:
    """Exact match and F1 against the best of the right answers; without any, whether nothing was said."""
    if not golds:
        return (float(not answer),) * 2
    return (
        float(any(same(answer, str(gold)) for gold in golds)),
        max(overlap(answer, str(gold)) for gold in golds),
    )
