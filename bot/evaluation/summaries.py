"""Measure summaries on conversations whose summaries are known."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from bot.errors import BadInput
from bot.evaluation.judging import Judge, check_texts, judged
from bot.evaluation.questions import NoFiles, NoHistory, message_of
from bot.evaluation.rouge import rouge
from bot.evaluation.rows import Advance, Row, read_rows, since, work_on
from bot.loader import load_plugins
from bot.message import Reply
from bot.models import Models
from bot.passage import Passage
from bot.settings import Settings
from bot.skills import Context

SKILL = "summarize"
DEADLINE_SECONDS = 24 * 3600.0  # however many conversations wait, each is read by the models
LEAD_TURNS = 3
LEAD_WORDS = 150
POINT = re.compile(
    r"^- (.*?)(?: \(\[[^\]]*\]\([^)]*\)(?:(?:, |、)\[[^\]]*\]\([^)]*\))*\)| (?:\[\d+\])+)?$", re.MULTILINE
)
WRITTEN = re.compile(r"^\*(?:Written by|由)", re.MULTILINE)
LEFT_OUT = re.compile(r"(?:(One|\d+) sentences? (?:is|are) left out|略去(\d+)句)")


@dataclass(frozen=True, slots=True)
class SummaryFigures:
    """How near summaries come to those of people: ROUGE F1 in percent, over `n` conversations.

    `baselines` has the same figures for the first 3 turns and the first 150 words of each conversation.
    `words` is the mean length of a summary, `reference_words` that of those of people. `written` is the
    share of summaries in a model's own words, in percent, the others are quotations; `left_out` the mean
    number of sentences in a written one that nothing supports. `learned` are the figures of judges, which
    baselines have among theirs.
    """

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - its usual name
    n: int
    seconds: float
    words: float
    reference_words: float
    written: float
    left_out: float
    baselines: Mapping[str, Mapping[str, float]]
    learned: Mapping[str, float] = field(default_factory=dict)


async def evaluate_summaries(
    models: Models,
    file: Path,
    *,
    limit: int | None = None,
    advance: Advance | None = None,
    settings: Settings | None = None,
    judges: Sequence[Judge] = (),
) -> SummaryFigures:
    """Hand each dialogue of a file to the skill `summarize` as a pasted text, and compare its points.

    Rows have `dialogue` (a line for each turn, `speaker: text`) and `summary` or `summaries`. What is
    compared are all points of the answer with their speakers, without headings. `settings` are those of
    the bot whose skill it is. `judges` add figures of their own. Raises BadInput for a malformed file.
    """
    begun = time.monotonic()
    rows = read_rows(file, {"dialogue": str}, limit)
    references = [_references(row, number) for number, row in enumerate(rows, start=1)]
    leads = _leads([row["dialogue"] for row in rows])
    await check_texts(judges, [*references, *leads.values()])
    summarize = _summarizing(models, settings or Settings())
    answers = await work_on(summarize, rows, "conversations", advance)
    seconds = since(begun)
    summaries = [points_of(each) for each in answers]
    written = [each for each in answers if WRITTEN.search(each)]
    return SummaryFigures(
        **rouge(summaries, references),
        n=len(rows),
        seconds=seconds,
        words=_mean_words(summaries),
        reference_words=_mean_words([gold for golds in references for gold in golds]),
        written=round(100 * len(written) / max(1, len(answers)), 1),
        left_out=round(fmean([left_out(each) for each in written]), 2) if written else 0.0,
        baselines={
            name: rouge(texts, references)
            | await judged(judges, texts, references, name=name, advance=advance)
            for name, texts in leads.items()
        },
        learned=await judged(judges, summaries, references, advance=advance),
    )


def _summarizing(models: Models, settings: Settings) -> Callable[[Row], Awaitable[str]]:
    """What asks the skill to sum up the dialogue of a row."""
    plugins = load_plugins(settings)
    skill = plugins.skills[SKILL]

    async def summarize(row: Row) -> str:
        context = Context(
            message=message_of(""),
            models=models,
            knowledge=NoKnowledge(),
            history=NoHistory(),
            files=NoFiles(),
            deadline=DEADLINE_SECONDS,
            plugin_settings=plugins.settings_of(skill),
        )
        answer: Reply = await skill.function(context, row["dialogue"])  # type: ignore[misc]
        return answer.text

    return summarize


class NoKnowledge:
    """The knowledge of someone who has added nothing."""

    async def search(self, question: str, *, limit: int = 5) -> list[Passage]:
        return []

    async def is_empty(self) -> bool:
        return True

    async def titles(self) -> list[str]:
        return []

    async def read(self, title: str, *, limit: int = 500) -> list[Passage]:
        return []


def points_of(markdown: str) -> str:
    """The points of a summary in one line: its list, with the speakers, without links and bold type."""
    return " ".join(match[1].replace("**", "") for match in POINT.finditer(markdown))


def left_out(markdown: str) -> int:
    """How many sentences a written summary says it left out."""
    found = LEFT_OUT.search(markdown)
    count = (found[1] or found[2]) if found else "0"
    return 1 if count == "One" else int(count)


def _references(row: Row, number: int) -> Sequence[str]:
    golds = [row["summary"]] if isinstance(row.get("summary"), str) else row.get("summaries")
    if not isinstance(golds, list) or not golds or not all(isinstance(each, str) for each in golds):
        raise BadInput(f"Row {number}: there must be a 'summary' that is a text, or 'summaries'.")
    return golds


def _leads(dialogues: Sequence[str]) -> dict[str, list[str]]:
    """What stands at the beginning of each dialogue, by the names of the baselines."""
    return {
        "lead-3": [" ".join(each.split("\n")[:LEAD_TURNS]) for each in dialogues],
        "lead-150-words": [" ".join(each.split()[:LEAD_WORDS]) for each in dialogues],
    }


def _mean_words(texts: Sequence[str]) -> float:
    return round(fmean(len(text.split()) for text in texts), 1)
