"""The worker's process as the bot sees it: started, reached, killed; and how often it may die."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.worker.client.link import Link, greet
from bot.worker.options import WorkerOptions
from bot.worker.wire import address as addresses
from bot.worker.wire.errors import WorkerDied

SETTINGS_PREFIX = "PARLEY_"
GONE_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Child:
    """A worker of our own on one device. It is killed when it is left: it keeps nothing."""

    options: WorkerOptions
    run_dir: Path
    place: str = "auto"
    name: str = "The model worker"
    is_ours: bool = True

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Start a process and connect to it."""
        key = secrets.token_hex(16)
        with addresses.private_address(self.run_dir) as address:
            process = await start_process(address, self.options)
            try:
                reader, writer = await reach(process, key)
                try:
                    yield Link(reader, writer, process)
                finally:
                    writer.close()
            finally:
                await kill(process)

    async def cause_of_end(self, link: Link) -> str:
        """How its process ended."""
        return await cause_of_end(link.process) if link.process else "it has no process"


async def start_process(address: str, options: WorkerOptions) -> asyncio.subprocess.Process:
    """Start the worker's interpreter. It inherits standard error and no setting of the bot."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_PREFIX)}
    command = [
        sys.executable,
        "-P",
        "-m",
        "bot.worker.server.serving",
        address,
        "--child",
        "--options",
        options.pack(),
    ]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        raise WorkerDied(f"it cannot be started: {error}") from None


async def reach(
    process: asyncio.subprocess.Process, key: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Hand over the key, learn the address, connect and greet."""
    if process.stdin is None or process.stdout is None:
        raise WorkerDied("it has no pipes")
    try:
        process.stdin.write(f"{key}\n".encode())
        place = (await process.stdout.readline()).decode().strip()
        if not place:
            raise WorkerDied(await cause_of_end(process))
        reader, writer = await addresses.connect(place)
    except OSError as error:
        raise WorkerDied(f"{await cause_of_end(process)} ({error.strerror})") from None
    greet(writer, key)
    return reader, writer


async def cause_of_end(process: asyncio.subprocess.Process) -> str:
    """Why the process does not answer, for a sentence."""
    try:
        async with asyncio.timeout(1):
            code = await process.wait()
    except TimeoutError:
        return "it closed its connection"
    return f"it was killed by signal {-code}" if code < 0 else f"it ended with code {code}"


async def kill(process: asyncio.subprocess.Process) -> None:
    """End the process at once, stopped ones too, and wait until it is gone, also when cancelled meanwhile."""
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin:
        process.stdin.close()
    going = asyncio.create_task(_gone(process))
    try:
        await asyncio.shield(going)
    except asyncio.CancelledError:
        await going
        raise


async def _gone(process: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_SECONDS):
            await process.wait()


class Breaker:
    """How long to wait before the next start: at once, then longer, and a rest after too many deaths."""

    def __init__(self, deaths: int = 5, window: float = 60.0, rest: float = 60.0) -> None:
        self.deaths = deaths
        self.window = window
        self.rest = rest
        self._recent: deque[float] = deque()

    def record(self, now: float) -> float:
        """The worker died at `now`: seconds to wait. After a rest the count begins anew."""
        while self._recent and self._recent[0] <= now - self.window:
            self._recent.popleft()
        self._recent.append(now)
        if len(self._recent) >= self.deaths:
            self._recent.clear()
            return self.rest
        if len(self._recent) == 1:
            return 0.0
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (len(self._recent) - 2))
