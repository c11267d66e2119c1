"""Puts a system under a load, and measures what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.benchmarks.serving.processes import tree_cost

TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Reply:
    """The label of a text; its tokens and those of its padded row, 0 where the system does not tell."""

    label: str
    tokens: int = 0
    padded: int = 0


Classify = Callable[[str], Awaitable[Reply]]


@dataclass(slots=True)
class Tally:
    """What has come back."""

    latencies: list[float] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    errors: int = 0


async def drain(classify: Classify, texts: Sequence[str]) -> dict[str, Any]:
    """Ask everything at once, as at saturation."""
    return await drive(classify, texts, [0.0] * len(texts))


async def drive(classify: Classify, texts: Sequence[str], moments: Iterable[float]) -> dict[str, Any]:
    """Ask each text at its moment, whether or not earlier ones are answered; time counts from that moment."""
    tally, lags = Tally(), list[float]()
    ticker = asyncio.create_task(tick(lags))
    before, began = tree_cost(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for text, moment in zip(texts, moments, strict=True):
            due = began + moment
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            group.create_task(ask(classify, text, due, tally))
    seconds, after = time.perf_counter() - began, tree_cost()
    ticker.cancel()
    return described(tally, seconds, after.seconds - before.seconds) | {
        "rss_mb": round(after.memory),
        "loop_lag_p99_ms": share_of(lags, 0.99),
    }


async def ask(classify: Classify, text: str, due: float, tally: Tally) -> None:
    """One text; a failure is counted."""
    try:
        tally.replies.append(await classify(text))
        tally.latencies.append(time.perf_counter() - due)
    except Exception:  # noqa: BLE001 - a wall: systems raise anything
        tally.errors += 1


async def tick(lags: list[float]) -> None:
    """Keep by how much each tick of the event loop came late."""
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        lags.append(max(0.0, time.perf_counter() - due))


def described(tally: Tally, seconds: float, cpu_seconds: float) -> dict[str, Any]:
    """Rates, times in milliseconds, errors and the share of computed tokens that is no padding."""
    padded = sum(reply.padded for reply in tally.replies)
    return {
        "messages": len(tally.replies),
        "errors": tally.errors,
        "throughput": round(len(tally.replies) / seconds, 1),
        "per_cpu_s": round(len(tally.replies) / max(cpu_seconds, 0.01), 1),
        "p50_ms": share_of(tally.latencies, 0.5),
        "p99_ms": share_of(tally.latencies, 0.99),
        "p99_9_ms": share_of(tally.latencies, 0.999),
        "padding": round(sum(reply.tokens for reply in tally.replies) / padded, 3) if padded else None,
    }


def share_of(times: Sequence[float], share: float) -> float | None:
    """The time in milliseconds that a share of times, in seconds, keeps within."""
    if not times:
        return None
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000, 2)


async def one_by_one(classify: Classify, texts: Sequence[str]) -> list[float]:
    """Milliseconds for each text, with nothing else to do."""
    found = []
    for text in texts:
        began = time.perf_counter()
        await classify(text)
        found.append(1000 * (time.perf_counter() - began))
    return found
