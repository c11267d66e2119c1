"""A worker's heartbeat as a report: what is missing or nonsense in it counts as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from math import inf
from typing import Any

from bot.message import Priority
from bot.report import RoleReport, WorkerReport
from bot.worker.client.supervisor import Supervisor

LONGEST_NAME = 100
MOST_ROLES = 100
MOST = 1e18
STATES = ("absent", "loading", "loaded", "failed")


def report_of(worker: Supervisor) -> WorkerReport:
    """How a worker is."""
    health = worker.health
    told = mapping(health.get("roles"))
    names = sorted({*worker.introduction.roles, *map(str, told)})[:MOST_ROLES]
    return WorkerReport(
        worker.way.place,
        worker.state.phase.value,
        worker.state.reason,
        device=name(health.get("device")),
        memory_bytes=count(health.get("memory_bytes")),
        unanswered=len(worker.calls),
        unanswered_tokens=worker.calls.tokens,
        roles=tuple(role_report(role, mapping(told.get(role)), health.get("wait_bounds")) for role in names),
    )


def role_report(role: str, told: Mapping[str, Any], bounds: Any) -> RoleReport:
    """What is told of one role. One that shares another's model has no memory of its own."""
    state = told.get("state")
    queued = mapping(told.get("queued_by"))
    return RoleReport(
        role[:LONGEST_NAME],
        state=state if state in STATES else "absent",
        model=name(told.get("model")),
        origin=name(told.get("origin")),
        device=name(told.get("device")),
        queued={each.name.lower(): count(queued.get(each.name.lower())) for each in Priority},
        queued_tokens=count(told.get("queued_tokens")),
        backlog_seconds=number(told.get("backlog_seconds")),
        waits=waits(bounds, told.get("waits")),
        waited_seconds=number(told.get("waited_seconds")),
        batches=count(told.get("batches")),
        texts_per_batch=number(told.get("texts_per_batch")),
        padding=min(1.0, number(told.get("padding", 1.0))),
        tokens=count(told.get("tokens")),
        device_seconds=number(told.get("device_seconds")),
        served=count(told.get("served")),
        failed=count(told.get("failed")),
        refused=count(told.get("refused")),
        memory_bytes=0 if "shares" in told else count(told.get("memory_bytes")),
    )


def waits(bounds: Any, counts: Any) -> tuple[tuple[float, int], ...]:
    """Upper bounds with how many are at or below each; empty when the two do not fit together."""
    if not (isinstance(bounds, list) and isinstance(counts, list) and len(counts) == len(bounds) + 1):
        return ()
    uppers = [*map(number, bounds), inf]
    return tuple(zip(uppers, accumulate(map(count, counts)), strict=True))


def number(value: Any) -> float:
    """A number that is not below 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    return max(0.0, float(value)) if is_number else 0.0


def count(value: Any) -> int:
    """A whole number that is not below 0."""
    return int(number(value))


def name(value: Any) -> str:
    """A short text."""
    return value[:LONGEST_NAME] if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, dict) else {}
