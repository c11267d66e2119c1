"""The way to the fake, and nowhere else."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest

from bot.testing.discord import FakeDiscord, loopback_connector

CHILD = """
import asyncio, sys, discord
from pathlib import Path
from bot.testing.discord import loopback_connector

async def main(port, ca_file, token):
    connector = loopback_connector(int(port), Path(ca_file))
    client = discord.Client(intents=discord.Intents.all(), connector=connector, guild_ready_timeout=0.05)

    @client.event
    async def on_message(message):
        if not message.author.bot:
            await message.reply("from a child")
            await client.close()

    await client.start(token)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_other_hosts_are_refused(fake: FakeDiscord) -> None:
    async with aiohttp.ClientSession(connector=fake.connector()) as session:
        for host in ("example.org", "notdiscord.com", "discord.com.example.org"):
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"https://{host}/")
    assert fake.requests == []


@pytest.mark.parametrize("host", ["discord.com", "cdn.discordapp.com", "media.discordapp.net"])
async def test_discords_hosts_are_the_fake(fake: FakeDiscord, host: str) -> None:
    async with (
        aiohttp.ClientSession(connector=fake.connector()) as session,
        session.get(f"https://{host}/api/v10/gateway") as response,
    ):
        assert response.status == 200


async def test_certificate_of_another_fake_is_not_trusted(fake: FakeDiscord) -> None:
    async with FakeDiscord().serving() as other:
        connector = loopback_connector(fake.port, other.ca_file)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("https://discord.com/")


async def test_client_in_another_process(fake: FakeDiscord) -> None:
    arguments = ("-c", CHILD, str(fake.port), str(fake.ca_file), fake.token)
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    try:
        await fake.until(lambda: fake.online, within=30)
        said = fake.say(fake.general_id, "who is there?")
        [shown] = await fake.answers(fake.general_id)
        assert (shown.content, shown.reference) == ("from a child", said)
        assert await asyncio.wait_for(child.wait(), 10) == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_seed_decides_the_token(fake: FakeDiscord) -> None:
    tokens: list[Any] = [FakeDiscord(seed=1).token, FakeDiscord(seed=1).token, FakeDiscord(seed=2).token]
    assert tokens[0] == tokens[1] != tokens[2]
