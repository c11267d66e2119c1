"""Measures each system in turn with the limit, so that a busy moment of the machine spoils none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bot.benchmarks.serving.environments import NotInstalled, interpreter
from bot.benchmarks.serving.loads import CHAT
from bot.benchmarks.serving.peers import PEERS
from bot.benchmarks.serving.plan import Plan
from bot.benchmarks.serving.remote import Stage, stage
from bot.benchmarks.serving.stage import LIMIT, OURS

SATURATED = "all at once"
HALF = 0.5
KEPT = ("throughput", "p50_ms", "p99_ms", "p99_9_ms", "per_cpu_s", "rss_mb", "padding", "loop_lag_p99_ms")

Row = dict[str, Any]


@dataclass(slots=True)
class Contest:
    """One run: a model, a plan, and what was found."""

    model: Path
    environments: Path
    plan: Plan
    progress: Callable[[str], None]
    table: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    own: Row = field(default_factory=dict)

    async def run(self) -> None:
        """All systems."""
        async with stage(LIMIT, "-", self.model, self.plan.threads) as limit:
            self.own["card"] = await limit.order("card", mix=CHAT, count=self.plan.count)
            async with self._open(OURS, "torch") as ours:
                await self._compare(ours, limit, "torch")
                await self._measure_own(ours, limit)
            for peer in self.plan.peers:
                await self._try(peer, limit)

    def _open(self, system: str, variant: str, python: Path | None = None) -> Any:
        log = self.model.parent / f"{system}.log"
        chosen = {"python": python} if python else {}
        return stage(system, variant, self.model, self.plan.threads, log=log, **chosen)

    async def _try(self, peer: str, limit: Stage) -> None:
        """One peer, tuned; or why it is missing."""
        try:
            python = await interpreter(peer, self.environments, may_install=self.plan.may_install)
            variant = await self._tune(peer, python)
            async with self._open(peer, variant, python) as opened:
                await self._compare(opened, limit, variant)
        except NotInstalled as error:
            self.missing[peer] = str(error)
            self.progress(f"{peer} is left out: {error}")

    async def _tune(self, peer: str, python: Path) -> str:
        """The variant with the most messages per CPU-second in one burst each."""
        variants = PEERS[peer][1]
        if not self.plan.tunes or len(variants) == 1:
            return variants[0]
        speeds = {}
        for variant in variants:
            self.progress(f"tuning {peer}: {variant}")
            async with self._open(peer, variant, python) as opened:
                found = await opened.order("drain", mix=CHAT, count=self.plan.count // 2)
                speeds[variant] = found["per_cpu_s"]
        return max(speeds, key=lambda each: speeds[each])

    async def _compare(self, system: Stage, limit: Stage, variant: str) -> None:
        """Bursts of each mix in turn with the limit, then rates of arrival that are shares of it."""
        for mix in self.plan.mixes:
            self.progress(f"{system.name}, {mix}")
            asked = {"mix": mix, "count": self.plan.count}
            await system.order("drain", mix=mix, count=16)
            turns = []
            for seed in range(self.plan.rounds):
                best = await limit.order("drain", **asked, seed=seed)
                turns.append((await system.order("drain", **asked, seed=seed), best))
            self._note(system.name, variant, mix, turns)
            for rate in self.plan.rates if mix == CHAT else ():
                await self._drive(system, limit, variant, mix, rate)

    async def _drive(self, system: Stage, limit: Stage, variant: str, mix: str, rate: float) -> None:
        """One rate of arrival: that of the limit is looked up just before."""
        best = await limit.order("drain", mix=mix, count=self.plan.count // 2)
        offered = max(0.2, rate * best["throughput"])
        found = await system.order("drive", mix=mix, rate=offered, seconds=self.plan.seconds)
        row = {"system": system.name, "variant": variant, "mix": mix, "rate": rate, "errors": found["errors"]}
        self.table.append(
            row
            | {name: found[name] for name in KEPT}
            | {"offered": round(offered, 1), "longest_batch_ms": best["longest_batch_ms"]}
        )

    def _note(self, name: str, variant: str, mix: str, turns: list[tuple[Row, Row]]) -> None:
        """The medians of what a system and the limit did in turn."""
        pairs = [(name, variant, [found for found, _ in turns])]
        if name == OURS:
            budget = str(turns[0][1]["budget"])
            pairs.append((LIMIT, budget, [best for _, best in turns]))
        for system, kind, found in pairs:
            row: Row = {"system": system, "variant": kind, "mix": mix, "rate": SATURATED}
            row["errors"] = sum(each["errors"] for each in found)
            row |= {key: middle([each.get(key) for each in found]) for key in KEPT}
            row["share_of_limit"] = 1.0
            if system == name:
                shares = [one["per_cpu_s"] / best["per_cpu_s"] for one, best in turns]
                row["share_of_limit"] = round(median(shares), 3)
            self.table.append(row)

    async def _measure_own(self, ours: Stage, limit: Stage) -> None:
        """What is asked of our worker alone."""
        self.progress("one by one")
        alone: list[float] = []
        direct: list[float] = []
        for seed in range(max(1, self.plan.alone // 10)):
            direct += await limit.order("alone", mix=CHAT, count=10, seed=seed)
            alone += await ours.order("alone", mix=CHAT, count=10, seed=seed)
        self.own |= {"idle_ms": round(median(alone), 2), "direct_ms": round(median(direct), 2)}
        self.own["idle_ratio"] = round(median(alone) / median(direct), 3)
        self.progress("alerts beside a bulk of others")
        bulk = {"mix": CHAT, "count": 2 * self.plan.count}
        self.own["alerts"] = await ours.order("alerts", **bulk, urgent=self.plan.alerts)
        self.own |= await ours.order("told")


def middle(values: list[float | None]) -> float | None:
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None
