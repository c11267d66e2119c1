"""Translations are measured by sacreBLEU, each direction by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.evaluation import evaluate_translations
from bot.evaluation.translations import score

pytest.importorskip("sacrebleu")


def row(source: str, target: str, language: str) -> dict[str, str]:
    return {"src": source, "tgt": target, "src_lang": "en", "tgt_lang": language}


ROWS = [
    row("The weather is nice today.", "Das Wetter ist heute schön.", "de"),
    row("I have three children.", "Ich habe drei Kinder und einen Hund.", "de"),
    row("The weather is nice today.", "今天天气真好。", "zh"),
]
ANSWERS = {
    ("The weather is nice today.", "de"): "Das Wetter ist heute schön.",
    ("I have three children.", "de"): "Ich habe drei Kinder.",
    ("The weather is nice today.", "zh"): "今天天气很好。",
}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


async def translate(texts: Sequence[str], target: str, source: str) -> list[str]:
    assert source == "en"
    return [ANSWERS[text, target] for text in texts]


async def test_each_direction_has_its_figures_and_tokenizer(tmp_path: Path) -> None:
    figures = await evaluate_translations(translate, write(tmp_path, *ROWS))
    german, chinese = figures.directions["en-de"], figures.directions["en-zh"]
    assert (figures.n, german.n, chinese.n) == (3, 2, 1)
    assert "tok:13a" in german.signature
    assert "tok:zh" in chinese.signature
    assert figures.signature == ""
    assert figures.bleu == pytest.approx((german.bleu + chinese.bleu) / 2, abs=0.01)
    assert 30 < german.bleu < 100
    assert 30 < chinese.bleu < 100
    assert german.chrf > german.bleu


async def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    long = {**ROWS[0], "src": "I have three children.", "tgt": ROWS[1]["tgt"]}
    one = await evaluate_translations(translate, write(tmp_path, ROWS[0], ROWS[1], long))
    two = await evaluate_translations(translate, write(tmp_path, long, ROWS[1], ROWS[0]))
    assert one.directions == two.directions


async def test_the_first_rows_alone(tmp_path: Path) -> None:
    figures = await evaluate_translations(translate, write(tmp_path, *ROWS), limit=1)
    assert (figures.n, figures.bleu) == (1, 100.0)
    assert "tok:13a" in figures.signature


async def test_a_malformed_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 2: 'tgt' must be a text"):
        await evaluate_translations(translate, write(tmp_path, ROWS[0], {"src": "a"}))


def test_perfect_is_a_hundred_and_nothing_right_is_nought() -> None:
    texts = ["A house stands on the hill.", "We are going home now."]
    assert score(texts, texts, "en").bleu == 100.0
    assert score(["x", "y"], texts, "en").bleu < 1


class Letters:
    """A judge that tells how much shorter a text is than its reference."""

    name = "letters"

    def check(self, texts: Sequence[str]) -> None:
        if "" in texts:
            raise BadInput("empty")

    def score(self, texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[dict[str, float]]:
        return [
            {"short": float(len(gold) - len(text))} for text, (gold,) in zip(texts, references, strict=True)
        ]


async def test_judges_add_figures_of_each_direction_and_their_mean(tmp_path: Path) -> None:
    figures = await evaluate_translations(translate, write(tmp_path, *ROWS), judges=[Letters()])
    assert figures.directions["en-de"].learned == {"short": (0 + len(" und einen Hund")) / 2}
    assert figures.directions["en-zh"].learned == {"short": 0.0}
    assert figures.learned == {"short": 3.75}
    with pytest.raises(BadInput, match="empty"):
        await evaluate_translations(translate, write(tmp_path, row("a", "", "de")), judges=[Letters()])
