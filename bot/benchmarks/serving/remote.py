"""A stage as whoever measures sees it: a process that is given orders."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.benchmarks.serving.environments import NotInstalled
from bot.benchmarks.serving.peers import end

ROOT = Path(__file__).parents[3]
MODULE = "bot.benchmarks.serving.stage"
START_SECONDS = 240.0
ORDER_SECONDS = 600.0
LONGEST_ANSWER = 2**24


@dataclass(slots=True, eq=False)
class Stage:
    """One system in its process."""

    name: str
    process: asyncio.subprocess.Process

    async def order(self, order: str, **values: Any) -> Any:
        """What a stage answers to an order. Raises NotInstalled when it has ended, TimeoutError."""
        if self.process.stdin:
            self.process.stdin.write(json.dumps({"do": order, **values}).encode() + b"\n")
        return await self.answer(ORDER_SECONDS)

    async def answer(self, seconds: float) -> Any:
        """Its next line."""
        async with asyncio.timeout(seconds):
            line = await self.process.stdout.readline() if self.process.stdout else b""
        if not line:
            raise NotInstalled("its process ended before it answered")
        return json.loads(line)


@asynccontextmanager
async def stage(
    system: str,
    variant: str,
    model: Path,
    threads: int,
    *,
    python: Path = Path(sys.executable),
    log: Path | None = None,
) -> AsyncIterator[Stage]:
    """Open a system in a process of its own, and end it with all it has started.

    Raises NotInstalled when it does not come up.
    """
    surroundings = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with (log or Path(os.devnull)).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *[str(python), "-m", MODULE, system, variant, str(model), str(threads)],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=surroundings,
            limit=LONGEST_ANSWER,
        )
    opened = Stage(system, process)
    try:
        await opened.answer(START_SECONDS)
        yield opened
    except TimeoutError:
        raise NotInstalled("it did not answer in time") from None
    finally:
        await closed(process)


async def closed(process: asyncio.subprocess.Process) -> None:
    """Let a stage end by itself; after a while, end it."""
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(20):
            await process.wait()
    except TimeoutError:
        end(process.pid)
        await process.wait()
