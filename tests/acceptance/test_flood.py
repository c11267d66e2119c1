"""A flood of messages in watched channels: none is lost, alerts are grouped, and who asks is answered.

The long form is `FLOOD=60`: seconds at 2,000 messages a second. Where the machine cannot take as many, the
door waits, and the flood lasts longer.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import resource
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import Bot
from bot.assembly import open_bot
from bot.connector import Outgoing
from bot.message import Author, Channel, Message, now
from bot.remembering import KeptNotes
from bot.settings import LimitSettings, Settings, WorkerSettings
from bot.testing.fakes import RecordingConnector
from plugins.sentiment.alerts import Alert, Book, Cause
from plugins.sentiment.drift import Drift
from plugins.sentiment.strength import NEGATIVE
from storage import InboxState

pytest.importorskip("torch")

SECONDS = float(os.environ.get("FLOOD", "2"))
PER_SECOND = 2000
COUNT = int(SECONDS * PER_SECOND)
DOORS = 512
"""So many events may be on their way in, as with a connector that takes them side by side."""
CHANNELS = 12
AUTHORS = 200
STRONG = 0.9
COOL_DOWN = timedelta(seconds=30)
ASKERS = 4
PAUSE_SECONDS = 0.25
ANSWERED_WITHIN = 10.0
SETTLED_WITHIN = 120.0 + COUNT / 50
PLACE = "test:moderators"
GOOD = (
    "Thank you, that works very well!",
    "The notes of the meeting are in the folder.",
    "Great job everybody, I love the new page.",
    "Lunch at noon?",
    "The release is planned for Thursday morning.",
    "I moved the printer to the second floor.",
    "会议改到星期五下午。",
    "That is a good idea, let us try it.",
)
BAD = (
    "I hate this, it is a terrible and awful mess.",
    "This is the worst thing ever, horrible, I am disgusted.",
)


class Town(RecordingConnector):
    """Where people talk and ask. `arrived` is when the parts for each event came."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: dict[str, list[float]] = {}

    async def send(self, outgoing: Outgoing) -> str:
        self.arrived.setdefault(outgoing.message.key, []).append(time.monotonic())
        return await super().send(outgoing)


@dataclass
class Flood:
    """What is said: by many, in channels and their threads, some of it bad, some of it delivered twice."""

    bot: Bot
    chance: random.Random = field(default_factory=lambda: random.Random(3))
    bad: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    async def run(self) -> None:
        """Say everything, each at its time or, where the door waits, as soon as it is open."""
        messages, began = self._messages(), time.monotonic()

        async def stand_at_door() -> None:
            for number, message in messages:
                await asyncio.sleep(began + number / PER_SECOND - time.monotonic())
                await self.bot.accept(message)
                if number % 50 == 0:
                    assert (await self.bot.accept(message)).duplicate

        async with asyncio.TaskGroup() as group:
            for _ in range(DOORS):
                group.create_task(stand_at_door())
        self.seconds = time.monotonic() - began

    def _messages(self) -> Iterator[tuple[int, Message]]:
        for number in range(COUNT):
            name = f"talk-{self.chance.randrange(CHANNELS)}"
            is_bad = self.chance.random() < 0.05
            self.said[name] += 1
            self.bad[name] += is_bad
            thread = f"thread-{self.chance.randrange(5)}" if self.chance.random() < 0.1 else None
            person = f"person {self.chance.randrange(AUTHORS)}"
            text = self.chance.choice(BAD if is_bad else GOOD)
            channel = Channel("test", name, thread)
            yield number, Message(f"test:m{number}", channel, Author(person, person.title()), text, now())


@dataclass
class Asker:
    """One person who asks one thing after another. `waits` are how long each answer took."""

    bot: Bot
    town: Town
    name: str
    over: asyncio.Event
    waits: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until the flood is over, and both questions at least."""
        while not self.over.is_set() or len(self.waits) < 2:
            await self.ask()
            await asyncio.sleep(PAUSE_SECONDS)

    async def ask(self) -> None:
        number = len(self.waits)
        key = f"test:{self.name}:{number}"
        asked, wanted = self._question(number)
        channel = Channel("test", self.name, is_direct=True)
        began = time.monotonic()
        await self.bot.accept(Message(key, channel, Author(self.name), asked, now()))
        async with asyncio.timeout(6 * ANSWERED_WITHIN):
            while key not in self.town.arrived:
                await asyncio.sleep(0.005)
        self.waits.append(self.town.arrived[key][0] - began)
        (sent,) = [each for each in self.town.sent.values() if each.message.key == key]
        assert wanted in sent.reply.text

    def _question(self, number: int) -> tuple[str, str]:
        """What is asked and what the answer says: with a model and without by turns."""
        if number % 2:
            return "/help mood", "positive, neutral or negative"
        return f"/mood {GOOD[2]}", "Positive"


def watched_settings(folder: Path) -> Settings:
    sentiment = {
        "monitored": ["test:talk-*"],
        "channel": PLACE,
        "dry_run": False,
        "strong": STRONG,
        "cool_down_minutes": COOL_DOWN / timedelta(minutes=1),
    }
    return Settings(
        data_dir=folder,
        worker=WorkerSettings(threads=1),
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        plugin={"sentiment": sentiment},
    )


async def check_texts(bot: Bot) -> None:
    """The model tells the texts apart, so that the number of bad ones is known."""
    chances = [each.of(NEGATIVE) for each in await bot.models.classify([*GOOD, *BAD], deadline=120)]
    assert max(chances[: len(GOOD)]) < STRONG <= min(chances[len(GOOD) :])


async def settled(bot: Bot) -> None:
    """Everything is answered and watched."""
    async with asyncio.timeout(SETTLED_WITHIN):
        while (
            bot.lanes.busy
            or bot.delivery.busy
            or await bot.watching.behind()
            or await bot.store.inbox.unfinished(0.0)
        ):
            await asyncio.sleep(0.1)


def peak_mib() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check_all_is_kept(folder: Path) -> None:
    """Each message is in the history, ended in the inbox, and scored: once."""
    with closing(sqlite3.connect(folder / "parley.sqlite3")) as database:
        states = database.execute("SELECT state, count(*) FROM inbox WHERE key LIKE 'test:m%' GROUP BY state")
        assert dict(states) == {InboxState.NO_REPLY_NEEDED: COUNT}
        for table, key in (("messages", "key"), ("scores", "message_key")):
            counted = database.execute(
                f"SELECT count(*), count(DISTINCT {key}) FROM {table} WHERE {key} LIKE 'test:m%'"
            )
            assert counted.fetchone() == (COUNT, COUNT)


async def check_alerts(bot: Bot, town: Town, flood: Flood) -> list[Alert]:
    """Each bad message is in an alert of its channel, once; each alert was told, once."""
    notes = KeptNotes(bot.store, "sentiment")
    alerts = await Book(notes).last()
    covered: Counter[str] = Counter()
    for alert in alerts:
        if alert.cause is Cause.STRONG:
            covered[alert.conversation.partition("/")[0]] += 1 + alert.more
    assert covered == {f"test:{name}": count for name, count in flood.bad.items()}
    for name, count in flood.said.items():
        assert Drift.unpack(await notes.get(f"drift:test:{name}")).count == count
    told = [each.reply.text.split(":")[0] for each in town.sent.values() if each.reply.to == PLACE]
    raised = [each for each in told if each.startswith("**Alert ")]
    assert sorted(raised) == sorted(f"**Alert {each.number}" for each in alerts)
    return alerts


@pytest.mark.timeout(SETTLED_WITHIN + COUNT / 100 + 180)
async def test_a_flood_loses_nothing_and_who_asks_is_answered(tmp_path: Path) -> None:
    settings, town = watched_settings(tmp_path), Town()
    async with open_bot(settings, [town]) as bot:
        await check_texts(bot)
        running = asyncio.create_task(bot.run())
        try:
            flood, over = Flood(bot), asyncio.Event()
            askers = [Asker(bot, town, f"asker-{number}", over) for number in range(ASKERS)]
            before = peak_mib()
            async with asyncio.TaskGroup() as group:
                for each in askers:
                    group.create_task(each.run())
                await flood.run()
                flooded = time.monotonic()
                over.set()
            waits = sorted(wait for each in askers for wait in each.waits)
            await settled(bot)
            behind = time.monotonic() - flooded
            alerts = await check_alerts(bot, town, flood)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    print(
        f"{COUNT} messages in {flood.seconds:.1f} s ({COUNT / flood.seconds:.0f} a second), all worked off"
        f" {behind:.1f} s later; {flood.bad.total()} bad ones in {len(alerts)} alerts\n{len(waits)} questions"
        f" answered in {waits[len(waits) // 2]:.2f} s (median), {waits[-1]:.2f} s (longest);"
        f" the bot's memory grew by {peak_mib() - before:.0f} MiB"
    )
    check_all_is_kept(tmp_path)
    span = timedelta(seconds=flood.seconds)
    assert len(alerts) <= CHANNELS * len(Cause) * math.ceil(span / COOL_DOWN + 1)
    assert len(alerts) < flood.bad.total() / 4
    assert waits[-1] < ANSWERED_WITHIN
