"""Fit the weights of `plugins/qa/support.py`: is an answer in the documents, or are they about other things?

    python tests/benchmarks/fit_support.py [FOLDER]

FOLDER holds the research data (default: `../shared/data` beside the repository). Worlds are made in
which half of the titles of a data set are indexed and the questions about the other half have no
answer; questions of other domains (banking, small talk, medicine, the other language) have none either.
Weights come from the training files alone; the table is of the development files.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bot.errors import WorkerUnavailable
from bot.evaluation import NoHistory, message_of
from bot.knowledge.library import Library
from bot.skills import Context
from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions
from plugins.qa.evidence import gather
from plugins.qa.support import CJK_WORDS, ENGLISH_WORDS, MEANING, formula
from storage import open_store

MOST = 300
RIDGE = 1e-3
Row = dict[str, Any]


@dataclass
class World:
    """What is indexed, and questions that have an answer in it or none."""

    name: str
    contexts: dict[str, str]
    answerable: list[str]
    absent: list[str]


class Down:
    """Models that never answer."""

    def roles(self) -> frozenset[str]:
        return frozenset()

    async def ready(self) -> None:
        return

    async def embed(self, texts: Sequence[str], **_: object) -> Any:
        raise WorkerUnavailable("There is no worker.")


def worlds(folder: Path, part: str) -> Iterator[World]:
    """The worlds of one part of the data, `train` or `dev`."""
    squad, chinese, talks = (
        rows(folder / f"qa/{name}.{part}.jsonl.gz") for name in ("en_squad", "zh_cmrc", "en_doc2dial")
    )
    first = [row for row in talks if not row["history"]]
    chat = texts(folder / f"intents/en_clinc150.{part}.jsonl.gz", "text", 200)
    bank = texts(folder / f"intents/en_banking77.{part}.jsonl.gz", "text", 100)
    medicine = texts(folder / "qa/en_pubmedqa.train.jsonl.gz", "question", 100)
    one, other = halves(squad)
    yield world("squad, first half", one, one, [row["question"] for row in other])
    yield world("squad, second half", other, other, [row["question"] for row in one])
    yield world("squad, other domains", squad, squad, [*chat, *bank, *medicine])
    few = {row["title"] for row in one[:1]}
    small = [row for row in squad if row["title"] in few]
    yield world(
        "squad, one title", small, small, [row["question"] for row in squad if row["title"] not in few]
    )
    one, other = halves(chinese)
    yield world("cmrc, first half", one, one, [row["question"] for row in other])
    tenth = [row for row in one if row["title"] in {each["title"] for each in one[:60]}]
    yield world("cmrc, some titles", tenth, tenth, [row["question"] for row in [*other, *squad]])
    one, other = halves(talks)
    asked = [row for row in first if row in one]
    yield world("doc2dial, first half", one, asked, [*chat, *bank, *(row["question"] for row in squad[:200])])
    everything = [*squad, *chinese, *talks]
    yield world("all three", everything, [*sample(squad), *sample(chinese), *sample(first)], [*chat, *bank])


def world(name: str, indexed: Sequence[Row], asked: Sequence[Row], absent: Sequence[str]) -> World:
    """A world with at most 300 questions of each kind."""
    contexts = {row["context"]: row.get("title") or "" for row in indexed}
    return World(name, contexts, [row["question"] for row in sample(asked)], sample(absent))


def halves(found: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows parted by title at random; always the same parts."""
    titles = sorted({row["title"] for row in found})
    random.Random(3).shuffle(titles)
    one = set(titles[: len(titles) // 2])
    return [row for row in found if row["title"] in one], [row for row in found if row["title"] not in one]


def sample(found: Sequence[Any]) -> list[Any]:
    """At most 300, at random; always the same ones."""
    return random.Random(1).sample(list(found), min(MOST, len(found)))


def rows(file: Path) -> list[Row]:
    """The rows of a file."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(file: Path, name: str, most: int) -> list[str]:
    """A field of some rows at random."""
    return [row[name] for row in random.Random(2).sample(rows(file), most)]


async def features(models: Any, each: World) -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
    """For every question the weights it falls under, its features, and 1 when it has an answer."""
    with TemporaryDirectory() as folder:
        async with (
            open_store(f"sqlite:///{folder}/fit.sqlite") as store,
            Library(store.knowledge, models) as library,
        ):
            async with asyncio.TaskGroup() as group:
                for number, (text, title) in enumerate(each.contexts.items()):
                    group.create_task(library.add_text(str(number), title or str(number), text))
            waiting = asyncio.Semaphore(16)

            async def look(question: str, answerable: int) -> Any:
                async with waiting:
                    context = Context(message_of(question), models, library.view([""]), NoHistory())
                    evidence = await gather(context, question, passages=5)
                return (*formula(evidence), answerable) if evidence.sentences else None

            asked = [(question, 1) for question in each.answerable] + [
                (question, 0) for question in each.absent
            ]
            found = await asyncio.gather(*(look(*one) for one in asked))
    return [one for one in found if one is not None]


def fit(values: np.ndarray[Any, Any], answers: np.ndarray[Any, Any]) -> list[float]:
    """Logistic regression by Newton's method, a little ridge, both answers weighing the same."""
    design = np.column_stack([np.ones(len(values)), values])
    balance = np.where(answers == 1, 0.5 / answers.mean(), 0.5 / (1 - answers.mean()))
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (balance * (chance - answers)) + RIDGE * len(answers) * weights
        curve = design.T @ (design * (balance * chance * (1 - chance))[:, None])
        weights -= np.linalg.solve(curve + RIDGE * len(answers) * np.eye(len(weights)), slope)
    return [round(float(weight), 2) for weight in weights]


async def main(folder: Path) -> None:
    """Print the weights and how they do."""
    with TemporaryDirectory() as run_dir:
        async with WorkerClient(WorkerOptions(threads=2), Path(run_dir)) as models:
            for part in ("train", "dev"):
                gathered: dict[Any, list[Any]] = {}
                for each in worlds(folder, part):
                    for name, engine in (("with models", models), ("words alone", Down())):
                        for weights, values, answerable in await features(engine, each):
                            gathered.setdefault(weights, []).append((name, each.name, values, answerable))
                    print(part, each.name, flush=True, file=sys.stderr)
                if part == "train":
                    fitted = fit_all(gathered)
                report(gathered, fitted)


def fit_all(gathered: dict[Any, list[Any]]) -> dict[Any, list[float]]:
    """New weights for each formula."""
    names = {MEANING: "MEANING", ENGLISH_WORDS: "ENGLISH_WORDS", CJK_WORDS: "CJK_WORDS"}
    fitted = {}
    for weights, found in gathered.items():
        values = np.array([one[2] for one in found])
        fitted[weights] = fit(values, np.array([one[3] for one in found]))
        print(names[weights], tuple(fitted[weights]))
    return fitted


def report(gathered: dict[Any, list[Any]], fitted: dict[Any, list[float]]) -> None:
    """Shares refused by world, at thresholds 0.3, 0.4 and 0.5: of the absent high, of the others low."""
    places = {one[:2] for found in gathered.values() for one in found}
    for place in sorted(places):
        chances: dict[int, list[float]] = {0: [], 1: []}
        for weights, found in gathered.items():
            for one in found:
                if one[:2] == place:
                    score = fitted[weights][0] + float(np.dot(fitted[weights][1:], one[2]))
                    chances[one[3]].append(1 / (1 + np.exp(-score)))
        shares = [
            "/".join(f"{np.mean(np.array(chances[answer]) < least):.3f}" for least in (0.3, 0.4, 0.5))
            for answer in (0, 1)
        ]
        print(f"{place[0]:12} {place[1]:22} refused: absent {shares[0]}, answerable {shares[1]}")


if __name__ == "__main__":
    given: Callable[[int], Path] = lambda at: Path(sys.argv[at])  # noqa: E731
    asyncio.run(main(given(1) if len(sys.argv) > 1 else Path(__file__).parents[3] / "shared" / "data"))
