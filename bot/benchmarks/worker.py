"""How fast the worker embeds, and how long the event loop waits meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.assembly import open_models
from bot.benchmarks.core import WORDS, percentiles
from bot.message import Priority
from bot.settings import Settings

TICK_SECONDS = 0.002
TEXTS = 500
PASSAGES = 40


async def measure(settings: Settings, folder: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """Start-up in seconds, texts per second, and stalls of the event loop in milliseconds."""
    results: dict[str, Any] = {}
    stalls: list[float] = []
    progress("starting the worker")
    began = time.perf_counter()
    async with open_models(settings.model_copy(update={"data_dir": folder})) as models:
        async with ticking(stalls):
            await models.ready()
        results["seconds_to_ready"] = round(time.perf_counter() - began, 2)
        results["loop_stall_ms"] = {"loading": worst(stalls)}
        for name, texts in (("chat", _texts(TEXTS, 12)), ("passage", _texts(PASSAGES, 140))):
            progress(f"embedding {len(texts)} {name} texts")
            stalls = []
            async with ticking(stalls):
                began = time.perf_counter()
                await models.embed(texts, priority=Priority.BACKGROUND, deadline=300)
                results[f"{name}_texts_per_s"] = round(len(texts) / (time.perf_counter() - began), 1)
            results["loop_stall_ms"][name] = worst(stalls)
        progress(f"{TEXTS} callers at once")
        began = time.perf_counter()
        await asyncio.gather(*(models.embed([text], deadline=300) for text in _texts(TEXTS, 12)))
        results["single_texts_per_s"] = round(TEXTS / (time.perf_counter() - began), 1)
    return results


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


def _texts(count: int, words: int) -> list[str]:
    return [
        " ".join(
            WORDS[(number * 11 + place * (number % 5 + 1)) % len(WORDS)]
            for place in range(words - number % 7)
        )
        for number in range(count)
    ]
