"""A chat platform on a local socket, with faults, and the connector to it.

It delivers events and redelivers those not acknowledged; it takes posts, and either shows a repeated
key once (as Discord does with a nonce) or shows every post and lets the bot look its own up (as Slack).
The bot can run in a process of its own, to be killed: `python -m bot.testing.platform`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot import faults
from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connector import Connector, Outgoing
from bot.errors import Refused, RetryLater, Uncertain
from bot.loader import load_plugins
from bot.message import Author, Channel, Message, now
from bot.settings import LaneSettings, LimitSettings, PluginsSettings, Settings
from bot.testing.fakes import FakeModels

SKILLS = Path(__file__).with_name("skills.py")
WATCHERS = Path(__file__).with_name("watchers.py")
WATCHED = "watched"
REDELIVER_SECONDS = 0.5
ANSWER_SECONDS = 2.0


@dataclass(slots=True)
class Dice:
    """How often the platform misbehaves, each from 0 to 1."""

    busy: float = 0.0
    broken: float = 0.0
    lost_answer: float = 0.0
    duplicate: float = 0.0


@dataclass(slots=True)
class FakePlatform:
    """The platform's side. `shown` is what people see, in order: (conversation, text)."""

    socket: Path
    shows_key_once: bool = True
    dice: Dice = field(default_factory=Dice)
    seed: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)
    unacknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    _posts: dict[str, str] = field(default_factory=dict)
    _random: random.Random = field(init=False)
    _writer: asyncio.StreamWriter | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - dice, not secrets

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakePlatform]:
        """Serve on the socket, redelivering, until left."""
        server = await asyncio.start_unix_server(self._connected, str(self.socket))
        redelivering = asyncio.create_task(self._redeliver())
        try:
            yield self
        finally:
            redelivering.cancel()
            server.close()
            if self._writer:
                self._writer.close()

    def say(self, key: str, conversation: str, text: str) -> None:
        """A person writes: the event is delivered until it is acknowledged."""
        event = {"event": key, "conversation": conversation, "text": text}
        self.unacknowledged[key] = event
        self._deliver(event)
        if self._random.random() < self.dice.duplicate:
            self._deliver(event)

    def repeated(self) -> list[tuple[str, str]]:
        """What people see more than once."""
        return [shown for shown, count in Counter(self.shown).items() if count > 1]

    def _deliver(self, event: dict[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            _write(self._writer, event)

    async def _redeliver(self) -> None:
        while True:
            await asyncio.sleep(REDELIVER_SECONDS)
            for event in list(self.unacknowledged.values()):
                self._deliver(event)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async for frame in _frames(reader):
                if "ack" in frame:
                    self.unacknowledged.pop(frame["ack"], None)
                elif (answer := self._answer(frame)) is not None:
                    _write(writer, {"answer": frame["call"], **answer})
        writer.close()

    def _answer(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        key = frame["key"]
        if "find" in frame:
            return {"id": self._posts.get(key)}
        roll = self._random.random()
        if roll < self.dice.busy:
            return {"busy": 0.05}
        if roll < self.dice.busy + self.dice.broken:
            return {"error": "500"}
        if key not in self._posts or not self.shows_key_once:
            self._posts[key] = f"post-{len(self._posts)}"
            self.shown.append((frame["conversation"], frame["text"]))
        return None if self._random.random() < self.dice.lost_answer else {"id": self._posts[key]}


class PlatformConnector(Connector):
    """The bot's side. `acknowledges_first` breaks the promise on purpose, to prove that tests notice."""

    platform = "fake"

    def __init__(self, socket: Path, *, delivers_once: bool = True, acknowledges_first: bool = False) -> None:
        self.delivers_once = delivers_once
        self._socket = socket
        self._acknowledges_first = acknowledges_first
        self._writer: asyncio.StreamWriter | None = None
        self._calls = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def run(self, bot: Bot) -> None:
        """Carry events in; each is acknowledged when it is durable."""
        reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
        async with asyncio.TaskGroup() as group:
            async for frame in _frames(reader):
                if "answer" in frame:
                    self._answered(frame)
                else:
                    group.create_task(self._carry(bot, frame))

    async def send(self, outgoing: Outgoing) -> str:
        """Post one part."""
        answer = await self._call(
            post=1,
            key=outgoing.key,
            conversation=outgoing.channel.id,
            text=outgoing.reply.text,
        )
        if "busy" in answer:
            raise RetryLater(answer["busy"])
        if "error" in answer:
            raise Uncertain(f"the platform said {answer['error']}")
        if not answer["id"]:
            raise Refused("the platform does not want it")
        return str(answer["id"])

    async def find(self, outgoing: Outgoing) -> str | None:
        """Look a part up in what the platform shows."""
        found = (await self._call(find=1, key=outgoing.key))["id"]
        return None if found is None else str(found)

    async def _carry(self, bot: Bot, frame: dict[str, Any]) -> None:
        if self._acknowledges_first:
            self._write(ack=frame["event"])
        await bot.accept(
            Message(
                key=f"fake:{frame['event']}",
                channel=Channel("fake", frame["conversation"], is_direct=True),
                author=Author(frame["conversation"]),
                text=frame["text"],
                sent_at=now(),
            )
        )
        self._write(ack=frame["event"])

    async def _call(self, **frame: Any) -> dict[str, Any]:
        call = next(self._calls)
        self._waiting[call] = asyncio.get_running_loop().create_future()
        try:
            self._write(call=call, **frame)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._waiting[call]
        except TimeoutError:
            raise Uncertain("the platform did not answer") from None
        finally:
            del self._waiting[call]

    def _answered(self, frame: dict[str, Any]) -> None:
        if (waiting := self._waiting.get(frame["answer"])) and not waiting.done():
            waiting.set_result(frame)

    def _write(self, **frame: Any) -> None:
        if self._writer is None:
            raise Uncertain("not connected")
        _write(self._writer, frame)


def platform_settings(data_dir: Path, *, plugins: tuple[Path, ...] = (SKILLS,)) -> Settings:
    """Settings for a bot on the fake platform: test skills, short leases, no limits."""
    return Settings(
        data_dir=data_dir,
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        lanes=LaneSettings(lease_seconds=3.0, drain_seconds=5.0),
        plugins=PluginsSettings(paths=plugins),
    )


async def run_bot(settings: Settings, connector: Connector) -> None:
    """A bot with fake models until SIGTERM."""
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
        await bot.watching.begin()
        running = asyncio.create_task(bot.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        with suppress(asyncio.CancelledError):
            await running


def _write(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    writer.write(json.dumps(frame).encode() + b"\n")


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    while line := await reader.readline():
        yield json.loads(line)


def main(arguments: list[str]) -> None:
    """SOCKET DATA_DIR [once|looks-up] [safe|acknowledges-first] [watched] [POINT:PASSES]."""
    socket, data_dir, delivery, order, *points = arguments
    plugins = (SKILLS, WATCHERS) if WATCHED in points else (SKILLS,)
    for point in points:
        if point == WATCHED:
            continue
        name, _, passes = point.partition(":")
        faults.arm(name, int(passes or 0))
    connector = PlatformConnector(
        Path(socket), delivers_once=delivery == "once", acknowledges_first=order == "acknowledges-first"
    )
    asyncio.run(run_bot(platform_settings(Path(data_dir), plugins=plugins), connector))


if __name__ == "__main__":
    main(sys.argv[1:])
