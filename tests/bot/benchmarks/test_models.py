"""The benchmark of built-in models: which are found, and what is said of each."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.benchmarks import models
from bot.errors import BadModel
from bot.models import Task


def test_the_models_that_come_along_are_found():
    assert {"embedding", "sentiment", "toxicity"} <= set(models.built_in_roles())
    assert "chat" not in models.built_in_roles()


def test_a_model_is_measured_in_a_process_of_its_own():
    found = models.measured_apart("toxicity", None)
    assert set(found) == set(models.HEADINGS)
    assert found["role"] == "toxicity"
    assert found["engine"] == "torch, cpu, 1 threads"
    assert 0 < found["alone"] <= found["best"]
    assert found["batch"] in (1, *models.SIZES)
    assert 1 < found["disk_mb"] < 30
    assert 1 < found["memory_mb"] < found["process_mb"]
    assert models.rows([found])[0][0] == "toxicity"


def test_a_role_without_a_model_is_named():
    with pytest.raises(BadModel, match="chat cannot be measured"):
        models.measured_apart("chat", None)


def test_a_question_goes_with_each_passage():
    assert models.inputs_of(Task.EXTRACTION)[0] == (models.QUESTION, models.inputs_of(Task.CLASSIFICATION)[0])
    assert len(set(models.inputs_of(Task.EMBEDDING))) == models.TEXTS
    assert len(models.inputs_of(Task.TRANSLATION)) == models.WRITTEN
