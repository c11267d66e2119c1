"""A server of big models on loopback, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from bot.endpoint.client import Endpoint
from bot.endpoint.options import EndpointOptions
from bot.testing.endpoint import FakeEndpoint

Open = Callable[..., AbstractAsyncContextManager[Endpoint]]


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    async with FakeEndpoint().serving() as running:
        yield running


@pytest.fixture
def connect(server: FakeEndpoint) -> Open:
    """Opens a client of the server; options may be given."""

    def opened(**options: object) -> Endpoint:
        given = {"url": server.url, "model": "tiny", "seconds": 10.0} | options
        return Endpoint(EndpointOptions(**given))

    return opened
