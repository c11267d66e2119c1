"""A small GPT-2 learns from unlabelled text, and what it has learnt helps with labels."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from bot.errors import BadInput, BadModel
from bot.training.courses import course, language
from bot.training.courses.language import Blocks
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.loop.run import train

PLAN = dataclasses.replace(
    language.PLAN,
    epochs=6,
    learning_rate=5e-3,
    warmup=10,
    batch_tokens=256,
    validations=1,
    network={
        "vocabulary": 340,
        "width": 32,
        "layers": 2,
        "heads": 2,
        "dropout": 0.0,
        "block": 32,
        "validated": 50,
    },
)
TEXTS = [
    f"The {animal} sits on the {place} and {deed}."
    for animal in ("cat", "dog", "bird")
    for place in ("mat", "hill", "roof", "chair")
    for deed in ("sings", "sleeps", "waits", "looks at me")
] * 4


def request(folder: Path, architecture: str = "") -> Request:
    file = folder / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return Request(task="language", data=[file], out=folder / "out", architecture=architecture)


def test_it_learns_loads_and_learns_on(tmp_path: Path) -> None:
    asked = request(tmp_path)
    report = train(language.study(asked, PLAN), PLAN, asked.out, progress=Silent())
    assert report.best.metrics["perplexity"] < report.history[0].metrics["perplexity"] / 2
    assert report.best.metrics["perplexity"] < 5
    assert 0 < report.best.metrics["bits_per_character"] < 1
    model = AutoModelForCausalLM.from_pretrained(asked.out, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(asked.out, local_files_only=True)
    begun = tokenizer("The cat sits on", add_special_tokens=False, return_tensors="pt")
    said = tokenizer.decode(model.generate(**begun, max_new_tokens=2, do_sample=False)[0])
    assert said.startswith("The cat sits on the")
    further = language.study(request(tmp_path, architecture=str(asked.out)), PLAN)
    further.model.eval()
    with torch.no_grad():
        assert further.validate()["perplexity"] == pytest.approx(report.best.metrics["perplexity"], rel=0.05)


def test_its_checkpoint_takes_labels(tmp_path: Path) -> None:
    asked = request(tmp_path)
    language.study(asked, PLAN).save(tmp_path / "start")
    model = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "start", num_labels=2, local_files_only=True
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "start", local_files_only=True)
    logits = model(**tokenizer(["a cat", "a dog sleeps"], padding=True, return_tensors="pt")).logits
    assert logits.shape == (2, 2)


def test_blocks_hold_every_token_once() -> None:
    blocks = Blocks(np.arange(103, dtype=np.int32), block=10, together=3, random=np.random.default_rng(1))
    assert len(blocks) == 4
    assert sorted(torch.cat([each.flatten() for each in blocks]).tolist()) == list(range(100))
    short = Blocks(np.arange(7, dtype=np.int32), block=10, together=3, random=None)
    assert short[0].tolist() == [list(range(7))]


def test_bad_requests_are_said(tmp_path: Path) -> None:
    asked = request(tmp_path)
    with pytest.raises(BadInput, match="not 'elman'"):
        language.study(dataclasses.replace(asked, architecture="elman"), PLAN)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadModel, match="cannot be loaded"):
        language.study(dataclasses.replace(asked, architecture=str(tmp_path / "empty")), PLAN)
    with pytest.raises(BadInput, match="has no 'depth'"):
        language.study(asked, PLAN.changed({"network": {"depth": 3}}))
    asked.data[0].write_text('{"text": "a"}\n')
    with pytest.raises(BadInput, match="too little"):
        language.study(asked, PLAN)
    asked.data[0].write_text('{"text": "a"}\n{"words": "b"}\n')
    with pytest.raises(BadInput, match=r"texts\.jsonl, line 2"):
        language.study(asked, PLAN)


def test_tasks_are_known_by_name() -> None:
    assert course("language") is language
    with pytest.raises(BadInput, match=r"no task 'poetry' to train\. Tasks: .*language"):
        course("poetry")
