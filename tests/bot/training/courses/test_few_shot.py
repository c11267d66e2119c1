"""A few examples of each label: drawn, fitted, measured, and served on an encoder that others share."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


from bot.errors import BadInput, BadModel
from bot.models import Task
from bot.training.checkpoints.classifier import Classifier
from bot.training.courses import FEW_SHOT, course
from bot.training.courses.few_shot import crossed, default_plan, drawn, study
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.measures.measuring import measure
from bot.training.rows.data import Example
from bot.worker.catalogue import Entry
from bot.worker.encoders import open_classification, open_embedding


@pytest.fixture
def plan(encoder):
    return default_plan(Request("intents", [], encoder)).changed({"network": {"encoder": str(encoder)}})


def learn(plan, out, data, development=()):
    request = Request("intents", [data], out, development=development, architecture=FEW_SHOT)
    return study(request, plan).learn(out, Silent())


def test_a_head_is_learnt_and_its_checkpoint_is_whole(plan, tmp_path, write_rows, rows_of):
    labels = ("negative", "positive")
    data = write_rows(tmp_path / "rows.jsonl", rows_of(400, labels=labels))
    development = write_rows(tmp_path / "dev.jsonl", rows_of(100, seed=5, labels=labels))
    report = learn(plan.changed({"network": {"shots": 60}}), out := tmp_path / "out", data, [development])
    assert report.best.metrics["accuracy"] > 0.7
    found = measure(Classifier(out), "intents", development)
    assert found.accuracy == pytest.approx(report.best.metrics["accuracy"], abs=0.011)
    assert json.loads((out / "config.json").read_text())["temperature"] > 0
    assert sum(path.stat().st_size for path in (out / "adapter").iterdir()) < 20_000


def test_the_worker_serves_the_head_on_a_shared_encoder(plan, encoder, tmp_path, write_rows, rows_of):
    data = write_rows(tmp_path / "rows.jsonl", rows_of(60))
    learn(plan, out := tmp_path / "out", data)

    def entry(folder, task, adapter=None):
        return Entry("tested", "tiny", folder, "", 0, "", task=task, adapter=adapter, runtime="torch")

    whole = open_classification(entry(out, Task.CLASSIFICATION), 1)
    embedding = open_embedding(entry(encoder, Task.EMBEDDING), 1)
    shared = open_classification(entry(encoder, Task.CLASSIFICATION, out / "adapter"), 1)
    texts = ["it was great today", "the house was awful", "今天 天气"]
    for one, other in zip(
        whole.compute(whole.tokenize(texts)), shared.compute(shared.tokenize(texts)), strict=True
    ):
        assert dict(one.labels) == pytest.approx(dict(other.labels), abs=1e-5)
    trunk = embedding.network.answering.network
    assert shared.network.answering.network.encoder is trunk


def test_examples_are_drawn_by_the_seed_and_the_others_measure():
    rows = [Example(f"text {number}", ("ab"[number % 2],)) for number in range(40)]
    examples, others = drawn(rows, 3, seed=1)
    assert [each.labels[0] for each in examples] == list("aaabbb")
    assert len(others) == 34
    assert drawn(rows, 3, seed=1)[0] == examples != drawn(rows, 3, seed=2)[0]
    assert len(drawn(rows, 0, seed=1)[0]) == 40


def test_without_other_rows_each_example_is_judged_by_the_rest():
    chance = np.random.default_rng(1)
    gold = np.repeat([0, 1, 2], 6)
    vectors = np.eye(8, dtype=np.float32)[gold] + 0.1 * chance.standard_normal((18, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (crossed(vectors, gold, labels=3).argmax(1) == gold).all()
    noise = chance.standard_normal((18, 8)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert (crossed(noise, gold, labels=3).argmax(1) == gold).mean() < 0.7
    with pytest.raises(BadInput, match="At least two examples"):
        crossed(vectors[:7], gold[:7], labels=2)


def test_a_table_of_texts_and_labels_is_enough(plan, tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text("text,label\ngreat,good\nlovely,good\nawful,bad\nbroken,bad\n")
    report = learn(plan, tmp_path / "out", table)
    assert set(report.best.metrics) == {"accuracy", "macro_f1", "ece"}
    assert Classifier(tmp_path / "out").labels == ("bad", "good")


def test_what_it_cannot_do_is_refused(plan, tmp_path, write_rows, rows_of):
    data = write_rows(tmp_path / "rows.jsonl", rows_of(30))
    other = write_rows(tmp_path / "other.jsonl", [{"text": "x y", "label": "odd"}])
    with pytest.raises(BadInput, match="a label that no training row has: 'odd'"):
        learn(plan, tmp_path / "out", data, [other])
    with pytest.raises(BadInput, match="has no 'lora'"):
        learn(plan.changed({"network": {"lora": 4}}), tmp_path / "out", data)
    with pytest.raises(BadModel, match="cannot be loaded"):
        learn(plan.changed({"network": {"encoder": str(tmp_path)}}), tmp_path / "out", data)
    with pytest.raises(BadInput, match="few-shot tells labels"):
        course("translation", FEW_SHOT)
    assert course("intents", FEW_SHOT).__name__ == "bot.training.courses.few_shot"
