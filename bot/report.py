"""How each model worker is, for whoever watches over it: numbers and names of models, nothing of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RoleReport:
    """One role of one worker. Counts are since its start; `queued` is by the name of the priority.

    `waits` says for each upper bound in seconds how many texts waited at most so long (the last bound is
    infinite), `padding` which share of the computed tokens was no padding.
    """

    role: str
    state: str = ""
    model: str = ""
    origin: str = ""
    device: str = ""
    queued: Mapping[str, int] = field(default_factory=dict)
    queued_tokens: int = 0
    backlog_seconds: float = 0.0
    waits: tuple[tuple[float, int], ...] = ()
    waited_seconds: float = 0.0
    batches: int = 0
    texts_per_batch: float = 0.0
    padding: float = 1.0
    tokens: int = 0
    device_seconds: float = 0.0
    served: int = 0
    failed: int = 0
    refused: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One worker: its place (a device or an address), its phase, the reason of it, and its roles.

    `unanswered` calls, of about so many `unanswered_tokens`, are with it or wait for it.
    """

    place: str
    phase: str
    reason: str
    device: str = ""
    memory_bytes: int = 0
    unanswered: int = 0
    unanswered_tokens: int = 0
    roles: tuple[RoleReport, ...] = ()
