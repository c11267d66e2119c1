"""How long an event loop is kept from its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.benchmarks.core import percentiles

TICK_SECONDS = 0.002


@asynccontextmanager
async def ticking(stalls: list[float]) -> AsyncIterator[None]:
    """Keep by how many seconds each tick came late."""

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            stalls.append(max(0.0, time.perf_counter() - due))

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()


def worst(stalls: list[float]) -> dict[str, float]:
    """Median, 99th percentile and longest of stalls in seconds, in milliseconds."""
    return percentiles(stalls) | {"max": round(max(stalls) * 1000, 3)}
