"""The bot is killed on Discord and on Slack: nothing is lost, nothing is seen twice.

The real client libraries run against fakes of the platforms that fail in every way they can.
The long form: `KILLS=200 make test-kill`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot import faults
from bot.testing.discord import Dice as DiscordDice
from bot.testing.discord import FakeDiscord
from bot.testing.slack import Dice as SlackDice
from bot.testing.slack import FakeSlack

KILLS = int(os.environ.get("KILLS", "6"))
EVENTS_PER_SECOND = 100
ADDRESSED = 20  # one of so many is for the bot, the others are people talking
PEOPLE = 60
CHANNELS = 8
UNFINISHED = """SELECT 1 FROM outbox WHERE state <> 'sent' UNION ALL
SELECT 1 FROM inbox WHERE state NOT IN ('answered', 'no_reply_needed') LIMIT 1"""
# Slack's history is read back 50 times a minute: after the long form that alone takes minutes.
QUIET_SECONDS = 90.0 if KILLS < 50 else 900.0
CHILD = Path(__file__).with_name("platform_bot.py")


@dataclass
class Written:
    """What people wrote: the texts for the bot by place, and the keys of everything."""

    asked: list[tuple[Any, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class Platform(Protocol):
    """One fake, driven the same way for both."""

    def child(self) -> dict[str, Any]:
        """What the bot's process must know."""

    def is_online(self) -> bool:
        """Whether the bot is connected."""

    def ask(self, number: int) -> tuple[Any, str]:
        """Somebody asks the bot by direct message; where, and the event's key."""

    def talk(self, number: int) -> str:
        """Somebody says something to somebody else; the event's key."""

    def texts(self, place: Any) -> list[str]:
        """What the bot shows in a place."""


class OnDiscord:
    """Direct messages and talkative channels on the fake Discord."""

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake
        self.direct = [fake.dm(f"person {number}") for number in range(PEOPLE)]
        self.channels = [fake.add_channel(f"talk-{number}") for number in range(CHANNELS)]

    def child(self) -> dict[str, Any]:
        fake = self.fake
        return {
            "platform": "discord",
            "token": fake.token,
            "port": fake.port,
            "ca_file": str(fake.ca_file),
        }

    def is_online(self) -> bool:
        return bool(self.fake.online)

    def ask(self, number: int) -> tuple[Any, str]:
        place = self.direct[number % PEOPLE]
        key = self.fake.say(place, f"echo number {number}", author=f"person {number % PEOPLE}")
        return place, f"discord:{key}"

    def talk(self, number: int) -> str:
        return f"discord:{self.fake.say(self.channels[number % CHANNELS], f'talk {number}')}"

    def texts(self, place: Any) -> list[str]:
        return [each.content for each in self.fake.shown(place)]


class OnSlack:
    """A thread with each person and talkative channels on the fake Slack."""

    def __init__(self, fake: FakeSlack) -> None:
        self.fake = fake
        self.direct = [fake.dm(f"person {number}") for number in range(PEOPLE)]
        self.channels = [fake.add_channel(f"talk-{number}") for number in range(CHANNELS)]
        self.threads: dict[str, str] = {}

    def child(self) -> dict[str, Any]:
        fake = self.fake
        return {
            "platform": "slack",
            "bot_token": fake.bot_token,
            "app_token": fake.app_token,
            "api_url": fake.api_url,
        }

    def is_online(self) -> bool:
        return self.fake.sockets > 0

    def ask(self, number: int) -> tuple[Any, str]:
        place = self.direct[number % PEOPLE]
        begun = self.threads.get(place)
        ts = self.fake.say(place, f"echo number {number}", author=f"person {number % PEOPLE}", thread=begun)
        self.threads.setdefault(place, ts)
        return place, f"slack:{self.fake.team_id}:{place}:{ts}"

    def talk(self, number: int) -> str:
        channel = self.channels[number % CHANNELS]
        ts = self.fake.say(channel, f"talk {number}")
        return f"slack:{self.fake.team_id}:{channel}:{ts}"

    def texts(self, place: Any) -> list[str]:
        return [each.text for each in self.fake.shown(place, self.threads[place])]


@asynccontextmanager
async def discord(faulty: bool = True) -> AsyncIterator[OnDiscord]:
    dice = DiscordDice(busy=0.03, broken=0.03, lost_answer=0.04, duplicate=0.05, reorder=0.02)
    async with FakeDiscord(dice=dice if faulty else None, seed=7, check=False).serving() as fake:
        yield OnDiscord(fake)


@asynccontextmanager
async def slack(faulty: bool = True) -> AsyncIterator[OnSlack]:
    dice = SlackDice(busy=0.03, broken=0.03, lost_answer=0.04, duplicate=0.05, reorder=0.02)
    async with FakeSlack(dice=dice if faulty else None, seed=7).serving() as fake:
        yield OnSlack(fake)


PLATFORMS = {"discord": discord, "slack": slack}


class Killable:
    """A bot in a process of its own, started again whenever it dies."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self._wanted = platform.child() | {"data_dir": str(folder / "data")}
        self._log = folder / "bot.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, **points: int) -> asyncio.subprocess.Process:
        wanted = json.dumps(self._wanted | {"points": points})
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(CHILD), wanted, stderr=log, stdout=log
            )
        return self.process

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 60)

    def log(self) -> str:
        return self._log.read_text()


@asynccontextmanager
async def feeding(platform: Platform, *, per_second: float) -> AsyncIterator[Written]:
    """People write until left; everyone has met the bot before, so that it knows where they are."""
    written = Written()

    def ask() -> None:
        number = len(written.asked)
        place, key = platform.ask(number)
        written.asked.append((place, f"number {number}"))
        written.keys.append(key)

    async def feed() -> None:
        due, number = asyncio.get_running_loop().time(), 0
        while True:
            number += 1
            if number % ADDRESSED:
                written.keys.append(platform.talk(number))
            else:
                ask()
            due += 1 / per_second
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async with asyncio.timeout(60):
        while not platform.is_online():
            await asyncio.sleep(0.05)
    for _ in range(PEOPLE):
        ask()
    feeder = asyncio.create_task(feed())
    try:
        yield written
    finally:
        feeder.cancel()
        await asyncio.wait([feeder])
        if not feeder.cancelled():
            feeder.result()


async def settled(platform: Platform, written: Written, folder: Path) -> None:
    """Wait until all asked is answered and all heard is stored and ended, or nothing happens any more."""
    loop = asyncio.get_running_loop()
    last, since = -1, loop.time()
    while loop.time() - since < QUIET_SECONDS:
        answered, heard = len(shown(platform, written)), stored(folder)
        done = answered >= len(written.asked) and heard >= len(written.keys)
        if done and not rows(folder, UNFINISHED):
            return
        if answered + heard != last:
            last, since = answered + heard, loop.time()
        await asyncio.sleep(0.25)


async def at_work(folder: Path) -> None:
    """Wait until the bot, just started, stores events again: however slow this machine is."""
    before = stored(folder)
    async with asyncio.timeout(60):
        while stored(folder) <= before:
            await asyncio.sleep(0.1)


def shown(platform: Platform, written: Written) -> set[tuple[Any, str]]:
    return {(place, text) for place in {each for each, _ in written.asked} for text in platform.texts(place)}


def repeated(platform: Platform, written: Written) -> list[str]:
    texts = Counter(text for place in {each for each, _ in written.asked} for text in platform.texts(place))
    return [text for text, count in texts.items() if count > 1]


def states(folder: Path) -> dict[str, str]:
    """The inbox by key, as it is on disk."""
    return dict(rows(folder, "SELECT key, state FROM inbox"))


def stored(folder: Path) -> int:
    """How many events are in the inbox."""
    counts = rows(folder, "SELECT count(*) FROM inbox")
    return int(counts[0][0]) if counts else 0


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database on disk says; nothing while there is none."""
    file = folder / "data" / "parley.sqlite3"
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def assert_oracle(folder: Path, platform: Platform, written: Written, bot: Killable) -> None:
    """Lost = 0, seen twice = 0 but for what Slack left in doubt, everything terminal, the database whole."""
    seen = shown(platform, written)
    missing = [each for each in written.asked if each not in seen]
    assert not missing, f"{len(missing)} of {len(written.asked)} not answered, first {missing[:3]}"
    kept = states(folder)
    lost = [key for key in written.keys if key not in kept]
    assert not lost, f"{len(lost)} of {len(written.keys)} events never stored, first {lost[:3]}"
    assert {kept[key] for key in written.keys} <= {"answered", "no_reply_needed"}
    in_doubt = bot.log().count("is sent again: no trace")
    assert len(repeated(platform, written)) <= in_doubt, (repeated(platform, written), in_doubt)
    connection = sqlite3.connect(folder / "data" / "parley.sqlite3")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM outbox WHERE state <> 'sent'").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.timeout(7200)
async def test_killed_at_random(tmp_path: Path, name: str) -> None:
    chance = random.Random(20)
    async with PLATFORMS[name]() as platform:
        bot = Killable(tmp_path, platform)
        await bot.start()
        async with feeding(platform, per_second=EVENTS_PER_SECOND) as written:
            for _ in range(KILLS):
                await at_work(tmp_path)
                await asyncio.sleep(chance.uniform(0.0, 2.0))
                await bot.kill()
                await bot.start()
            await asyncio.sleep(2)
        await settled(platform, written, tmp_path)
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_oracle(tmp_path, platform, written, bot)


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.timeout(1200)
async def test_killed_at_every_crash_point(tmp_path: Path, name: str) -> None:
    """One bot dies at one point after the other, while people go on writing."""
    async with PLATFORMS[name](faulty=False) as platform:
        bot = Killable(tmp_path, platform)
        await bot.start()
        async with feeding(platform, per_second=40) as written:
            await at_work(tmp_path)
            await bot.kill()
            for point in faults.POINTS:
                process = await bot.start(**{point: 2})
                assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL, bot.log()[-2000:]
            await bot.start()
        await settled(platform, written, tmp_path)
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_oracle(tmp_path, platform, written, bot)
