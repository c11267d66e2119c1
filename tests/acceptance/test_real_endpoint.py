"""The endpoint's client against a real server that others wrote: `transformers serve` with a tiny model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from bot.endpoint.client import Endpoint
from bot.endpoint.options import EndpointOptions
from bot.errors import DeadlineExceeded, Uncomputable, WorkerUnavailable
from bot.models import Speaker, Turn

if TYPE_CHECKING:
    from tests.acceptance.conftest import ModelServer

pytestmark = pytest.mark.timeout(400)

SAID = (Turn(Speaker.SYSTEM, "is good"), Turn(Speaker.PERSON, "who sat on the mat"))
ROLES = frozenset({"chat", "translation", "summary", "sentiment"})
LONG = 1500

Open = Callable[..., Endpoint]


@pytest.fixture
def connect(model_server: ModelServer) -> Open:
    """Makes clients of the server; options may be given."""

    def opened(**options: Any) -> Endpoint:
        given = {"url": model_server.url, "model": model_server.model, "roles": ROLES, "max_tokens": 4000}
        return Endpoint(EndpointOptions(**(given | options)))

    return opened


async def said(endpoint: Endpoint, most_tokens: int = 12) -> list[str]:
    return [piece async for piece in endpoint.generate(SAID, most_tokens=most_tokens)]


async def test_an_answer_is_streamed_and_the_same_each_time(connect: Open) -> None:
    async with connect() as endpoint:
        pieces = await said(endpoint)
        assert len(pieces) > 5
        assert pieces[-1] == " …"
        several = await asyncio.gather(*(said(endpoint) for _ in range(3)))
    assert ["".join(each) for each in several] == ["".join(pieces)] * 3


async def test_an_answer_that_is_left_costs_nothing_more(connect: Open) -> None:
    async with connect(concurrency=1) as endpoint:
        async with aclosing(endpoint.generate(SAID, most_tokens=LONG)) as pieces:
            first = await anext(pieces)
        began = time.monotonic()
        again = await said(endpoint)
        assert again[0] == first
        assert time.monotonic() - began < 30
        with pytest.raises(DeadlineExceeded):
            async for _ in endpoint.generate(SAID, most_tokens=LONG, deadline=0.2):
                pass
        assert await said(endpoint) == again


async def test_a_model_it_does_not_have_is_told(connect: Open) -> None:
    async with connect(model="nonsense") as endpoint:
        with pytest.raises(Uncomputable, match="no such model"):
            await said(endpoint)


async def test_its_models_are_listed(connect: Open) -> None:
    async with connect() as endpoint:
        assert isinstance(await endpoint.models(), list)


async def test_texts_are_written_and_nonsense_is_no_label(connect: Open) -> None:
    labels = {"sentiment": ("negative", "neutral", "positive")}
    async with connect(max_tokens=12, labels=labels) as endpoint:
        summaries = await endpoint.summarize(["the cat sat on the mat", "the dog is good"])
        assert len(summaries) == 2
        assert all(summaries)
        with pytest.raises(Uncomputable, match="probabilities"):
            await endpoint.classify(["the cat is good"])
        with pytest.raises(WorkerUnavailable, match="knows no model"):
            await endpoint.embed(["it has no such address"])


async def test_a_server_killed_in_mid_stream_leaves_what_was_said(
    connect: Open, model_server: ModelServer
) -> None:
    """The last test: there is no server after it."""
    heard: list[str] = []

    async def listen(endpoint: Endpoint) -> None:
        async for piece in endpoint.generate(SAID, most_tokens=LONG):
            heard.append(piece)
            if len(heard) == 3:
                model_server.kill()

    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="broke off"):
            await listen(endpoint)
        assert len(heard) >= 3
        with pytest.raises(WorkerUnavailable, match="cannot be reached"):
            await said(endpoint)
