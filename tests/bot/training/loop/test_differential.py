"""Private runs: rows are clipped one by one, noise is accounted for, and nothing is spent twice."""

import dataclasses
import json
import math
import os
import signal

import pytest

pytest.importorskip("torch")
pytest.importorskip("opacus")

import torch

from bot.errors import BadInput
from bot.training.checkpoints.classifier import Classifier
from bot.training.courses import classifiers, language
from bot.training.loop import state
from bot.training.loop.differential import Account, Draws, Privacy, PrivateLearner
from bot.training.loop.distributed import Group
from bot.training.loop.identity import identity
from bot.training.loop.interrupt import Interrupted
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.loop.run import train


@pytest.fixture
def request_of(tmp_path, rows_of, write_rows):
    def make(count=60, **fields):
        data = write_rows(tmp_path / "train.jsonl", rows_of(count))
        development = write_rows(tmp_path / "dev.jsonl", rows_of(30, seed=7))
        public = write_rows(tmp_path / "public.jsonl", rows_of(100, seed=8))
        known = {"development": [development], "vocabulary": public, "architecture": "gru"}
        return Request("sentiment", [data], tmp_path / "out", **{**known, **fields})

    return make


@pytest.fixture
def private_plan(small_plan):
    def make(epsilon=8.0, network=None, **privacy):
        table = {"epsilon": epsilon, "delta": 1e-3, "rows": 12, **privacy}
        return small_plan.changed({"epochs": 1, "patience": 0, "privacy": table, "network": network or {}})

    return make


def test_each_row_is_clipped_by_itself(request_of, private_plan):
    """The sum without noise is that of gradients that were computed and cut one after the other."""
    plan = private_plan(clip_each=0.05, network={"dropout": 0.0})
    study = classifiers.study(request_of(), plan)
    learner = PrivateLearner(study, plan, Group())
    rows = study.alone(range(8))
    expected = [torch.zeros_like(each) for each in study.model.parameters()]
    for module in study.model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.sparse = False
    for row in rows:
        study.model.zero_grad()
        study.loss(row).backward()
        gradients = [each.grad for each in study.model.parameters()]
        length = torch.cat([each.flatten() for each in gradients]).norm()
        assert length > 0.05
        for total, each in zip(expected, gradients, strict=True):
            total += each * (0.05 / length)
    study.model.embedding.sparse = True
    learner._noise = 0.0
    learner._descend([rows])
    scale = learner._share * study.rows
    for parameter, total in zip(study.model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad * scale, total, atol=1e-6, rtol=1e-4)


def test_the_noise_has_the_promised_spread(request_of, private_plan):
    plan = private_plan(clip_each=0.5)
    study = classifiers.study(request_of(), plan)
    learner = PrivateLearner(study, plan, Group())
    learner._noise = 2.0
    learner._descend([[]])
    found = (
        torch.cat([each.grad.flatten() for each in study.model.parameters()]) * learner._share * study.rows
    )
    assert float(found.std()) == pytest.approx(2.0 * 0.5, rel=0.05)
    before = found.clone()
    learner._descend([[]])
    after = torch.cat([each.grad.flatten() for each in study.model.parameters()])
    assert not torch.equal(before, after)


def test_rows_are_drawn_independently(request_of, private_plan):
    study = classifiers.study(request_of(), private_plan())
    draws = Draws(study, 0.2, torch.Generator().manual_seed(1))
    sizes = [len(draws[0]) for _ in range(200)]
    assert len(draws) == 5
    assert sum(sizes) / len(sizes) == pytest.approx(12, rel=0.1)
    assert len(set(sizes)) > 5


def test_the_account_stands_between_the_exact_sum_and_the_simple_bound():
    """Of T steps on all rows: rho + 2 sqrt(rho ln(1/delta)), rho = T / 2 noise² (Bun and Steinke, 2016)."""
    history = [(10.0, 1.0, 40)]
    loose, tight = Account(Privacy(epsilon=8.0)), Account(Privacy(epsilon=8.0, accountant="prv"))
    loose.history = tight.history = history
    rho = 40 / (2 * 10.0**2)
    assert tight.epsilon < loose.epsilon <= rho + 2 * (rho * math.log(1e5)) ** 0.5
    assert loose.epsilon == pytest.approx(tight.epsilon, rel=0.25)


@pytest.mark.parametrize("spent", [[], [(2.0, 0.1, 40)]])
def test_noise_is_chosen_for_what_is_left(spent):
    account = Account(Privacy(epsilon=4.0))
    account.history = list(spent)
    noise = account.noise_for(0.1, 100)
    for _ in range(100):
        account.add(noise, 0.1)
    assert 3.9 < account.epsilon <= 4.0


def test_nothing_is_left_once_all_is_spent():
    account = Account(Privacy(epsilon=1.0))
    account.history = [(1.0, 0.1, 100)]
    with pytest.raises(BadInput, match="leaves nothing to learn with"):
        account.noise_for(0.1, 100)


def test_a_private_run_says_what_it_spent_and_saves_an_ordinary_model(request_of, private_plan):
    plan = private_plan()
    request = request_of()
    report = train(classifiers.study(request, plan), plan, request.out, progress=Silent())
    assert report.steps == 5
    assert 0 < report.privacy["epsilon"] <= 8.0
    assert report.privacy["delta"] == 1e-3
    model = Classifier(request.out)
    assert type(model.model.recurrent) is torch.nn.GRU
    assert model.labels == ("negative", "neutral", "positive")


class Stopping(Silent):
    def step(self, done, total, *, loss):
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_resumed_run_goes_on_from_what_was_spent(request_of, private_plan):
    plan, request = private_plan(), request_of()
    named = identity(request, plan)
    with pytest.raises(Interrupted):
        train(classifiers.study(request, plan), plan, request.out, progress=Stopping(), identity=named)
    saved = state.load_state(request.out, named)
    assert sum(steps for *_, steps in saved["learner"]["spent"]) == 3
    report = train(classifiers.study(request, plan), plan, request.out, progress=Silent(), identity=named)
    assert report.steps == 5
    assert report.privacy["epsilon"] <= 8.0
    saved = state.load_state(request.out, named)
    assert sum(steps for *_, steps in saved["learner"]["spent"]) == 5
    again = train(classifiers.study(request, plan), plan, request.out, progress=Silent(), identity=named)
    assert again.privacy == report.privacy
    longer = private_plan(epsilon=report.privacy["epsilon"] * 0.9).changed({"epochs": 2})
    with pytest.raises(BadInput, match="leaves nothing to learn with"):
        train(classifiers.study(request, longer), longer, request.out, progress=Silent(), identity=named)
    public = dataclasses.replace(plan, epochs=2, privacy={})
    study = classifiers.study(request, public)
    with pytest.raises(BadInput, match="begun with privacy"):
        train(study, public, request.out, progress=Silent(), identity=named)


def test_the_vocabulary_tells_nothing_of_the_rows(request_of, private_plan):
    plan = private_plan()
    own = classifiers.study(request_of(), plan)
    assert len(own.tokenizer) <= 600
    built_in = classifiers.study(request_of(vocabulary=None), plan)
    assert len(built_in.tokenizer) == 16_000


@pytest.mark.parametrize(
    ("privacy", "words"),
    [
        ({"delta": 0.5}, "delta must be below one in the number of rows"),
        ({"clip_each": 0.0}, "must be above 0"),
        ({"accountant": "guess"}, "accountant must be one of"),
        ({"sigma": 1.0}, "has no 'sigma'"),
    ],
)
def test_what_cannot_be_promised_is_refused(request_of, private_plan, privacy, words):
    plan = private_plan(**privacy)
    request = request_of()
    with pytest.raises(BadInput, match=words):
        train(classifiers.study(request, plan), plan, request.out, progress=Silent())


def test_studies_that_mix_rows_are_refused(request_of, private_plan, tmp_path):
    plan, request = private_plan(), request_of()
    with pytest.raises(BadInput, match="needs an epsilon"):
        Privacy.of({"delta": 1e-5})
    with pytest.raises(BadInput, match="one process"):
        PrivateLearner(classifiers.study(request, plan), plan, Group(0, 2))
    with pytest.raises(BadInput, match="cannot balance"):
        classifiers.study(request, private_plan(network={"balance": True}))
    texts = Request("language", request.data, tmp_path / "language")
    learnt = language.PLAN.changed({"privacy": {"epsilon": 8.0}, "network": {"width": 16, "layers": 1}})
    with pytest.raises(BadInput, match="rows cannot be told apart"):
        train(language.study(texts, learnt), learnt, texts.out, progress=Silent())


def test_what_was_spent_stands_in_the_card(request_of, private_plan):
    from bot.training.rows.provenance import Gate
    from bot.training.working import carry_out

    plan, request = private_plan(), request_of()
    carry_out(request, plan, classifiers, gate=Gate(), group=Group(), progress=Silent())
    card = (request.out / "README.md").read_text()
    assert "differential privacy: epsilon " in card
    assert "[privacy]\nepsilon = 8.0" in card
    assert json.loads((request.out / "history.json").read_text())
