"""Summaries are measured by ROUGE beside the first turns and words of each conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.evaluation import evaluate_summaries
from bot.evaluation.judging import judged
from bot.evaluation.rouge import Tokenizer, rouge
from bot.evaluation.summaries import left_out, points_of
from bot.settings import Settings
from bot.testing import FakeModels

DIALOGUE = """Ann: Hello Bob.
Bob: Hi.
Ann: Nice weather today.
Bob: The billing server fails every night.
Ann: We decided to replace the billing server on Friday.
Bob: The new billing server is faster."""


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


async def test_points_are_compared_with_summaries_by_people(tmp_path: Path) -> None:
    row = {"dialogue": DIALOGUE, "summary": "Ann and Bob replace the billing server on Friday."}
    several = {"dialogue": DIALOGUE, "summaries": [row["summary"], "They talk."]}
    figures = await evaluate_summaries(FakeModels(), write(tmp_path / "rows.jsonl", row, several))
    assert figures.n == 2
    assert figures.rouge1 > figures.baselines["lead-3"]["rouge1"] > 0
    assert figures.rougeL >= figures.rouge2 > 10
    assert figures.words > 0
    assert figures.reference_words == pytest.approx((9 + 9 + 2) / 3, abs=0.1)
    one = await evaluate_summaries(FakeModels(), tmp_path / "rows.jsonl", limit=1)
    assert one.n == 1


@pytest.mark.parametrize("row", [{"dialogue": "Ann: a"}, {"dialogue": "Ann: a", "summaries": []}])
async def test_rows_without_a_summary_are_told(tmp_path: Path, row: object) -> None:
    with pytest.raises(BadInput, match="Row 1: there must be a 'summary'"):
        await evaluate_summaries(FakeModels(), write(tmp_path / "rows.jsonl", row))


def test_rouge_is_that_of_words_and_their_order() -> None:
    """Worked out by hand: 3 of 4 and 3 of 3 words, 1 of 3 and 1 of 2 pairs, longest common sequence 2."""
    figures = rouge(["cats sat on mats"], [["on cats sat"]])
    assert figures == pytest.approx({"rouge1": 100 * 6 / 7, "rouge2": 40.0, "rougeL": 100 * 4 / 7}, abs=0.01)
    assert rouge(["a b"], [["c d", "a b"]])["rouge1"] == 100
    assert rouge([""], [["a b"]])["rouge1"] == 0


def test_chinese_is_compared_by_characters() -> None:
    assert Tokenizer().tokenize("周五发布 v2，Running") == ["周", "五", "发", "布", "v2", "run"]
    assert rouge(["周五发布"], [["发布周五"]]) == {
        "rouge1": 100.0,
        "rouge2": pytest.approx(66.67),
        "rougeL": 50.0,
    }


def test_points_are_read_without_headings_and_links() -> None:
    markdown = (
        "Summary of x.\n\n**Key points**\n\n- **Ann**: One (a) two. ([message](https://x/1))\n- Three. [2]"
    )
    assert points_of(markdown) == "Ann: One (a) two. Three."
    written = "- One. ([message](https://x/1), [message](https://x/2))\n- Two. [1][3]\n- Three. (Ann, Bob)"
    assert points_of(written) == "One. Two. Three. (Ann, Bob)"


async def test_summaries_in_a_models_words_are_told_apart(tmp_path: Path) -> None:
    models = FakeModels()
    told = "The billing server fails every night. The king of Norway is ill."
    models.summarize = lambda texts, **_: _answer([told for _ in texts])  # type: ignore[method-assign, assignment]
    rows = write(tmp_path / "rows.jsonl", {"dialogue": DIALOGUE, "summary": "The billing server fails."})
    quoted = await evaluate_summaries(models, rows)
    assert (quoted.written, quoted.left_out) == (0.0, 0.0)
    settings = Settings(plugin={"summarization": {"style": "written"}})
    written = await evaluate_summaries(models, rows, settings=settings)
    assert (written.written, written.left_out) == (100.0, 1.0)
    assert written.rouge1 > quoted.rouge1


async def _answer(texts: list[str]) -> list[str]:
    return texts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("*Written by x. One sentence is left out: nothing*", 1),
        ("*Written by x. 12 sentences are left out: nothing*", 12),
        ("*由x撰写。 略去3句：*", 3),
        ("*Written by x.*", 0),
    ],
)
def test_what_was_left_out_is_counted(text: str, count: int) -> None:
    assert left_out(text) == count


class Words:
    """A judge that tells the share of a text's words that are in the best reference, slowly but surely."""

    name = "words"

    def __init__(self, longest: int = 1000) -> None:
        self.longest = longest
        self.seen: list[Sequence[str]] = []

    def check(self, texts: Sequence[str]) -> None:
        if any(len(each) > self.longest for each in texts):
            raise BadInput("too long")

    def score(self, texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[dict[str, float]]:
        self.seen.append(texts)
        return [
            {"share": max(share(text, gold) for gold in golds), "length": float(len(text))}
            for text, golds in zip(texts, references, strict=True)
        ]


def share(text: str, gold: str) -> float:
    words = text.split()
    return sum(word in gold.split() for word in words) / len(words)


async def test_judges_add_figures_of_summaries_and_of_baselines(tmp_path: Path) -> None:
    row = {"dialogue": DIALOGUE, "summary": "Ann and Bob replace the billing server on Friday."}
    rows = write(tmp_path / "rows.jsonl", row, row)
    shown: dict[str, tuple[int, int]] = {}
    judge = Words()
    figures = await evaluate_summaries(
        FakeModels(),
        rows,
        judges=[judge],
        advance=lambda name, done, total: shown.update({name: (done, total)}),
    )
    lead = " ".join(DIALOGUE.split("\n")[:3])
    assert figures.baselines["lead-3"]["length"] == len(lead)
    assert figures.baselines["lead-3"]["share"] == pytest.approx(share(lead, row["summary"]), abs=1e-4)
    assert figures.learned["share"] > figures.baselines["lead-3"]["share"]
    assert figures.learned.keys() == {"share", "length"}
    assert shown == dict.fromkeys(("conversations", "words", "words lead-3", "words lead-150-words"), (2, 2))
    assert (await evaluate_summaries(FakeModels(), rows)).learned == {}


async def test_references_that_a_judge_cannot_take_are_told_before_anything_is_summed_up(
    tmp_path: Path,
) -> None:
    row = {"dialogue": DIALOGUE, "summary": "Ann and Bob replace the billing server on Friday."}
    judge = Words(longest=20)
    with pytest.raises(BadInput, match="too long"):
        await evaluate_summaries(FakeModels(), write(tmp_path / "rows.jsonl", row), judges=[judge])
    assert judge.seen == []


async def test_means_are_of_all_texts_however_many_are_judged_at_a_time() -> None:
    judge = Words()
    texts = ["a b"] * 64 + ["a c"] * 36
    found = await judged([judge], texts, [["a b"]] * 100)
    assert [len(each) for each in judge.seen] == [64, 36]
    assert found["share"] == pytest.approx(0.82)
