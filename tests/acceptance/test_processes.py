"""Four bots on one PostgreSQL: one of them is killed or frozen every ten seconds, and nobody notices.

Each conversation is held by one process at a time; what a dead one held is taken over, what a frozen one
finishes too late is refused. The long form: `KILLS=200 make test-kill`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.testing import platform as platforms
from bot.testing.platform import Dice, FakePlatform

KILLS = int(os.environ.get("KILLS", "6"))
EVERY_SECONDS = 10.0
AWAY_SECONDS = 7.0  # longer than a lease on a conversation and the time until another looks for it
PROCESSES = 4
CONVERSATIONS = 60
PER_SECOND = 40
THINKING_SECONDS = 0.3
CONCURRENCY = 8  # of one process: too few for all that is written
QUIET_SECONDS = 60.0
AGAIN_SECONDS = 1.0  # until an event that is not acknowledged is delivered again
HOLDERS = "SELECT lease_owner, count(*) FROM conversations WHERE lease_owner <> '' GROUP BY 1"
BOT = Path(__file__).with_name("processes_bot.py")


class OrderedPlatform(FakePlatform):
    """One that keeps order: an event goes out when those before it in its conversation are acknowledged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.connected = asyncio.Event()
        self._tried: dict[str, float] = {}

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.set()
        await super()._connected(reader, writer)

    def _deliver(self, event: dict[str, Any]) -> None:
        place, key, now = event["conversation"], event["event"], time.monotonic()
        first = next(each for each in self.unacknowledged.values() if each["conversation"] == place)
        if first is event and now - self._tried.get(key, 0) > AGAIN_SECONDS:
            self._tried[key] = now
            super()._deliver(event)


@dataclass
class Crew:
    """The bots, each in a process of its own, by their place."""

    folder: Path
    url: str
    delivers_once: bool
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, place: int) -> None:
        """Start the process of a place, or another in its stead."""
        wanted = {
            "socket": str(self.folder / "socket"),
            "data_dir": str(self.folder / f"data-{place}"),
            "url": self.url,
            "delivers_once": self.delivers_once,
            "concurrency": CONCURRENCY,
        }
        with (self.folder / f"bot-{place}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(BOT), json.dumps(wanted), stderr=log
            )
        self.processes[place : place + 1] = [process]

    async def kill(self, place: int) -> None:
        self.processes[place].kill()
        await self.processes[place].wait()

    def place_of(self, owner: str) -> int | None:
        """Whose name it is that stands in the database."""
        number = int(owner.split(":")[1])
        return next((n for n, each in enumerate(self.processes) if each.pid == number), None)

    def on_duty(self) -> int:
        """The place of the process that is connected to the platform; the first while there is none."""
        rows = read(self.url, "SELECT owner FROM leases WHERE name = 'fake:shared'")
        return next((place for (owner,) in rows if (place := self.place_of(owner)) is not None), 0)

    async def stop(self) -> list[int | None]:
        """The exit codes."""
        for each in self.processes:
            with suppress(ProcessLookupError):
                each.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(asyncio.gather(*(each.wait() for each in self.processes)), 60)

    def end(self) -> None:
        """Leave none behind, whatever has happened."""
        for each in self.processes:
            with suppress(ProcessLookupError):
                each.kill()

    def logs(self) -> str:
        return "".join(each.read_text() for each in sorted(self.folder.glob("bot-*.log")))


@asynccontextmanager
async def crew_of(folder: Path, url: str, *, delivers_once: bool) -> AsyncIterator[Crew]:
    crew = Crew(folder, url, delivers_once)
    try:
        for place in range(PROCESSES):
            await crew.start(place)
        yield crew
    finally:
        crew.end()


@asynccontextmanager
async def people(platform: FakePlatform) -> AsyncIterator[list[tuple[str, str]]]:
    """Many people write numbered messages until left; what they wrote, in order."""
    written: list[tuple[str, str]] = []
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def write() -> None:
        while True:
            while len(written) < (loop.time() - began) * PER_SECOND:
                number = len(written)
                conversation, text = f"room-{number % CONVERSATIONS}", f"number {number}"
                platform.say(str(number), conversation, f"wait {THINKING_SECONDS} {text}")
                written.append((conversation, text))
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    try:
        yield written
    finally:
        writing.cancel()


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[Counter[str]]:
    """Who held conversations, looked up twice a second: conversations by holder, summed."""
    held: Counter[str] = Counter()

    async def look() -> None:
        while True:
            rows = await asyncio.to_thread(
                read,
                url,
                HOLDERS,
            )
            held.update(dict(rows))
            await asyncio.sleep(0.5)

    looking = asyncio.create_task(look())
    try:
        yield held
    finally:
        looking.cancel()
        await asyncio.wait([looking])


def read(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


async def all_shown(platform: FakePlatform, written: list[tuple[str, str]]) -> None:
    """Wait until everything written is answered, or nothing has happened for a long time."""
    loop = asyncio.get_running_loop()
    shown, since = -1, loop.time()
    while not set(written) <= set(platform.shown) or platform.unacknowledged:
        if len(platform.shown) != shown:
            shown, since = len(platform.shown), loop.time()
        if loop.time() - since > QUIET_SECONDS:
            return
        await asyncio.sleep(0.1)


async def trouble(crew: Crew, number: int) -> None:
    """Kill the process on duty, kill another, freeze a third; each is back after some seconds."""
    on_duty = crew.on_duty()
    place = on_duty if number % 3 == 0 else (on_duty + 1 + number % (PROCESSES - 1)) % PROCESSES
    if number % 3 == 2:
        crew.processes[place].send_signal(signal.SIGSTOP)
        await asyncio.sleep(AWAY_SECONDS)
        crew.processes[place].send_signal(signal.SIGCONT)
    else:
        await crew.kill(place)
        await asyncio.sleep(AWAY_SECONDS)
        await crew.start(place)
    await asyncio.sleep(EVERY_SECONDS - AWAY_SECONDS)


def by_conversation(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for conversation, text in rows:
        found[conversation].append(text)
    return dict(found)


def assert_nothing_lost(url: str, platform: FakePlatform, written: list[tuple[str, str]]) -> None:
    """Every message answered once, in the order in which it was written in its conversation."""
    lost = [each for each in written if each not in set(platform.shown)]
    assert not lost, f"{len(lost)} of {len(written)} lost, first {lost[:3]}"
    assert not platform.repeated()
    assert by_conversation(platform.shown) == by_conversation(written)
    assert read(url, "SELECT state, count(*) FROM inbox GROUP BY 1") == [("answered", len(written))]
    assert read(url, "SELECT state, count(*) FROM outbox GROUP BY 1") == [("sent", len(written))]
    keys = [f"fake:{number}" for number in range(len(written))]
    order = "SELECT array_agg(key ORDER BY id) FROM inbox GROUP BY conversation_id"
    accepted = sorted(row[0] for row in read(url, order))
    assert accepted == sorted(keys[each::CONVERSATIONS] for each in range(CONVERSATIONS))


def report(crew: Crew, held: Counter[str], written: list[tuple[str, str]]) -> str:
    """What the database and the processes saw, for whoever runs this with -s."""
    attempts = read(crew.url, "SELECT attempts, count(*) FROM inbox GROUP BY 1 ORDER BY 1")
    commits = read(crew.url, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    total = sum(held.values())
    shares = ", ".join(f"{100 * count / total:.0f} %" for _, count in held.most_common())
    fenced = crew.logs().count("its result came too late")
    return (
        f"{len(written)} messages in {CONVERSATIONS} conversations; {KILLS} times one of {PROCESSES} went\n"
        f"held by {len(held)} owners: {shares}\n"
        f"tried so often: {dict(attempts)}; refused as too late: {fenced}; commits: {commits[0][0]}"
    )


@pytest.mark.parametrize("delivers_once", [False, True] if KILLS > 6 else [False])
@pytest.mark.timeout(300 + 15 * KILLS)
async def test_four_processes_answer_each_message_once_and_in_order(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, delivers_once: bool
) -> None:
    monkeypatch.setattr(platforms, "REDELIVER_SECONDS", 0.1)
    dice = Dice(busy=0.02, broken=0.02, lost_answer=0.02)
    async with (
        OrderedPlatform(tmp_path / "socket", delivers_once, dice).serving() as platform,
        crew_of(tmp_path, postgres_url, delivers_once=delivers_once) as crew,
        watched(postgres_url) as held,
    ):
        await platform.connected.wait()
        async with people(platform) as written:
            while len(platform.shown) < PER_SECOND:
                await asyncio.sleep(0.1)
            for number in range(KILLS):
                await trouble(crew, number)
        behind, ended = len(written) - len(set(platform.shown)), time.monotonic()
        await all_shown(platform, written)
        print(f"{behind} answers behind at the end, caught up in {time.monotonic() - ended:.0f} s")
        codes = await crew.stop()
        print(report(crew, held, written))
        assert_nothing_lost(postgres_url, platform, written)
        assert codes == [0] * PROCESSES, crew.logs()[-2000:]
        assert len(held) >= PROCESSES, "some process never had a conversation"
