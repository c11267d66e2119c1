"""How fast Discord and Slack events become durable, and what each costs, with the real client libraries."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.benchmarks.core import percentiles
from bot.benchmarks.stalls import ticking, worst
from bot.connector import Connector
from bot.loader import load_plugins
from bot.message import Message
from bot.models import NoModels
from bot.settings import DiscordSettings, LimitSettings, Settings, SlackSettings
from storage import Accepted

BURST = 1_500  # below the 2,000 waiting events from which Slack is left to send again
STEADY_PER_SECOND = 500
STEADY_SECONDS = 20
FAST = 1e9
UNHURRIED_PER_SECOND = 1_000  # while memory is looked at, so that nothing piles up on the way
WAIT_SECONDS = 600.0
CONNECT_SECONDS = 30.0

Say: TypeAlias = Callable[[int, float], Awaitable[None]]
"""Lets the crowd say so many messages, so many a second."""


class Tally:
    """Counts what a bot has made durable, and how long each message took from being said."""

    def __init__(self, bot: Bot) -> None:
        self.count = 0
        self.times: list[float] = []
        self.keep_times = False
        self._accept = bot.accept
        bot.accept = self._counted  # type: ignore[method-assign]

    async def _counted(self, message: Message, files: Any = ()) -> Accepted:
        accepted = await self._accept(message, files)
        self.count += 1
        if self.keep_times:
            self.times.append(time.time() - float(message.text.partition(" ")[0]))
        return accepted

    async def reach(self, count: int) -> None:
        """Wait until so many are durable."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.count < count:
                await asyncio.sleep(0.01)


async def measure(folder: Path, events: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Events per second, times, CPU and loop lag on each connector; memory while `events` pass."""
    return {name: await _measure_one(name, folder / name, events, progress) for name in ("discord", "slack")}


async def _measure_one(
    name: str, folder: Path, events: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    async with _crowd(name) as (address, say), _bot(name, folder, address) as bot:
        tally = Tally(bot)
        progress(f"{name}: {BURST} events at once")
        burst = await _burst(tally, say)
        progress(f"{name}: {STEADY_PER_SECOND} events a second")
        steady = await _steady(tally, say)
        progress(f"{name}: memory while {events:,} events pass")
        return burst | steady | {"memory_mb": await _memory(tally, say, events)}


async def _burst(tally: Tally, say: Say) -> dict[str, Any]:
    first, began = tally.count, time.perf_counter()
    await say(BURST, FAST)
    await tally.reach(first + BURST)
    return {"durable_per_s": round(BURST / (time.perf_counter() - began))}


async def _steady(tally: Tally, say: Say) -> dict[str, Any]:
    first, count = tally.count, STEADY_PER_SECOND * STEADY_SECONDS
    tally.times, tally.keep_times = [], True
    stalls: list[float] = []
    async with ticking(stalls):
        spent = time.process_time()
        await say(count, STEADY_PER_SECOND)
        await tally.reach(first + count)
        spent = time.process_time() - spent
    tally.keep_times = False
    return {
        "said_to_durable_ms": percentiles(tally.times),
        "cpu_ms_per_event": round(1000 * spent / count, 3),
        "loop_lag_ms": worst(stalls),
    }


async def _memory(tally: Tally, say: Say, events: int) -> dict[str, float]:
    """Resident memory after a tenth, a half and all of the events, in MB."""
    first, said, found = tally.count, 0, {}
    for share in (0.1, 0.5, 1.0):
        upto = int(events * share)
        await say(upto - said, UNHURRIED_PER_SECOND)
        await tally.reach(first + upto)
        said = upto
        found[f"after_{upto}"] = _resident_mb()
    return found


def _resident_mb() -> float:
    """Resident memory of this process now, in MB; from /proc, so on Linux only, else 0."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


@asynccontextmanager
async def _crowd(name: str) -> AsyncIterator[tuple[Mapping[str, Any], Say]]:
    command = [sys.executable, "-m", "bot.benchmarks.crowd", name]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    orders, answers = process.stdin, process.stdout
    if orders is None or answers is None:
        raise RuntimeError("the crowd's process has no pipes")

    async def say(count: int, per_second: float) -> None:
        orders.write(f"say {count} {per_second}\n".encode())
        await orders.drain()

    try:
        yield json.loads(await answers.readline()), say
    finally:
        orders.close()
        process.kill()
        await process.wait()


@asynccontextmanager
async def _bot(name: str, folder: Path, address: Mapping[str, Any]) -> AsyncIterator[Bot]:
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    settings = _settings(name, folder, address)
    connector = _connector(name, settings, address)
    async with open_database(settings) as store, open_library(settings, store, NoModels()) as library:
        bot = Bot(settings, store, NoModels(), library, load_plugins(settings), [connector])
        running = asyncio.create_task(bot.run())
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while bot.duty.states()[name] != "ok":
                    await asyncio.sleep(0.05)
            yield bot
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def _settings(name: str, folder: Path, address: Mapping[str, Any]) -> Settings:
    limits = LimitSettings(person_per_minute=0, channel_per_minute=0)
    if name == "discord":
        discord = DiscordSettings(token=SecretStr(address["token"]), catch_up_hours=0)
        return Settings(data_dir=folder, limits=limits, discord=discord)
    slack = SlackSettings(
        bot_token=SecretStr(address["bot_token"]),
        app_token=SecretStr(address["app_token"]),
        api_url=address["api_url"],
        catch_up_hours=0,
    )
    return Settings(data_dir=folder, limits=limits, slack=slack)


def _connector(name: str, settings: Settings, address: Mapping[str, Any]) -> Connector:
    if name == "slack":
        from bot.connectors.slack import SlackConnector

        return SlackConnector(settings)
    from bot.connectors.discord import DiscordConnector
    from bot.testing.discord.loopback import loopback_connector

    return DiscordConnector(
        settings, connector=lambda: loopback_connector(address["port"], Path(address["ca_file"]))
    )
