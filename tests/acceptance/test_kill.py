"""The bot is killed, at random and where it hurts most: nothing is lost, nothing is seen twice.

The long form: `KILLS=200 make test-kill`.
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot import faults
from bot.testing.platform import Dice, FakePlatform

KILLS = int(os.environ.get("KILLS", "20"))
CONVERSATIONS = 12
QUIET_SECONDS = 60.0
WATCHING = ("after_watch", "after_watched")  # passed by observers alone


class Killable:
    """A bot in a process of its own, started again whenever it dies."""

    def __init__(self, folder: Path, *, delivery: str = "once", order: str = "safe") -> None:
        self._arguments = [str(folder / "socket"), str(folder / "data"), delivery, order]
        self._folder = folder
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *points: str) -> asyncio.subprocess.Process:
        with (self._folder / "bot.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.testing.platform", *self._arguments, *points, stderr=log
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
        return await asyncio.wait_for(self.process.wait(), 30)

    def log(self) -> str:
        return (self._folder / "bot.log").read_text()


@asynccontextmanager
async def feeding(platform: FakePlatform, *, per_second: float) -> AsyncIterator[list[tuple[str, str]]]:
    """People write numbered messages until left; what they wrote, in order."""
    written: list[tuple[str, str]] = []

    async def feed() -> None:
        while True:
            number = len(written)
            conversation = f"room-{number % CONVERSATIONS}"
            text = f"number {number}"
            platform.say(f"{number}", conversation, f"echo {text}")
            written.append((conversation, text))
            await asyncio.sleep(1 / per_second)

    feeder = asyncio.create_task(feed())
    try:
        yield written
    finally:
        feeder.cancel()


async def all_shown(platform: FakePlatform, written: list[tuple[str, str]]) -> None:
    """Wait until everything written is answered, or nothing has happened for a long time."""
    loop = asyncio.get_running_loop()
    shown, since = -1, loop.time()
    while not set(written) <= set(platform.shown) or platform.unacknowledged:
        if len(platform.shown) != shown:
            shown, since = len(platform.shown), loop.time()
        if loop.time() - since > QUIET_SECONDS / (1 if KILLS > 20 else 4):
            return
        await asyncio.sleep(0.05)


def database_verdict(folder: Path) -> tuple[str, dict[str, int], int]:
    """Integrity, inbox rows by state, and outbox rows not sent."""
    with sqlite3.connect(folder / "data" / "parley.sqlite3") as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        states = dict(connection.execute("SELECT state, count(*) FROM inbox GROUP BY state").fetchall())
        unsent = connection.execute("SELECT count(*) FROM outbox WHERE state <> 'sent'").fetchone()[0]
    connection.close()
    return integrity, states, unsent


def assert_oracle(folder: Path, platform: FakePlatform, written: list[tuple[str, str]]) -> None:
    """Lost = 0, visible duplicates = 0, everything terminal, the database whole."""
    lost = [each for each in written if each not in set(platform.shown)]
    assert not lost, f"{len(lost)} of {len(written)} lost, first {lost[:3]}"
    assert not platform.repeated()
    assert database_verdict(folder) == ("ok", {"answered": len(written)}, 0)


@pytest.mark.parametrize("delivery", ["once", "looks-up"])
@pytest.mark.timeout(1800)
async def test_killed_at_random(tmp_path: Path, delivery: str) -> None:
    dice = Dice(busy=0.03, broken=0.03, lost_answer=0.04, duplicate=0.05)
    bot = Killable(tmp_path, delivery=delivery)
    chance = random.Random(20)
    async with FakePlatform(tmp_path / "socket", delivery == "once", dice).serving() as platform:
        await bot.start()
        async with feeding(platform, per_second=50) as written:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.3, 2.0))
                await bot.kill()
                await bot.start()
            await asyncio.sleep(1)
        await all_shown(platform, written)
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_oracle(tmp_path, platform, written)


@pytest.mark.parametrize("delivery", ["once", "looks-up"])
@pytest.mark.parametrize("point", [each for each in faults.POINTS if each not in WATCHING])
async def test_killed_at_every_crash_point(tmp_path: Path, point: str, delivery: str) -> None:
    bot = Killable(tmp_path, delivery=delivery)
    async with FakePlatform(tmp_path / "socket", delivery == "once").serving() as platform:
        async with feeding(platform, per_second=100) as written:
            for passes in (0, 3):
                process = await bot.start(f"{point}:{passes}")
                assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL, bot.log()[-2000:]
            await bot.start()
        await all_shown(platform, written)
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_oracle(tmp_path, platform, written)


def tallied(folder: Path) -> list[tuple[int, str, str]]:
    """What the observer numbered, in that order: number, conversation, text."""
    with sqlite3.connect(folder / "data" / "parley.sqlite3") as connection:
        rows = connection.execute("SELECT value, conversation, label FROM scores ORDER BY value").fetchall()
    connection.close()
    return [(int(value), conversation.removeprefix("fake:"), text) for value, conversation, text in rows]


async def begun(folder: Path) -> None:
    """Wait until the observer has begun: what happened before is not shown to a new one."""
    async with asyncio.timeout(QUIET_SECONDS):
        while not (folder / "data" / "parley.sqlite3").exists() or not marks(folder):
            await asyncio.sleep(0.1)


def marks(folder: Path) -> list[tuple[str]]:
    with (
        suppress(sqlite3.OperationalError),
        sqlite3.connect(folder / "data" / "parley.sqlite3") as connection,
    ):
        return connection.execute("SELECT value FROM notes WHERE area = 'watching'").fetchall()
    return []


async def all_watched(folder: Path, platform: FakePlatform, count: int) -> None:
    """Wait until the observer has seen so many events and its alerts are shown."""
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            while len(tallied(folder)) < count or len(alerts(platform)) < count // 10:
                await asyncio.sleep(0.1)


def alerts(platform: FakePlatform) -> list[tuple[str, str]]:
    return [shown for shown in platform.shown if shown[0].endswith("-alerts")]


def assert_watched(folder: Path, platform: FakePlatform, written: list[tuple[str, str]]) -> None:
    """Every event numbered once and without a gap, every tenth one told of once."""
    seen = tallied(folder)
    assert [number for number, _, _ in seen] == list(range(1, len(written) + 1))
    assert sorted((place, text.removeprefix("echo ")) for _, place, text in seen) == sorted(written)
    told = [(f"{place}-alerts", f"alert {n}: {text}") for n, place, text in seen if n % 10 == 0]
    assert sorted(alerts(platform)) == sorted(told)


@pytest.mark.timeout(1800)
async def test_observers_skip_and_repeat_nothing_when_killed(tmp_path: Path) -> None:
    dice = Dice(busy=0.03, broken=0.03, lost_answer=0.04, duplicate=0.05)
    bot = Killable(tmp_path)
    chance = random.Random(20)
    async with FakePlatform(tmp_path / "socket", dice=dice).serving() as platform:
        await bot.start("watched")
        await begun(tmp_path)
        async with feeding(platform, per_second=50) as written:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.3, 2.0))
                await bot.kill()
                await bot.start("watched")
            await asyncio.sleep(1)
        await all_shown(platform, written)
        await all_watched(tmp_path, platform, len(written))
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_watched(tmp_path, platform, written)
        assert_oracle(tmp_path, platform, written)


@pytest.mark.parametrize("point", WATCHING)
async def test_observers_skip_and_repeat_nothing_when_killed_at_a_crash_point(
    tmp_path: Path, point: str
) -> None:
    bot = Killable(tmp_path)
    async with FakePlatform(tmp_path / "socket").serving() as platform:
        await bot.start("watched")
        await begun(tmp_path)
        async with feeding(platform, per_second=100) as written:
            await bot.kill()
            for passes in (0, 3):
                process = await bot.start("watched", f"{point}:{passes}")
                assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL, bot.log()[-2000:]
            await bot.start("watched")
            await asyncio.sleep(1)
        await all_shown(platform, written)
        await all_watched(tmp_path, platform, len(written))
        assert await bot.stop() == 0, bot.log()[-2000:]
        assert_watched(tmp_path, platform, written)


async def test_acknowledging_before_the_commit_loses_messages(tmp_path: Path) -> None:
    """The proof that the oracle sees a loss: the same bot with its promise broken."""
    bot = Killable(tmp_path, order="acknowledges-first")
    async with FakePlatform(tmp_path / "socket").serving() as platform:
        async with feeding(platform, per_second=100) as written:
            for _ in range(3):
                process = await bot.start("before_accept:5")
                await asyncio.wait_for(process.wait(), 30)
            await bot.start()
        await all_shown(platform, written)
        await bot.stop()
        with pytest.raises(AssertionError, match="lost"):
            assert_oracle(tmp_path, platform, written)


async def test_message_that_kills_the_process_is_put_aside(tmp_path: Path) -> None:
    bot = Killable(tmp_path)
    async with FakePlatform(tmp_path / "socket").serving() as platform:
        written = [(f"room-{number}", f"number {number}") for number in range(30)]
        platform.say("poison", "room-poison", "abort")
        for number, (conversation, text) in enumerate(written):
            platform.say(str(number), conversation, f"echo {text}")
        deaths = 0
        while deaths < 6:
            process = await bot.start()
            answered = asyncio.create_task(all_shown(platform, written))
            ended = asyncio.create_task(process.wait())
            await asyncio.wait([ended, answered], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([ended], timeout=4)
            answered.cancel()
            if not ended.done():
                break
            deaths += 1
        assert await bot.stop() == 0
        assert deaths == 3
        assert set(written) <= set(platform.shown)
        integrity, states, _ = database_verdict(tmp_path)
        assert (integrity, states) == ("ok", {"answered": 30, "dead_letter": 1})


def test_every_crash_point_is_reached_by_the_code() -> None:
    """Each name stands in the code, and each place in the code has a name."""
    sources = Path(faults.__file__).parent
    reached = {
        line.split('faults.reach("')[1].split('"')[0]
        for file in sources.rglob("*.py")
        for line in file.read_text().splitlines()
        if 'faults.reach("' in line
    }
    assert reached == set(faults.POINTS)
