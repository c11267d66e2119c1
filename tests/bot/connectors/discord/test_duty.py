"""Two bots with the same token on one database: one is connected, the other takes over in time."""

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot import duty
from bot.settings import Settings
from bot.testing.discord import FakeDiscord
from tests.bot.connectors.discord.conftest import answers, open_bot, until

TAKEOVER_SECONDS = 15


async def test_one_is_connected_and_the_other_takes_over(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duty, "RENEW_SECONDS", 0.1)
    where = discord.dm("ann")
    async with AsyncExitStack() as stack:
        first = AsyncExitStack()
        await first.enter_async_context(open_bot(settings, discord))
        second = await stack.enter_async_context(open_bot(settings, discord, connected=False))
        await until(lambda: "standing by" in second.duty.states()["discord"])
        discord.say(where, "echo one")
        await answers(discord, where)
        assert (discord.online, len(discord.identifies)) == (1, 1)
        await first.aclose()
        discord.say(where, "echo two")
        assert [each.content for each in await answers(discord, where, 2)] == ["one", "two"]
        assert second.duty.states()["discord"] == "ok"
    assert (len(discord.identifies), discord.resumes) == (1, 1)


@pytest.mark.timeout(90)
async def test_a_killed_process_is_replaced_within_fifteen_seconds(
    tmp_path: Path, settings: Settings, discord: FakeDiscord
) -> None:
    where = discord.dm("ann")
    program = (sys.executable, str(Path(__file__).with_name("child.py")))
    place = (str(tmp_path), str(discord.port), str(discord.ca_file))
    with (tmp_path / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(*program, *place, stderr=log)
    try:
        await until(lambda: discord.online == 1, 30)
        discord.say(where, "echo one")
        await answers(discord, where)
        async with open_bot(settings, discord, connected=False) as bot:
            await until(lambda: "standing by" in bot.duty.states()["discord"])
            child.send_signal(signal.SIGKILL)
            await child.wait()
            began = time.monotonic()
            discord.say(where, "echo two")
            assert [each.content for each in await answers(discord, where, 2)] == ["one", "two"]
            assert time.monotonic() - began < TAKEOVER_SECONDS
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
