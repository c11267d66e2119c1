"""A bot's models follow the catalogue while it runs."""

import asyncio

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.assembly import open_lasting_models, registry_of, with_encoder_of
from bot.catalogue import following, shadowing
from bot.catalogue.adding import Addition, add
from bot.catalogue.agreement import Agreements
from bot.models import BUILT_IN
from bot.settings import Settings, WorkerSettings
from bot.worker.options import ModelChoice


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The folder of a tiny recurrent network of random weights, with labels of its own."""
    import torch

    from bot.networks import register
    from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification
    from bot.training.rows.subwords import learn_subwords

    register()
    folder = tmp_path_factory.mktemp("classifier")
    tokenizer = learn_subwords(["great awful house"] * 3, size=300, folded=True)
    names = {0: "left", 1: "right"}
    torch.manual_seed(1)
    config = RecurrentConfig(
        vocab_size=len(tokenizer),
        embedding_size=8,
        hidden_size=8,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    RecurrentForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(shadowing, "WRITE_SECONDS", 0.05)


async def until(condition, seconds=120):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.timeout(600)
async def test_a_running_bot_asks_a_shadow_takes_a_promotion_over_and_goes_back(tmp_path, classifier):
    settings = Settings(data_dir=tmp_path / "data", worker=WorkerSettings(shadow_share=1.0, threads=1))
    registry = registry_of(settings)
    add(registry, Addition("sentiment", str(classifier), "mood-2"))
    async with open_lasting_models(settings) as models:
        first = (await models.classify(["great"], deadline=120))[0]
        assert "positive" in dict(first.probabilities)

        registry.change(lambda register: register.with_shadow("mood-2"))
        await until(lambda: models.workers()[0].roles and "sentiment.shadow" in _roles(models))
        assert "sentiment.shadow" not in models.roles()
        await models.classify(["great", "awful"], deadline=120)
        await until(lambda: "mood-2" in Agreements(registry.folder).read())
        found = Agreements(registry.folder).read()["mood-2"]
        assert (found.texts, found.against) == (2, BUILT_IN)

        registry.change(lambda register: register.with_live("mood-2"))
        await until(lambda: models.origin("sentiment") == "mood-2")
        second = (await models.classify(["great"], deadline=120))[0]
        assert {name for name, _ in second.probabilities} == {"left", "right"}

        registry.change(lambda register: register.rolled_back("sentiment", registry.is_whole))
        await until(lambda: models.origin("sentiment") == BUILT_IN)
        third = (await models.classify(["great"], deadline=120))[0]
        assert third.label == first.label


def _roles(models):
    return {role.role for role in models.workers()[0].roles}


def test_a_running_encoder_stays_until_the_next_start(tmp_path):
    old, new = ModelChoice(tmp_path / "old"), ModelChoice(tmp_path / "new")
    mood = {"sentiment": ModelChoice(tmp_path)}
    assert with_encoder_of({"embedding": old}, {"embedding": new, **mood}) == {"embedding": old, **mood}
    assert with_encoder_of({}, {"embedding": new, **mood}) == mood
