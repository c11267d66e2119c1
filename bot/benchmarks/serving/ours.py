"""parley's own worker, as the bot uses it: a client here, the model in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.benchmarks.serving.driving import Classify, Reply, share_of
from bot.message import Priority
from bot.models import EMBEDDING, SENTIMENT
from bot.worker.client.models import WorkerClient
from bot.worker.options import ModelChoice, WorkerOptions

ENGINES = ("torch", "onnx")
DEADLINE = 600.0
ALERT_SECONDS = 0.1
BEAT_SECONDS = 1.5


@asynccontextmanager
async def open_worker(folder: Path, threads: int, engine: str) -> AsyncIterator[WorkerClient]:
    """A worker that has the checkpoint loaded."""
    model = ModelChoice(folder=folder, engine=engine)
    options = WorkerOptions(
        models={SENTIMENT: model},
        threads=threads,
        deadline_seconds=DEADLINE,
        cache=folder.parent / "cache",
    )
    async with WorkerClient(options, folder.parent / "run") as client:
        await client.ready()
        await client.classify(["ready"])
        yield client


@asynccontextmanager
async def ours(folder: Path, threads: int, variant: str) -> AsyncIterator[Classify]:
    """Each message a call of its own."""
    async with open_worker(folder, threads, variant) as client:
        yield classifier(client)


def classifier(client: WorkerClient) -> Classify:
    """What asks a client for one text."""

    async def classify(text: str) -> Reply:
        return Reply((await client.classify([text]))[0].label)

    return classify


async def alerts(client: WorkerClient, texts: Sequence[str], urgent: Sequence[str]) -> dict[str, Any]:
    """How long urgent texts take while a bulk of others keeps the worker busy, in milliseconds and batches.

    A batch is as long as those of the bulk were on average, at the same time on the same machine.
    """
    before = await counted(client)
    crowd = asyncio.gather(
        *(client.classify([text], priority=Priority.BACKGROUND, deadline=DEADLINE) for text in texts)
    )
    times: list[float] = []
    for text in urgent:
        await asyncio.sleep(ALERT_SECONDS)
        if crowd.done():
            break
        began = time.perf_counter()
        await client.classify([text], priority=Priority.ALERT)
        times.append(time.perf_counter() - began)
    await crowd
    after = await counted(client)
    batches = after["batches"] - before["batches"]
    batch_ms = 1000 * (after["device_seconds"] - before["device_seconds"]) / max(1, batches)
    p99 = share_of(times, 0.99) or 0.0
    return {
        "alerts": len(times),
        "alert_p50_ms": share_of(times, 0.5),
        "alert_p99_ms": p99,
        "batch_ms": round(batch_ms, 2),
        "alert_p50_batches": round((share_of(times, 0.5) or 0.0) / batch_ms, 2),
        "alert_p99_batches": round(p99 / batch_ms, 2),
    }


async def counted(client: WorkerClient) -> dict[str, Any]:
    """What the worker has counted for the role, after its next heartbeat."""
    await asyncio.sleep(BEAT_SECONDS)
    found: dict[str, Any] = client.health["roles"][SENTIMENT]
    return found


def device_of(client: WorkerClient) -> str:
    """The library and the device that compute."""
    roles = client.health.get("roles", {})
    return str(roles.get(SENTIMENT, roles.get(EMBEDDING, {})).get("device", ""))
