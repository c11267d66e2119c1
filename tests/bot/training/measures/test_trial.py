"""Whether a version answers, and with labels that its role knows."""

import numpy as np
import pytest

from bot.catalogue.adding import Addition, add
from bot.catalogue.registry import Registry
from bot.errors import BadInput, BadModel
from bot.models import TASKS, Labels
from bot.settings import Settings
from bot.testing import FakeModels
from bot.training.measures import trial
from bot.training.measures.trial import answers_of, available_mb, check_labels, check_memory, opened, try_out
from bot.training.rows.data import Example


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "data" / "models")


@pytest.fixture
def version(registry, trained):
    return add(registry, Addition("sentiment", str(trained), "mood-2"))


@pytest.mark.parametrize("role", sorted(TASKS))
async def test_every_kind_of_model_is_asked(role):
    models = FakeModels()
    labels = await try_out(models, role, TASKS[role])
    assert bool(labels) == (TASKS[role] == "classification")
    models.down = True
    if TASKS[role] in ("classification", "embedding"):
        from bot.errors import WorkerUnavailable

        with pytest.raises(WorkerUnavailable):
            await try_out(models, role, TASKS[role])


async def test_numbers_that_are_none_are_no_answers():
    class Broken(FakeModels):
        async def embed(self, texts, **others):
            return np.full((len(texts), 2), np.nan, np.float32)

        async def classify(self, texts, **others):
            return [Labels((("positive", float("nan")),)) for _ in texts]

    for role in ("embedding", "sentiment"):
        with pytest.raises(BadModel, match="no numbers"):
            await try_out(Broken(), role, TASKS[role])


def test_labels_have_to_be_those_of_the_role():
    check_labels("sentiment", ["positive", "negative"])
    check_labels("spam", ["anything", "else"])
    with pytest.raises(BadModel, match=r"'LABEL_0', which sentiment does not know.*id2label"):
        check_labels("sentiment", ["LABEL_0", "LABEL_1"])


async def test_answers_are_held_against_labels_in_the_order_of_the_role():
    examples = [Example("great", ("positive",)), Example("awful", ("negative",)), Example("so", ("neutral",))]
    done = []
    answers = await answers_of(FakeModels(), "sentiment", examples, advance=lambda *each: done.append(each))
    assert list(answers.labels) == ["negative", "neutral", "positive"]
    assert answers.given.tolist() == answers.gold.tolist() == [2, 0, 1]
    assert done == [(3, 3)]
    with pytest.raises(BadInput, match="does not know the label 'odd'"):
        await answers_of(FakeModels(), "sentiment", [Example("a", ("odd",))])


def test_too_little_memory_is_told_before_anything_is_loaded(version, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "MEMORY", tmp_path / "meminfo")
    check_memory(version)
    assert available_mb() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   20480 kB\n")
    assert available_mb() == 20
    with pytest.raises(BadModel, match=r"mood-2 needs about 400 MiB of memory, and 20 MiB are available"):
        check_memory(version)


async def test_altered_files_are_not_loaded(version, registry):
    weights = registry.folder_of(version) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(BadModel, match="is not what was added"):
        async with opened(Settings(), version, registry):
            pass


@pytest.mark.timeout(600)
async def test_a_version_is_loaded_in_a_process_of_its_own(version, registry, tmp_path):
    settings = Settings(data_dir=registry.folder.parent)
    async with opened(settings, version, registry) as models:
        assert await try_out(models, "sentiment", "classification") == ("negative", "neutral", "positive")
        assert models.origin("sentiment") == "mood-2"
    assert not (registry.folder.parent / "run").exists()
