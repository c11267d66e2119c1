"""Small translators learn a made-up language both ways, and go through the lab's whole course."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from bot.errors import BadInput, BadModel
from bot.networks import register
from bot.training.checkpoints.translator import Translator
from bot.training.courses import translation
from bot.training.courses.translation import TranslationStudy, repeats
from bot.training.loop.distributed import Group
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.rows.provenance import Gate
from bot.training.rows.sentences import Translated
from bot.training.working import carry_out

WORDS = {
    "red": "rot",
    "green": "grün",
    "small": "klein",
    "old": "alt",
    "cat": "Katze",
    "dog": "Hund",
    "bird": "Vogel",
}
SIZES = {
    "vocabulary": 400,
    "width": 64,
    "inner": 128,
    "heads": 4,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "sampled": 60,
    "validated": 10,
    "examined": 20,
}
PLAN = dataclasses.replace(
    translation.PLAN,
    epochs=12,
    learning_rate=5e-3,
    warmup=20,
    batch_tokens=400,
    validations=1,
    average=0.9,
    network={**translation.PLAN.network, **SIZES},
)


def sentences(count: int, seed: int = 1) -> list[Translated]:
    """Lists of words."""
    chance = random.Random(seed)
    chosen = [[chance.choice(list(WORDS)) for _ in range(chance.randint(1, 4))] for _ in range(count)]
    return [Translated(" ".join(each), " ".join(WORDS[word] for word in each), "en", "de") for each in chosen]


def rows_file(folder: Path, rows: Sequence[Translated], name: str) -> Path:
    file = folder / name
    lines = [
        {"src": each.source, "tgt": each.target, "src_lang": "en", "tgt_lang": "de", "licence": "CC0"}
        for each in rows
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def request(folder: Path, architecture: str = "") -> Request:
    return Request(
        task="translation",
        data=[rows_file(folder, sentences(400), "train.jsonl")],
        development=[rows_file(folder, sentences(40, seed=2), "dev.jsonl")],
        out=folder / "out",
        architecture=architecture,
    )


def learn(folder: Path, plan: Plan = PLAN, architecture: str = "") -> Path:
    asked = request(folder, architecture)
    carry_out(asked, plan, translation, gate=Gate(shared=True), group=Group(), progress=Silent())
    return asked.out


def test_a_made_up_language_is_learnt_both_ways(tmp_path: Path) -> None:
    out = learn(tmp_path, architecture="gru")
    history = json.loads((out / "history.json").read_text())
    assert max(row["metrics"]["bleu"] for row in history) > 60
    for beams in (1, 3):
        translator = Translator(out, beams=beams)
        assert translator.translate(["old red cat", "dog"], "de") == ["alt rot Katze", "Hund"]
        assert translator.translate(["klein Vogel"], "en") == ["small bird"]


@pytest.mark.parametrize("architecture", ["transformer", "gru"])
def test_a_checkpoint_loads_as_any_other(tmp_path: Path, architecture: str) -> None:
    out = learn(tmp_path, dataclasses.replace(PLAN, epochs=2), architecture=architecture)
    losses = [row["loss"] for row in json.loads((out / "history.json").read_text())]
    assert losses[1] < losses[0] - 0.5
    stored = load_file(out / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert sum(value.shape[0] > 300 for value in stored.values()) == 1, "the table of words is stored once"
    register()
    model = AutoModelForSeq2SeqLM.from_pretrained(out, dtype=torch.float32, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    texts = ["old red cat", "dog", "small bird"]
    batch = tokenizer([f">>de<< {text}" for text in texts], padding=True, return_tensors="pt")
    alone = [model.generate(**tokenizer(f">>de<< {text}", return_tensors="pt")) for text in texts]
    together = tokenizer.batch_decode(model.generate(**batch), skip_special_tokens=True)
    assert together == [tokenizer.decode(each[0], skip_special_tokens=True) for each in alone]
    assert Translator(out, beams=4).translate(texts, "de") == together


def test_the_card_says_how_it_was_made(tmp_path: Path) -> None:
    out = learn(tmp_path, dataclasses.replace(PLAN, epochs=1))
    card = (out / "README.md").read_text()
    for said in (
        "train.jsonl",
        "CC0",
        "bleu of the kept checkpoint",
        "learning_rate = 0.005",
        "seed 1",
        "Limits",
    ):
        assert said in card
    assert "sampled = 60" in card
    assert "not all of it" not in card.lower()


@pytest.mark.parametrize("sampled", [0, 50, 400])
def test_a_sampled_softmax_estimates_the_whole_one(sampled: int) -> None:
    def loss(sampled: int, seed: int) -> float:
        plan = dataclasses.replace(PLAN, network={**PLAN.network, "sampled": sampled, "smoothing": 0.0})
        study = TranslationStudy(sentences(40), sentences(10), plan)
        study.model.eval()
        torch.manual_seed(seed)
        return sum(float(study.loss(batch).detach()) for batch in study.batches(0))

    estimates = [loss(sampled, seed) for seed in range(3)]
    assert sum(estimates) / 3 == pytest.approx(loss(0, 0), rel=0.01)


def test_batches_are_the_same_whenever_asked_for() -> None:
    study = TranslationStudy(sentences(60), sentences(10), PLAN)
    one, again, other = study.batches(1), study.batches(1), study.batches(2)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(one, again, strict=True))
    assert not all(
        a[0].shape == b[0].shape and torch.equal(a[0], b[0]) for a, b in zip(one, other, strict=False)
    )


def test_small_directions_are_repeated() -> None:
    assert repeats({"a": 1000, "b": 100, "c": 1000}, 0.7) == {"a": 1, "b": 5, "c": 1}
    assert repeats({"a": 1000, "b": 100}, 1.0) == {"a": 1, "b": 10}
    assert repeats({"a": 1000, "b": 100}, 0.0) == {"a": 1, "b": 1}


def test_a_language_it_cannot_write_is_said(tmp_path: Path) -> None:
    out = learn(tmp_path, dataclasses.replace(PLAN, epochs=1))
    with pytest.raises(BadInput, match=r"cannot write 'fr'; it writes >>de<<, >>en<<"):
        Translator(out).translate(["cat"], "fr")


def test_a_folder_without_a_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no model folder"):
        Translator(tmp_path / "none")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadModel, match="cannot be loaded"):
        Translator(tmp_path)


def test_bad_requests_are_said(tmp_path: Path) -> None:
    asked = request(tmp_path)
    with pytest.raises(BadInput, match="--dev"):
        translation.study(dataclasses.replace(asked, development=[]), PLAN)
    with pytest.raises(BadInput, match="transformer or gru"):
        translation.study(dataclasses.replace(asked, architecture="lstm"), PLAN)
    with pytest.raises(BadInput, match="has no 'depth'"):
        translation.study(asked, PLAN.changed({"network": {"depth": 3}}))
