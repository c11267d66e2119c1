"""Faults: as ordered by a test, and by dice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from bot.testing.discord import Dice, FakeDiscord

MESSAGES = r"^/channels/\d+/messages$"


def busy(seconds: float, **more: Any) -> dict[str, Any]:
    return {"message": "busy", "code": 0, "retry_after": seconds, "global": False} | more


async def test_busy_answer_is_waited_out_by_the_library(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.fail_next("POST", MESSAGES, 429, busy(0.05), {"Via": "1.1 google", "Retry-After": "1"}, times=2)
    await client.general.send("hello")
    statuses = [status for method, path, status in fake.requests if path.endswith("/messages")]
    assert statuses == [429, 429, 200]


async def test_long_wait_is_given_back_by_the_library(fake: FakeDiscord, connect: Any) -> None:
    client = await connect(max_ratelimit_timeout=30)
    fake.fail_next("POST", MESSAGES, 429, busy(86400), {"Via": "1.1 google", "Retry-After": "86400"})
    with pytest.raises(discord.RateLimited) as limited:
        await client.general.send("hello")
    assert limited.value.retry_after == 86400


@pytest.mark.parametrize("body", ["<html>You are being rate limited</html>", busy(1.0)])
async def test_answer_of_a_gate_without_via_is_an_error_at_once(
    fake: FakeDiscord, connect: Any, body: Any
) -> None:
    client = await connect()
    fake.fail_next("POST", MESSAGES, 429, body)
    with pytest.raises(discord.HTTPException) as refused:
        await client.general.send("hello")
    assert refused.value.status == 429


async def test_any_status_and_broken_bodies(fake: FakeDiscord, http: aiohttp.ClientSession, api: str) -> None:
    fake.fail_next("GET", "/users/@me", 503, b"\x1f\x8bgarbage", {"Content-Encoding": "gzip"})
    fake.fail_next("*", "/gateway", 418, {"message": "teapot"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await _read(http, f"{api}/users/@me")
    assert await _read(http, f"{api}/gateway") == (418, b'{"message":"teapot"}')
    assert (await _read(http, f"{api}/gateway"))[0] == 200


async def _read(http: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with http.get(url) as response:
        return response.status, await response.read()


async def test_body_may_drip(fake: FakeDiscord, http: aiohttp.ClientSession) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"drop"
            await asyncio.sleep(0.02)

    fake.fail_next("GET", "^/attachments/", 200, drip)
    assert await _read(http, "https://cdn.discordapp.com/attachments/1/2/slow.bin") == (200, b"drop" * 3)


async def test_refused_after_it_was_accepted(
    fake: FakeDiscord, http: aiohttp.ClientSession, api: str
) -> None:
    fake.fail_next("POST", MESSAGES, 500, "broken", accepted=True)
    url = f"{api}/channels/{fake.general_id}/messages"
    async with http.post(url, json={"content": "hello", "nonce": "k", "enforce_nonce": True}) as response:
        assert response.status == 500
    async with http.post(url, json={"content": "hello", "nonce": "k", "enforce_nonce": True}) as response:
        assert response.status == 200
    assert [each.content for each in fake.shown(fake.general_id)] == ["hello"]


@pytest.mark.parametrize(("accepted", "count"), [(True, 1), (False, 0)])
async def test_lost_answer(fake: FakeDiscord, connect: Any, accepted: bool, count: int) -> None:
    client = await connect()
    fake.lose_next("POST", MESSAGES, accepted=accepted)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await client.general.send("hello", nonce="key")
    assert len(fake.shown(fake.general_id)) == count
    await client.general.send("hello", nonce="key")
    assert len(fake.shown(fake.general_id)) == 1
    assert (fake.requests[-2][2], fake.requests[-1][2]) == (0, 200)


@pytest.mark.parametrize("way", ["refused", "lost"])
async def test_gateway_may_be_out_of_reach(fake: FakeDiscord, connect: Any, way: str) -> None:
    if way == "lost":
        # aiohttp asks once more by itself.
        fake.lose_next("GET", "^/$", 2, accepted=False)
    else:
        fake.fail_next("GET", "^/$", 502, "bad gateway")
    with pytest.raises((aiohttp.WSServerHandshakeError, aiohttp.ServerDisconnectedError, OSError)):
        await connect(reconnects=False)
    await connect()


class TestDice:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"dice": Dice(busy=0.1, broken=0.1, lost_answer=0.1), "seed": 3}

    async def test_with_fixed_nonces_nothing_is_lost_or_doubled(
        self, fake: FakeDiscord, http: aiohttp.ClientSession, api: str
    ) -> None:
        url = f"{api}/channels/{fake.general_id}/messages"
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(_insist(http, url, str(number)))
        assert {each.content for each in fake.shown(fake.general_id)} == {str(n) for n in range(100)}
        assert fake.repeated() == []
        statuses = Counter(status for _, _, status in fake.requests)
        assert statuses[200] >= 80
        assert {0, 429} < set(statuses)
        assert set(statuses) <= {0, 200, 429, 500, 502, 503, 504}

    async def test_same_seed_rolls_the_same(self) -> None:
        def rolls() -> list[str]:
            faults = FakeDiscord(dice=Dice(busy=0.5, lost_answer=0.5), seed=5).faults
            return [repr(faults.rolled()) for _ in range(50)]

        assert rolls() == rolls()
        assert len(set(rolls())) > 3


async def _insist(http: aiohttp.ClientSession, url: str, text: str) -> None:
    body = {"content": text, "nonce": text, "enforce_nonce": True}
    for _ in range(30):
        try:
            async with http.post(url, json=body) as response:
                if response.status == 200:
                    return
                if response.status == 429:
                    assert response.headers["Via"]
                    assert (await response.json())["retry_after"] <= 0.2
        except aiohttp.ClientError:
            continue
    raise AssertionError("thirty times refused")
