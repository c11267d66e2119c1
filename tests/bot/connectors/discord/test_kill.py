"""The bot on Discord is killed again and again under every fault: nothing is lost, nothing is seen twice.

The long form: `KILLS=200`.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.testing.discord import Dice, FakeDiscord

KILLS = int(os.environ.get("KILLS", "2"))
PEOPLE = 40
PER_SECOND = 20
QUIET_SECONDS = 90.0
CHILD = Path(__file__).with_name("child.py")


class Killable:
    """A bot in a process of its own."""

    def __init__(self, folder: Path, discord: FakeDiscord) -> None:
        self._arguments = (str(CHILD), str(folder), str(discord.port), str(discord.ca_file))
        self._log = folder / "log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(sys.executable, *self._arguments, stderr=log)

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 40)


@asynccontextmanager
async def feeding(discord: FakeDiscord) -> AsyncIterator[list[tuple[int, str]]]:
    """People write numbered direct messages until left; where and what."""
    written: list[tuple[int, str]] = []

    async def feed() -> None:
        while True:
            text, name = f"number {len(written)}", f"person{len(written) % PEOPLE}"
            room = discord.dm(name)
            discord.say(room, f"echo {text}", author=name)
            written.append((room, text))
            await asyncio.sleep(1 / PER_SECOND)

    feeder = asyncio.create_task(feed())
    try:
        yield written
    finally:
        feeder.cancel()


def shown(discord: FakeDiscord) -> list[tuple[int, str]]:
    rooms = [discord.dm(f"person{each}") for each in range(PEOPLE)]
    return [(room, each.content) for room in rooms for each in discord.shown(room)]


@pytest.mark.timeout(3600)
async def test_killed_at_random(tmp_path: Path) -> None:
    dice = Dice(busy=0.03, broken=0.03, lost_answer=0.04, duplicate=0.05, reorder=0.03)
    chance = random.Random(20)
    async with FakeDiscord(dice=dice).serving() as discord:
        bot = Killable(tmp_path, discord)
        await bot.start()
        await discord.until(lambda: discord.online, within=40)
        async with feeding(discord) as written:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(1.0, 4.0))
                await bot.kill()
                await bot.start()
        await discord.until(lambda: set(written) <= set(shown(discord)), within=QUIET_SECONDS)
        assert await bot.stop() == 0
        assert sorted(shown(discord)) == sorted(written)
        assert len(discord.identifies) <= 1 + KILLS // 10
