"""How fast the core carries messages, with and without durability, and what its memory costs."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connector import Connector, Outgoing
from bot.hookspecs import hookimpl
from bot.loader import Plugins
from bot.message import Author, Channel, Message, now
from bot.models import NoModels
from bot.settings import LaneSettings, LimitSettings, RouterSettings, Settings
from bot.skills import Context, skill

SKILL_COUNTS = (1, 21, 200)
MESSAGES = 20_000
CONVERSATIONS = 200
IN_FLIGHT = 512
STEADY_PER_SECOND = 300
STEADY_SECONDS = 5.0
LOOK_UPS = 200
CORPUS = (
    "login page down again since noon can anyone see what the release broke thanks for the quick fix "
    "meeting moved to friday please read the notes about invoices refunds and the new office printer"
)
WORDS = CORPUS.split()


class Counter(Connector):
    """A platform that only counts."""

    platform = "bench"
    delivers_once = True

    def __init__(self) -> None:
        self.count = 0

    async def run(self, bot: Bot) -> None:
        """Nothing comes in by itself."""
        await asyncio.Event().wait()

    async def send(self, outgoing: Outgoing) -> str:
        """Count one."""
        self.count += 1
        return ""


async def measure(folder: Path, sizes: Iterable[int], progress: Callable[[str], None]) -> dict[str, Any]:
    """Everything, one after the other, in `folder`; times in milliseconds, rates per second, memory in MB."""
    results: dict[str, Any] = {}
    progress("memory and start")
    results["rss_mb"] = bot_memory(folder / "memory")
    results["seconds_to_first_answer"] = seconds_to_first_answer(folder / "first")
    results["routed_per_s"] = {}
    for count in SKILL_COUNTS:
        progress(f"routing with {count} skills")
        results["routed_per_s"][str(count)] = await routed_per_second(folder / f"routed-{count}", count)
    progress("durable messages")
    results["durable_per_s"] = await durable_per_second(folder / "durable")
    progress("receipt to durable")
    results["receipt_to_durable_ms"] = await receipt_to_durable(folder / "steady")
    return results | await history_costs(folder / "history", sizes, progress)


async def routed_per_second(folder: Path, skill_count: int) -> float:
    """Messages per second from a connector's value to the echoed reply, in memory, one after the other."""
    async with echo_bot(folder, skill_count) as bot:
        messages = [
            _message(number, "echo7 hello" if skill_count > 7 else "echo0 hello")
            for number in range(MESSAGES)
        ]
        began = time.perf_counter()
        for message in messages:
            await bot.answering.answer(message)
        return round(MESSAGES / (time.perf_counter() - began))


async def durable_per_second(folder: Path) -> float:
    """Messages per second through inbox, lane, skill, outbox and connector on SQLite, every step durable."""
    async with echo_bot(folder, 21) as bot:
        counter = bot.connectors["bench"]
        running = asyncio.create_task(bot.run())
        began = time.perf_counter()
        await _bounded(
            (bot.accept(_message(number, f"echo7 {number}")) for number in range(MESSAGES)), IN_FLIGHT
        )
        while isinstance(counter, Counter) and counter.count < MESSAGES:
            await asyncio.sleep(0.01)
        seconds = time.perf_counter() - began
        await _stop(running)
        return round(MESSAGES / seconds)


async def receipt_to_durable(folder: Path) -> dict[str, float]:
    """Time from a connector's value to its commit, at a steady 300 messages per second."""
    times: list[float] = []
    async with echo_bot(folder, 21) as bot:
        running = asyncio.create_task(bot.run())

        async def accept(number: int, due: float) -> None:
            await bot.accept(_message(number, f"echo7 {number}"))
            times.append(time.perf_counter() - due)

        async with asyncio.TaskGroup() as group:
            began = time.perf_counter()
            for number in range(int(STEADY_PER_SECOND * STEADY_SECONDS)):
                due = began + number / STEADY_PER_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(accept(number, due))
        await _stop(running)
    return percentiles(times)


async def history_costs(
    folder: Path, sizes: Iterable[int], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Recall of the last 50 messages and search, as the history grows to each of `sizes`."""
    recall: dict[str, Any] = {}
    search: dict[str, Any] = {}
    stored = 0
    async with echo_bot(folder, 1) as bot:
        history = bot.store.history
        for size in sorted(sizes):
            progress(f"history of {size:,} messages")
            await _bounded((bot.accept(_chatter(number)) for number in range(stored, size)), 4096)
            stored = size
            recall[str(size)] = await _timed(lambda n: history.recent(f"bench:{n % CONVERSATIONS}", limit=50))
            search[str(size)] = await _timed(
                lambda n: history.search(_query(n), conversations=None, limit=20)
            )
            where = await _timed(
                lambda n: history.search(_query(n), conversations=[f"bench:{n % CONVERSATIONS}"], limit=20)
            )
            search[str(size)] |= {f"one_conversation_{name}": value for name, value in where.items()}
    return {"recall_ms": recall, "search_ms": search}


def bot_memory(folder: Path) -> float:
    """Resident memory of a bot process with everything but the worker, after answering, in MB."""
    script = (
        "import asyncio, sys; from pathlib import Path; from bot.benchmarks.core import answer_once;"
        "print(asyncio.run(answer_once(Path(sys.argv[1]))))"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, text=True, timeout=120
    )
    return float(ended.stdout)


async def answer_once(folder: Path) -> float:
    """Start a bot with the chat page and no worker, answer a question; the most memory it took, in MB."""
    from bot.assembly import open_bot
    from bot.connectors.web import WebConnector
    from bot.settings import WebSettings, WorkerSettings

    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    settings = Settings(data_dir=folder, worker=WorkerSettings(enabled=False), web=WebSettings(port=0))
    async with open_bot(settings, [WebConnector(settings)]) as bot:
        running = asyncio.create_task(bot.run())
        await bot.accept(_message(1, "what is this?", platform="web"))
        await asyncio.sleep(1.0)
        await _stop(running)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def seconds_to_first_answer(folder: Path) -> float:
    """From starting `parley chat` to its answer to a first question, models loaded, in seconds."""
    parley = [
        sys.executable,
        "-c",
        "from bot.cli import main; main()",
        "chat",
        "--json",
        "--data-dir",
        str(folder),
    ]
    began = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        parley,
        input="what can you do?\n",
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ),
    )
    seconds = time.perf_counter() - began
    if not json.loads(ended.stdout)["text"]:
        raise RuntimeError("the first question was not answered")
    return round(seconds, 2)


@asynccontextmanager
async def echo_bot(folder: Path, skill_count: int) -> AsyncIterator[Bot]:
    """A bot on SQLite in `folder` whose only plugin offers so many echo skills."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    settings = Settings(
        data_dir=folder,
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        lanes=LaneSettings(concurrency=256),
        router=RouterSettings(fallback=""),
    )
    plugins = Plugins(settings)
    plugins.add("echo", "benchmark", lambda: _echo_plugin(skill_count))
    async with open_database(settings) as store, open_library(settings, store, NoModels()) as library:
        yield Bot(settings, store, NoModels(), library, plugins, [Counter()])


def percentiles(times: list[float]) -> dict[str, float]:
    """The median and the 99th percentile of times in seconds, in milliseconds."""
    ordered = sorted(times)
    return {
        "p50": round(ordered[len(ordered) // 2] * 1000, 3),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
    }


def _echo_plugin(count: int) -> object:
    async def echo(context: Context, text: str) -> str:
        """Say the same again."""
        return text

    @hookimpl
    def register_skills(register: Callable[[object], None]) -> None:
        for number in range(count):
            register(skill(name=f"echo{number}")(echo))

    return SimpleNamespace(register_skills=register_skills)


def _message(number: int, text: str, platform: str = "bench") -> Message:
    channel = Channel(platform, str(number % CONVERSATIONS), is_direct=True)
    return Message(f"{platform}:m{number}", channel, Author("ann"), text, now())


def _chatter(number: int) -> Message:
    words = " ".join(WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(12))
    return _message(number, f"{words} {number}")


def _query(number: int) -> str:
    return f"{WORDS[number % len(WORDS)]} {WORDS[(number * 5 + 1) % len(WORDS)]}"


async def _timed(call: Callable[[int], Awaitable[object]]) -> dict[str, float]:
    times = []
    for number in range(LOOK_UPS):
        began = time.perf_counter()
        await call(number)
        times.append(time.perf_counter() - began)
    return percentiles(times)


async def _bounded(calls: Iterable[Awaitable[object]], in_flight: int) -> None:
    """Await all, so many at a time."""
    pending: set[asyncio.Future[object]] = set()
    for call in calls:
        pending.add(asyncio.ensure_future(call))
        if len(pending) >= in_flight:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*pending)


async def _stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
