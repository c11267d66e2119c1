"""A shadow is asked behind the answer, and never stands in its way."""

import asyncio

import pytest

from bot.catalogue import shadowing
from bot.catalogue.agreement import Agreements
from bot.catalogue.shadowing import Shadow, ShadowedModels
from bot.errors import Overloaded
from bot.message import Priority
from bot.models import Labels
from bot.testing import FakeModels

PLACE = "sentiment.shadow"


class Both(FakeModels):
    """The live model, and a shadow that finds everything neutral, waits, or fails when told."""

    def __init__(self):
        super().__init__()
        self.shadow_asked = []
        self.priorities = set()
        self.go = asyncio.Event()
        self.go.set()
        self.error = None

    def roles(self):
        return super().roles() | {PLACE}

    async def classify(self, texts, *, role="sentiment", priority=Priority.PERSON, **others):
        if role != PLACE:
            return await super().classify(texts, role=role, priority=priority, **others)
        self.shadow_asked += texts
        self.priorities.add(priority)
        await self.go.wait()
        if self.error:
            raise self.error
        return [Labels((("neutral", 1.0),)) for _ in texts]


@pytest.fixture
def agreements(tmp_path):
    return Agreements(tmp_path / "models")


@pytest.fixture
def both():
    return Both()


def shadowed(both, agreements, share=1.0):
    models = ShadowedModels(both, agreements, share=share, seed=1)
    models.follow({"sentiment": Shadow("mood-2", "built-in")})
    return models


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_both_are_asked_and_what_they_say_is_counted_and_kept(both, agreements):
    async with shadowed(both, agreements).shadowing() as models:
        answers = await models.classify(["great", "so", "so"])
        assert [each.label for each in answers] == ["positive", "neutral", "neutral"]
        await models.classify(["hello"], role="toxicity")
        await until(lambda: len(both.shadow_asked) == 3)
    assert both.priorities == {Priority.BACKGROUND}
    found = agreements.read()["mood-2"]
    assert found.confusion == {"positive": {"neutral": 1}, "neutral": {"neutral": 2}}
    assert (found.against, found.failed) == ("built-in", 0)
    assert "great" not in (agreements._folder / "agreements.json").read_text()


async def test_the_live_answer_does_not_wait_for_a_shadow_that_hangs(both, agreements):
    both.go.clear()
    async with shadowed(both, agreements).shadowing() as models:
        async with asyncio.timeout(5):
            for _ in range(40):
                assert len(await models.classify(["great"] * 10)) == 10
        await until(lambda: both.shadow_asked)
        assert len(both.shadow_asked) <= shadowing.MOST_AT_ONCE
        assert models._waiting.qsize() <= shadowing.MOST_WAITING


@pytest.mark.parametrize("error", [Overloaded(1.0), RuntimeError("odd")])
async def test_a_shadow_that_fails_is_counted_and_no_more(both, agreements, error):
    both.error = error
    async with shadowed(both, agreements).shadowing() as models:
        assert (await models.classify(["great"]))[0].label == "positive"
        await until(lambda: both.shadow_asked)
        both.error = None
        await models.classify(["so"])
        await until(lambda: len(both.shadow_asked) == 2)
    found = agreements.read()["mood-2"]
    assert (found.texts, found.failed) == (1, 1)


async def test_a_share_of_the_texts_is_drawn(both, agreements):
    async with shadowed(both, agreements, share=0.25).shadowing() as models:
        for _ in range(100):
            await models.classify(["a", "b", "c", "d"])
            await asyncio.sleep(0)
        await until(lambda: models._waiting.empty())
    assert 60 <= agreements.read()["mood-2"].texts <= 140


async def test_nothing_is_asked_without_a_shadow_or_when_none_is_served(both, agreements):
    models = ShadowedModels(both, agreements, share=1.0)
    async with models.shadowing():
        await models.classify(["great"])
        models.follow({"toxicity": Shadow("tox-2", "built-in")})
        await models.classify(["great"], role="toxicity")
        await until(lambda: models._waiting.empty())
        await asyncio.sleep(0.05)
    assert both.shadow_asked == []
    assert agreements.read() == {}


async def test_shadows_are_no_roles_that_skills_see(both, agreements):
    assert PLACE not in shadowed(both, agreements).roles()
    assert "sentiment" in shadowed(both, agreements).roles()


async def test_counts_that_cannot_be_written_are_kept_for_later(both, agreements, caplog):
    (agreements._folder.parent / "models").write_text("in the way")
    async with shadowed(both, agreements).shadowing() as models:
        await models.classify(["so"])
        await until(lambda: models._counted)
        await models._keep()
        assert "not kept" in caplog.text
        agreements._folder.unlink()
    assert agreements.read()["mood-2"].texts == 1
