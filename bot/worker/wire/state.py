"""What a worker is doing and what it can do, as it says of itself; nothing of it is believed unlooked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.models import EMBEDDING, TRANSCRIPTION
from bot.worker.options import WorkerOptions
from bot.worker.wire.errors import WorkerDied
from bot.worker.wire.frames import VERSION


class Phase(StrEnum):
    """What the worker is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    LEAVING = "leaving"
    FAILED = "failed"


COMING = frozenset({Phase.STARTING, Phase.RESTARTING, Phase.LEAVING})
"""Who is in one of these may soon take calls, so they wait for it."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A phase, and the reason of it in words for a person."""

    phase: Phase
    reason: str


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker says when it is ready: the origin of each role's model, and what its encoder is."""

    roles: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    dimensions: int = 0
    takes_many: bool = False
    """Whether one frame may ask many things."""


def hang_of(health: Mapping[str, Any], options: WorkerOptions) -> str:
    """On what a worker hangs, by its heartbeat, as a clause; empty when on nothing.

    A batch that takes longer than any request may wait counts as hung, or a window of a recording that
    takes longer than a start. Raises what a mapping raises for nonsense.
    """
    batch = float(health.get("stalled_seconds", 0.0))
    if batch > options.deadline_seconds:
        return f"it hung on a batch for {batch:.0f} seconds"
    window = float(health.get("roles", {}).get(TRANSCRIPTION, {}).get("stalled_seconds", 0.0))
    if window > options.start_timeout_seconds:
        return f"it hung on a recording for {window:.0f} seconds"
    return ""


def introduction(header: Mapping[str, Any], before: Mapping[str, str]) -> Introduction:
    """What a `ready` or `failed` frame says; `before` is what was known of its roles. Raises WorkerDied."""
    version = header.get("version", VERSION)
    if version != VERSION:
        raise WorkerDied(
            f"it speaks version {version!s:.10} of the protocol, and this parley {VERSION}: "
            "install the same parley on both sides"
        )
    roles = header.get("roles")
    if isinstance(roles, dict):
        known = {str(role): _origin(each, before.get(str(role), "")) for role, each in roles.items()}
    else:
        known = {str(role): before.get(str(role), "") for role in (before if roles is None else roles)}
    if header["kind"] == "failed":
        known.pop(EMBEDDING, None)
    return Introduction(
        known, str(header.get("model", "")), int(header.get("dimensions", 0)), "version" in header
    )


def _origin(told: Any, before: str) -> str:
    return str(told.get("origin", before)) if isinstance(told, dict) else str(told)
