"""Models of several engines as one, put together from the settings."""

import sys
from pathlib import Path

import pytest

from bot.assembly import open_models
from bot.composed import ComposedModels
from bot.errors import BadSettings, WorkerUnavailable
from bot.models import TASKS, NoModels, Speaker, Turn
from bot.settings import EndpointSettings, Settings, WorkerSettings
from bot.testing import FakeModels
from bot.testing.endpoint import FakeEndpoint

HELLO = [Turn(Speaker.PERSON, "hello there")]


class Only(FakeModels):
    """Fake models that serve some roles alone."""

    def __init__(self, *served: str) -> None:
        super().__init__()
        self._served = frozenset(served)

    def roles(self) -> frozenset[str]:
        return super().roles() & self._served


def chosen(tmp_path: Path, **endpoint: object) -> Settings:
    return Settings(
        data_dir=tmp_path, worker=WorkerSettings(enabled=False), endpoint=EndpointSettings(**endpoint)
    )


async def test_each_role_is_asked_where_it_is_served() -> None:
    worker, writer = FakeModels(), Only("chat", "translation")
    writer.written = "by the writer"
    models = ComposedModels(writer, worker)
    await models.ready()
    assert (await models.embed(["a"])).shape == (1, 256)
    assert (await models.transcribe(b"abc")).text == "heard 3 bytes"
    assert "".join([piece async for piece in models.generate(HELLO)]) == "by the writer"
    assert await models.translate(["a"], target="de") == ["[de] a"]
    assert worker.asked == [("a",)]
    assert worker.turns == ()
    writer.down = True
    assert models.roles() == frozenset(TASKS)
    assert await models.translate(["a"], target="de") == ["[de] a"]
    worker.down = True
    assert models.roles() == frozenset()
    assert models.status() == "down down"


async def test_without_an_endpoint_nothing_writes_and_that_is_said(tmp_path: Path) -> None:
    async with open_models(chosen(tmp_path)) as models:
        assert isinstance(models, NoModels)
        assert models.roles() == frozenset()
        with pytest.raises(WorkerUnavailable, match=r"Set endpoint\.url and endpoint\.model"):
            models.generate(HELLO)


async def test_with_an_endpoint_chat_works_without_a_worker(tmp_path: Path) -> None:
    async with (
        FakeEndpoint().serving() as server,
        open_models(chosen(tmp_path, url=server.url, model="tiny")) as models,
    ):
        assert server.requests == []
        assert models.roles() == {"chat", "translation"}
        assert server.url in models.status()
        assert "".join([piece async for piece in models.generate(HELLO)]) == "hello there"
        with pytest.raises(WorkerUnavailable, match=r"worker\.enabled"):
            await models.embed(["a"])


async def test_an_endpoint_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "bot.endpoint.client", raising=False)
    with pytest.raises(BadSettings, match=r"parley\[endpoint\]"):
        async with open_models(chosen(tmp_path, url="http://127.0.0.1:9/v1", model="tiny")):
            pass
