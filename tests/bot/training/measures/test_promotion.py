"""The gates before a version goes live."""

import json

import pytest

from bot.errors import BadInput
from bot.models import Labels
from bot.testing import FakeModels
from bot.training.measures.promotion import check_measurable, judge_version

WORDS = {"great": "positive", "awful": "negative", "house": "neutral"}
IDENTITIES = ("muslim", "gay", "christian")


class Two(FakeModels):
    """The live model knows the words, the version errs on a share of the texts, or on those of a group."""

    def __init__(self, *, errs_on="", served=()):
        super().__init__()
        self.errs_on = errs_on
        self.served = served

    def roles(self):
        return super().roles() | set(self.served)

    async def classify(self, texts, *, role="sentiment", **others):
        live = role.removesuffix(".candidate")
        answers = await super().classify(texts, role=live if live in super().roles() else "toxicity")
        if role == live or not self.errs_on:
            return answers
        return [
            _turned(each) if self.errs_on in text else each for text, each in zip(texts, answers, strict=True)
        ]


def _turned(labels):
    """The opposite of an answer."""
    names = [name for name, _ in labels.probabilities]
    values = [value for _, value in labels.probabilities]
    return Labels(tuple(zip(reversed(names), values, strict=True)))


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    texts = [(f"{word} {n:03}", label) for n in range(60) for word, label in WORDS.items()]
    file.write_text("".join(f"{json.dumps({'text': text, 'label': label})}\n" for text, label in texts))
    return file


@pytest.fixture
def slices(tmp_path):
    """Rows about groups: the harmless ones name them, too."""

    def make(column=None):
        file = tmp_path / "slices.jsonl"
        rows = []
        for n in range(120):
            term = IDENTITIES[n % 3]
            toxic = n % 2 == 0
            row = {"text": f"{'awful' if toxic else 'great'} {term} {n}", "label": "toxic" if toxic else "ok"}
            rows.append(row | ({column: f"group of {term}"} if column else {"template": "name_adj"}))
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return file

    return make


@pytest.fixture
def toxic_rows(tmp_path):
    file = tmp_path / "toxic.jsonl"
    rows = [{"text": f"{word} {n}", "label": label} for n in range(60) for word, label in TOXIC.items()]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


TOXIC = {"awful": "toxic", "great": "ok"}


async def test_a_version_that_does_as_well_passes(rows):
    verdict = await judge_version(Two(), "sentiment", rows, [], floors={})
    assert verdict.passed
    assert {gate.name for gate in verdict.gates} == {"accuracy", "macro_f1"}
    assert verdict.figures["rows.jsonl"]["n"] == 180
    assert json.dumps(verdict.shown())


async def test_one_that_is_really_worse_fails_and_the_number_is_told(rows):
    verdict = await judge_version(Two(errs_on="awful"), "sentiment", rows, [], floors={})
    assert not verdict.passed
    assert "accuracy is 0.66" in verdict.failed
    assert "live 1.0000" in verdict.failed


async def test_one_that_errs_by_chance_passes(rows):
    verdict = await judge_version(Two(errs_on="017"), "sentiment", rows, [], floors={})
    assert verdict.gates[0].value < 1.0
    assert verdict.passed


async def test_floors_go_instead_of_the_comparison(rows):
    worse = Two(errs_on="awful")
    assert (await judge_version(worse, "sentiment", rows, [], floors={"accuracy": 0.5})).passed
    verdict = await judge_version(worse, "sentiment", rows, [], floors={"macro_f1": 0.9, "accuracy": 0.5})
    assert [gate.passed for gate in verdict.gates] == [False, True]
    with pytest.raises(BadInput, match="no figure 'bleu' here"):
        await judge_version(worse, "sentiment", rows, [], floors={"bleu": 9.0})


@pytest.mark.parametrize("column", [None, "identity"])
async def test_groups_that_are_flagged_more_fail_the_slices(toxic_rows, slices, column):
    """By the words of the text, or by a column that names the group."""
    file = slices(column)
    same = await judge_version(Two(), "toxicity", toxic_rows, [file], floors={})
    assert same.passed
    assert {gate.name for gate in same.gates} >= {"worst_fpr_gap of slices.jsonl", "fpr_gaps of slices.jsonl"}
    biased = await judge_version(Two(errs_on="great muslim"), "toxicity", toxic_rows, [file], floors={})
    assert not biased.passed
    assert "worst_fpr_gap of slices.jsonl is 0.66" in biased.failed
    figures = biased.figures["slices.jsonl"]
    assert "muslim" in figures["worst_fpr_term"]
    assert figures["live_worst_fpr_gap"] == 0


async def test_what_cannot_be_compared_is_refused(rows, slices, tmp_path):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(rows.read_text().splitlines(keepends=True)[:9]))
    with pytest.raises(BadInput, match="9 rows tell nothing of a difference"):
        await judge_version(Two(), "sentiment", few, [], floors={})
    assert (await judge_version(Two(), "sentiment", few, [], floors={"accuracy": 0.5})).passed
    with pytest.raises(BadInput, match=r"Nothing is live in spam.*--at-least"):
        await judge_version(Two(), "spam", rows, [], floors={})
    with pytest.raises(BadInput, match="Slices are for toxicity and sentiment"):
        await judge_version(Two(served=["spam"]), "spam", slices(), [slices()], floors={"accuracy": 0.1})
    with pytest.raises(BadInput, match="no group of people is named"):
        await judge_version(Two(), "sentiment", rows, [rows], floors={})
    with pytest.raises(BadInput, match="--force REASON"):
        check_measurable("summary", "summarization")
