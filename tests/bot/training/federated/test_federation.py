"""Sites learn one model, each in a process of its own that alone opens its rows."""

import dataclasses
import json
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.errors import BadInput
from bot.training.checkpoints.classifier import Classifier
from bot.training.federated import federation as federation_module
from bot.training.federated import site
from bot.training.federated.federation import Federation, federate, federated_plan
from bot.training.loop.progress import Silent

NETWORK = {"vocabulary": 600, "embedding": 16, "hidden": 12, "dropout": 0.1, "vocab_dropout": 0.0}
OTHER = {"negative": "positive", "positive": "negative", "neutral": "neutral"}
opened: list[str] = []
watching = False


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event == "open":
        opened.append(str(arguments[0]))


sys.addaudithook(watch)


@pytest.fixture
def federation_of(tmp_path, rows_of, write_rows):
    def make(*, poisoned=False, **fields):
        rows = [rows_of(120, seed=seed) for seed in (1, 2)]
        last = rows_of(600 if poisoned else 120, seed=3)
        if poisoned:
            last = [{**row, "label": OTHER[row["label"]]} for row in last]
        sites = [
            write_rows(tmp_path / f"site{number}.jsonl", each) for number, each in enumerate([*rows, last])
        ]
        return Federation(
            task="sentiment",
            sites=sites,
            development=write_rows(tmp_path / "dev.jsonl", rows_of(60, seed=7)),
            vocabulary=write_rows(tmp_path / "public.jsonl", rows_of(100, seed=8)),
            out=tmp_path / fields.pop("out", "out"),
            rounds=fields.pop("rounds", 3),
            architecture="gru",
            **fields,
        )

    return make


def plan_of(federation):
    changes = {"epochs": 3, "learning_rate": 0.03, "warmup": 3, "batch_tokens": 128}
    return federated_plan(federation).changed({**changes, "network": NETWORK})


def learn(federation):
    return federate(federation, plan_of(federation), progress=Silent())


@pytest.mark.timeout(600)
def test_sites_learn_one_model_and_show_no_rows(federation_of):
    global watching
    federation, watching = federation_of(), True
    try:
        report = learn(federation)
    finally:
        watching = False
    assert any("dev.jsonl" in name for name in opened)
    assert not [name for name in opened if "site" in name.rpartition("/")[2]]
    assert report.best.metrics["accuracy"] > 0.9
    assert Classifier(federation.out).classify(["it was great"])[0].label == "positive"
    card = (federation.out / "README.md").read_text()
    assert "| site 1 | 120 | not told |" in card
    assert "site0.jsonl" not in card.partition("## How it was made")[0]
    resumed = learn(federation)
    assert resumed.history == report.history
    assert len(json.loads((federation.out / "history.json").read_text())) == 3


class Here:
    """A site in this process, where no library is loaded again."""

    def __init__(self, name, task):
        self.name, self._learning = name, site._Learning(task)
        self.rows = self._learning.study.rows

    def begin(self):
        pass

    def ask(self, round_, weights):
        self._answer = self._learning.update(round_, weights)

    def answer(self):
        return self._answer

    def close(self):
        pass


def test_one_poisoned_site_breaks_the_mean_and_not_the_median(federation_of, monkeypatch):
    monkeypatch.setattr(federation_module, "Site", Here)
    mean = learn(federation_of(poisoned=True, clip=0.0, out="mean"))
    median = learn(federation_of(poisoned=True, way="median", clip=0.0, out="median"))
    assert mean.history[-1].metrics["accuracy"] < 0.6
    assert median.history[-1].metrics["accuracy"] > 0.9


def test_a_broken_update_is_left_out_and_said(federation_of, monkeypatch):
    class Broken(Here):
        def answer(self):
            change, loss = super().answer()
            is_bad = self.name == "site 3"
            return {name: value * float("nan") if is_bad else value for name, value in change.items()}, loss

    monkeypatch.setattr(federation_module, "Site", Broken)
    federation = federation_of()
    report = learn(federation)
    assert report.best.metrics["accuracy"] > 0.9
    assert "| updates left out | 3 |" in (federation.out / "README.md").read_text()


@pytest.mark.timeout(600)
def test_a_site_that_cannot_go_on_is_named(federation_of):
    whole = federation_of()
    federation = dataclasses.replace(whole, sites=whole.sites[:2])
    federation.sites[1].write_text('{"text": "a", "label": "odd"}\n')
    with pytest.raises(BadInput, match=r"site 2: .*site1.jsonl, line 1: the label 'odd' is unknown"):
        learn(federation)


def test_what_cannot_be_federated_is_refused(federation_of):
    federation = federation_of(way="median")
    with pytest.raises(BadInput, match="no \\[privacy\\]"):
        federate(federation, plan_of(federation).changed({"privacy": {"epsilon": 8.0}}), progress=Silent())
    two = dataclasses.replace(federation, sites=federation.sites[:2])
    with pytest.raises(BadInput, match="3 or more"):
        learn(two)
    with pytest.raises(BadInput, match="task is one of"):
        federate(
            dataclasses.replace(federation, task="translation"),
            plan_of(federation),
            progress=Silent(),
        )
