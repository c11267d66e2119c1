"""Classifiers learn: from nothing, from a checkpoint in full or by LoRA, and from a teacher."""

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from bot.errors import BadInput, BadModel
from bot.networks.pooled import PooledForSequenceClassification
from bot.training.checkpoints.classifier import Classifier
from bot.training.courses.classifiers import FINE_TUNING, FROM_NOTHING, default_plan, study
from bot.training.courses.distillation import CACHE
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.loop.run import train
from bot.training.measures.measuring import measure


@pytest.fixture
def request_of(tmp_path, rows_of, write_rows):
    """Make a request whose rows are written first."""

    def make(count=150, labels=("negative", "neutral", "positive"), task="sentiment", **fields):
        data = write_rows(tmp_path / "train.jsonl", rows_of(count, labels=labels))
        development = write_rows(tmp_path / "dev.jsonl", rows_of(30, seed=7, labels=labels))
        return Request(task, [data], tmp_path / "out", development=[development], **fields)

    return make


def learn(request, plan):
    return train(study(request, plan), plan, request.out, progress=Silent())


def test_a_recurrent_network_learns_and_answers_in_two_languages(trained, write_rows, rows_of, tmp_path):
    classifier = Classifier(trained)
    assert classifier.labels == ("negative", "neutral", "positive")
    assert (
        measure(classifier, "sentiment", write_rows(tmp_path / "new.jsonl", rows_of(90, seed=9))).accuracy
        > 0.9
    )
    labels = classifier.classify(["it was great today", "今天 天气 糟糕"])
    assert [each.label for each in labels] == ["positive", "negative"]
    assert sum(value for _, value in labels[0].probabilities) == pytest.approx(1)
    assert json.loads((trained / "config.json").read_text())["temperature"] > 0


@pytest.mark.parametrize(("architecture", "least"), [("lstm", 0.9), ("transformer", 0.7)])
def test_other_networks_from_nothing_learn_too(request_of, small_plan, architecture, least):
    plan = small_plan.changed({"learning_rate": 0.01})
    report = learn(request_of(300, architecture=architecture), plan)
    assert report.best.metrics["accuracy"] > least


def test_a_checkpoint_of_other_labels_begins_with_a_head_of_its_own(request_of, trained):
    request = request_of(30, labels=("ok", "toxic"), task="toxicity", architecture=str(trained))
    begun = study(request, FINE_TUNING)
    for value in begun.model.classifier.parameters():
        assert float(value.detach().abs().max()) <= begun.model.classifier.in_features**-0.5
    kept = Classifier(trained).model.state_dict()["embedding.weight"]
    assert torch.equal(begun.model.state_dict()["embedding.weight"], kept)


def test_an_encoder_is_fine_tuned_in_full(request_of, encoder):
    plan = FINE_TUNING.changed({"epochs": 10, "learning_rate": 2e-3, "batch_tokens": 256, "warmup": 5})
    report = learn(request := request_of(300, architecture=str(encoder)), plan)
    assert report.best.metrics["macro_f1"] > 0.7
    assert Classifier(request.out).classify(["the house was awful"])[0].label == "negative"


def test_an_encoder_that_means_its_states_keeps_to_it(request_of, encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    request = request_of(60, architecture=str(folder))
    pooled = study(request, FINE_TUNING)
    assert isinstance(pooled.model, PooledForSequenceClassification)
    before = AutoModel.from_pretrained(encoder).state_dict()
    assert all(torch.equal(value, before[name]) for name, value in pooled.model.encoder.state_dict().items())
    train(pooled, FINE_TUNING.changed({"epochs": 1}), request.out, progress=Silent())
    assert Classifier(request.out).labels == ("negative", "neutral", "positive")


def test_frozen_tensors_stay_as_they_are(request_of, encoder):
    request = request_of(60, architecture=str(encoder))
    plan = FINE_TUNING.changed({"epochs": 1, "network": {"frozen": ["bert.embeddings"]}})
    frozen = study(request, plan)
    before = frozen.model.bert.embeddings.word_embeddings.weight.clone()
    train(frozen, plan, request.out, progress=Silent())
    assert torch.equal(frozen.model.bert.embeddings.word_embeddings.weight, before)
    with pytest.raises(BadInput, match="No tensor's name begins with 'embeds'"):
        study(request, plan.changed({"network": {"frozen": ["embeds"]}}))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_low_rank_layers_learn_and_are_merged_into_the_checkpoint(request_of, kind, request):
    pytest.importorskip("peft")
    folder = request.getfixturevalue(kind)
    asked = request_of(240, architecture=str(folder))
    plan = FINE_TUNING.changed(
        {"epochs": 4, "learning_rate": 1e-2, "batch_tokens": 256, "warmup": 5, "network": {"lora": 4}}
    )
    adapted = study(asked, plan)
    trainable = sum(each.numel() for each in adapted.model.parameters() if each.requires_grad)
    assert trainable < sum(each.numel() for each in adapted.model.parameters()) / 2
    report = train(adapted, plan, asked.out, progress=Silent())
    assert report.history[-1].loss < report.history[0].loss
    merged = AutoModelForSequenceClassification.from_pretrained(asked.out)
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]
    assert measure(Classifier(asked.out), "sentiment", asked.development[0]).accuracy == pytest.approx(
        report.best.metrics["accuracy"], abs=0.04
    )
    assert (asked.out / "adapter" / "adapter_model.safetensors").exists()


def test_a_student_learns_what_its_teacher_says_of_translations(
    request_of, small_plan, trained, tmp_path, write_rows
):
    pairs = [
        {"src": f"it was {word} today", "tgt": f"oggi era {other}", "src_lang": "en", "tgt_lang": "it"}
        for word, other in (("great", "splendido"), ("awful", "orrendo"), ("train", "treno"))
    ] * 40
    sayings = write_rows(
        tmp_path / "pairs.jsonl", [pair | {"tgt": f"{pair['tgt']} {n}"} for n, pair in enumerate(pairs)]
    )
    request = request_of(120, architecture="gru", teacher=trained, sayings=[sayings])
    learn(request, small_plan)
    answers = Classifier(request.out).classify(["oggi era splendido", "oggi era orrendo"])
    assert [each.label for each in answers] == ["positive", "negative"]


def test_a_teacher_is_asked_once(request_of, small_plan, trained, monkeypatch):
    request = request_of(30, architecture="gru", teacher=trained)
    study(request, small_plan)
    assert (request.out / CACHE).exists()
    monkeypatch.setattr(Classifier, "probabilities", lambda *_: pytest.fail("asked again"))
    study(request, small_plan)


def test_a_teachers_emotions_stand_for_sentiments(request_of, small_plan, tmp_path, write_rows):
    rows = [
        {"text": f"{word} {n}", "labels": [emotion]}
        for n in range(40)
        for word, emotion in (
            ("great", "joy"),
            ("awful", "anger"),
            ("house", "neutral"),
            ("what", "confusion"),
        )
    ]
    data = write_rows(tmp_path / "emotions.jsonl", rows)
    teacher = Request("emotion", [data], tmp_path / "teacher", development=[data], architecture="gru")
    learn(teacher, small_plan)
    request = request_of(60, architecture="gru", teacher=teacher.out)
    plan = small_plan.changed(
        {"network": {"teacher_share": 1.0, "teacher_vectors": True, "teacher_words": True}}
    )
    lessons = study(request, plan)._lessons
    assert all(sum(lesson.shares) == pytest.approx(1, abs=1e-5) for lesson in lessons)
    assert max(lesson.shares[2] for lesson in lessons) > 0.8


def test_the_same_seed_learns_the_same(request_of, small_plan, tmp_path):
    plan = small_plan.changed({"epochs": 2})
    reports = []
    for name in ("one", "two"):
        request = request_of(60, architecture="gru")
        reports.append(train(study(request, plan), plan, tmp_path / name, progress=Silent()))
    assert [row.loss for row in reports[0].history] == [row.loss for row in reports[1].history]


def test_two_labels_report_the_area_under_the_curve_and_may_be_balanced(request_of, small_plan):
    request = request_of(120, labels=("toxic", "ok", "ok", "ok"), task="toxicity", architecture="gru")
    balanced = study(request, small_plan.changed({"network": {"balance": True, "smoothing": 0.1}}))
    metrics = train(balanced, small_plan, request.out, progress=Silent()).best.metrics
    assert metrics["auc"] > 0.95
    assert set(metrics) == {"accuracy", "macro_f1", "ece", "auc"}


def test_a_tenth_is_held_out_without_development_rows(request_of, small_plan):
    request = request_of(200, architecture="gru")
    alone = study(Request("sentiment", request.data, request.out, architecture="gru"), small_plan)
    assert (len(alone._lessons), len(alone._development)) == (180, 20)


def test_plans_follow_from_the_architecture(request_of, encoder):
    assert default_plan(request_of()) is FROM_NOTHING
    assert default_plan(request_of(architecture=str(encoder))) is FINE_TUNING


def test_what_cannot_be_learnt_is_said(request_of, small_plan, tmp_path, write_rows, trained):
    with pytest.raises(BadInput, match="gru, lstm, transformer or the folder"):
        study(request_of(architecture="rnn"), small_plan)
    with pytest.raises(BadInput, match="network has no 'width'"):
        study(request_of(), small_plan.changed({"network": {"width": 1}}))
    with pytest.raises(BadInput, match="need a teacher"):
        study(request_of(sayings=[tmp_path / "x.jsonl"]), small_plan)
    with pytest.raises(BadInput, match="nothing that stands for 'toxic'"):
        study(request_of(labels=("ok", "toxic"), task="toxicity", teacher=trained), small_plan)
    strange = write_rows(tmp_path / "strange.jsonl", [{"text": "a", "label": "other"}])
    intents = Request("intents", request_of(task="intents").data, tmp_path / "out", [strange])
    with pytest.raises(BadInput, match="no training row has: 'other'"):
        study(intents, small_plan)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadModel, match="cannot be loaded"):
        study(request_of(architecture=str(tmp_path / "empty")), FINE_TUNING)
