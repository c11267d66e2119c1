"""Word error rates are counted as others count them, on folders and archives, whatever is in them."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from bot.errors import BadInput, WorkerUnavailable
from bot.evaluation import evaluate_speech
from bot.evaluation.speech import word_error_rate, words_of
from bot.testing.fakes import FakeModels

pytest.importorskip("jiwer")

ROWS = [
    {"file": "audio/1.wav", "text": "The quick, brown fox."},
    {"file": "audio/2.wav", "text": "It’s 5 o'clock!"},
]


@pytest.fixture
def models() -> FakeModels:
    """Hears the first recording right but for a word, and of the second one word too many."""
    models = FakeModels()
    models.heard = {b"1" * 3000: "the QUICK brown box", b"2" * 1000: "it's 5 o'clock now"}
    return models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    (folder / "audio").mkdir(parents=True)
    (folder / "audio" / "1.wav").write_bytes(b"1" * 3000)
    (folder / "audio" / "2.wav").write_bytes(b"2" * 1000)
    describe(folder, ROWS)
    return folder


def describe(folder: Path, rows: list[dict[str, str]]) -> None:
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))


def packed(folder: Path) -> Path:
    archive = folder.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz") as written:
        written.add(folder, ".")
    return archive


def test_texts_are_compared_by_their_words() -> None:
    assert words_of("Hello,  WORLD — it’s 5_000!") == "hello world it's 5 000"
    assert words_of("Größe：好") == "größe 好"
    assert words_of("…") == ""


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        (["a b c d"], ["a b c d"], 0.0),
        (["a b c d"], ["a x c"], 0.5),
        (["a b c d"], [""], 1.0),
        (["a"], ["a b c"], 2.0),
        (["a b c", "d"], ["a b c", "x"], 0.25),
    ],
)
def test_the_rate_is_over_all_words_together(said: list[str], heard: list[str], rate: float) -> None:
    assert word_error_rate(said, heard) == pytest.approx(rate)


@pytest.mark.parametrize("place", ["folder", "archive"])
async def test_figures(models: FakeModels, folder: Path, place: str) -> None:
    steps: list[tuple[str, int, int]] = []
    figures = await evaluate_speech(
        models,
        folder if place == "folder" else packed(folder),
        advance=lambda *step: steps.append(step),
    )
    assert figures.wer == pytest.approx(2 / 7, abs=1e-4)
    assert (figures.n, figures.audio_seconds) == (2, 4.0)
    assert figures.real_time_factor == pytest.approx(figures.seconds / 4, abs=1e-3)
    assert steps == [("recordings", 1, 2), ("recordings", 2, 2)]
    limited = await evaluate_speech(models, folder, limit=1)
    assert dataclasses.replace(limited, seconds=0).wer == 0.25


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"file": "audio/1.wav"}, "line 1: 'text' must be a text"),
        ({"file": "audio/1.wav", "text": "?!"}, "holds no words"),
        ({"file": "audio/9.wav", "text": "a"}, "no file 'audio/9.wav'"),
        ({"file": "../secret", "text": "a"}, "leads out of its folder"),
        ({"file": "/etc/passwd", "text": "a"}, "leads out of its folder"),
    ],
)
async def test_malformed_rows_are_told(
    models: FakeModels, folder: Path, row: dict[str, str], words: str
) -> None:
    describe(folder, [row])
    with pytest.raises(BadInput, match=words):
        await evaluate_speech(models, folder)


async def test_missing_and_broken_places(models: FakeModels, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        await evaluate_speech(models, tmp_path / "none.tar.gz")
    with pytest.raises(BadInput, match=r"metadata\.jsonl: there is no such file"):
        await evaluate_speech(models, tmp_path)
    (tmp_path / "broken.tar.gz").write_bytes(b"no archive")
    with pytest.raises(BadInput, match=r"cannot be read as \.tar\.gz"):
        await evaluate_speech(models, tmp_path / "broken.tar.gz")


async def test_an_archive_writes_nowhere_else(models: FakeModels, tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as written:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        written.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(BadInput, match="leads out"):
        await evaluate_speech(models, archive)


async def test_models_that_cannot_are_told_plainly(models: FakeModels, folder: Path) -> None:
    models.down = True
    with pytest.raises(WorkerUnavailable, match="switched off"):
        await evaluate_speech(models, folder)


def test_without_jiwer_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(BadInput, match=r"install parley\[speech\]"):
        word_error_rate(["a"], ["a"])
