"""How fast the worker is: its encoder beside other servers and the model's limit; int8; the decoder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.benchmarks.serving.contest import Contest
from bot.benchmarks.serving.plan import Plan
from bot.benchmarks.serving.processes import is_known
from bot.benchmarks.serving.verdict import verdict
from bot.errors import BadInput
from bot.models import Task

HEADINGS = {
    "system": "system",
    "variant": "variant",
    "mix": "mix",
    "rate": "load",
    "throughput": "msg/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "p99_9_ms": "p99.9 ms",
    "per_cpu_s": "msg/CPU-s",
    "rss_mb": "MiB",
    "padding": "no padding",
    "share_of_limit": "of limit",
}
BESIDE = ("table", "alerts", "card", "left_out", "tokens_per_cpu_second")


async def measure(
    folder: Path, environments: Path, plan: Plan, progress: Callable[[str], None]
) -> dict[str, Any]:
    """All of the plan, in `folder`; peers have their environments below `environments`.

    `share_of_limit` and what is compared with it are messages per CPU-second of all processes of a
    system over those of the same model offline. Raises BadInput where that cannot be known.
    """
    if not is_known():
        raise BadInput("This measures the processor time of whole process trees, which only Linux tells.")
    model = folder / "model"
    progress("making a model")
    await asyncio.to_thread(make_model, model)
    contest = Contest(model, environments, plan, progress)
    await contest.run()
    return verdict(contest) | await asyncio.to_thread(measure_parts, folder, plan, progress)


def make_model(folder: Path) -> None:
    """A seeded random classifier."""
    from bot.benchmarks.serving.checkpoint import make_classifier

    folder.mkdir(parents=True, exist_ok=True)
    make_classifier(folder)


def measure_parts(folder: Path, plan: Plan, progress: Callable[[str], None]) -> dict[str, Any]:
    """The 8-bit engine beside torch, and the decoder beside other ways to write."""
    found: dict[str, Any] = {}
    if "int8" in plan.parts:
        from bot.benchmarks.encoders import measure_encoders

        encoders = measure_encoders(Task.CLASSIFICATION, threads=plan.threads, progress=progress)
        found["int8_ratio"] = encoders["int8_gain"]["together"]
        found["int8_agreement"] = encoders["agreement"]["int8"]
    if "decoder" in plan.parts:
        from bot.benchmarks.decoding import measure_decoding

        decoder = measure_decoding(folder / "decoder", progress)
        rates = decoder["tokens_per_cpu_s"]
        found["decoder_share"] = decoder["share"]
        found["decoder_times_transformers"] = round(rates["decoder"] / rates["continuous_batching"], 2)
        found["tokens_per_cpu_second"] = rates
    return found


def rows(results: dict[str, Any]) -> list[list[str]]:
    """The table of the systems, as HEADINGS name its columns."""
    return [[shown(row.get(name)) for name in HEADINGS] for row in results["table"]]


def summary(results: dict[str, Any]) -> list[list[str]]:
    """The numbers above the table, and what was left out."""
    found = [[name, shown(value)] for name, value in results.items() if name not in BESIDE]
    found += [
        [f"{name}: {what}", shown(value)]
        for name in ("alerts", "card", "tokens_per_cpu_second")
        for what, value in results.get(name, {}).items()
    ]
    return found + [[f"{peer} is left out", reason] for peer, reason in results["left_out"].items()]


def shown(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
