"""The strict fake: limits as documented."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.testing.discord import FakeDiscord
from bot.testing.discord.limits import Limits


@pytest.fixture
def options() -> dict[str, Any]:
    return {"strict": True}


async def test_sixth_message_in_five_seconds_is_refused(
    fake: FakeDiscord, http: aiohttp.ClientSession, api: str
) -> None:
    url = f"{api}/channels/{fake.general_id}/messages"
    remaining = []
    for number in range(5):
        async with http.post(url, json={"content": str(number)}) as response:
            assert response.status == 200
            remaining.append(response.headers["X-RateLimit-Remaining"])
    async with http.post(url, json={"content": "5"}) as response:
        refusal = await response.json()
        headers = response.headers
        assert response.status == 429
    assert remaining == ["4", "3", "2", "1", "0"]
    assert 4 < refusal["retry_after"] <= 5
    assert refusal["global"] is False
    assert (headers["X-RateLimit-Scope"], headers["Via"]) == ("user", "1.1 google")
    assert 4 < float(headers["X-RateLimit-Reset-After"]) <= 5
    other = fake.add_channel("other")
    async with http.post(f"{api}/channels/{other}/messages", json={"content": "5"}) as response:
        assert response.status == 200
    assert (fake.limited, fake.posts) == (1, 6)


async def test_client_that_heeds_the_headers_is_never_refused(fake: FakeDiscord, connect: Any) -> None:
    channels = [fake.add_channel(f"channel-{number}") for number in range(4)]
    client = await connect()

    async def fill(channel: int) -> None:
        for number in range(6):
            await client.get_channel(channel).send(str(number))

    async with asyncio.TaskGroup() as group:
        for channel in channels:
            group.create_task(fill(channel))
    assert fake.limited == 0
    assert all([each.content for each in fake.shown(c)] == list("012345") for c in channels)


async def test_more_than_fifty_requests_a_second_are_refused(
    fake: FakeDiscord, http: aiohttp.ClientSession, api: str
) -> None:
    async def ask() -> tuple[int, str | None]:
        async with http.get(f"{api}/users/@me") as response:
            return response.status, response.headers.get("X-RateLimit-Global")

    answers = await asyncio.gather(*(ask() for _ in range(60)))
    assert sorted({status for status, _ in answers}) == [200, 429]
    assert {told for status, told in answers if status == 429} == {"true"}
    assert fake.limited == sum(status == 429 for status, _ in answers) <= 10


def test_interactions_are_free_of_the_global_limit() -> None:
    limits = Limits()
    route = "/interactions/{interaction_id}/{interaction_token}/callback"
    assert all(limits.check("POST", route, "") == (None, {}) for _ in range(200))
    assert limits.limited == 0
