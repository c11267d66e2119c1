"""What an operator may choose about the worker."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SHADOW = ".shadow"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """An operator's model for a role: as `settings.ModelSettings`, which says what each field means.

    `engine` is "auto", "torch", "onnx", or the door for others: `module:Class` as the catalogue says.
    """

    folder: Path | None = None
    adapter: Path | None = None
    task: str = ""
    engine: str = "auto"
    sha256: str = ""
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Values only, so that they reach the worker's process as JSON.

    `models` are the operator's own by role; other roles have the built-in ones. `device` is "auto" (a
    GPU when there is one), "cpu" or "cuda:N"; `threads` 0 leaves one core to the bot. A request waits
    and computes for `deadline_seconds` unless it says otherwise, and a batch that takes longer counts
    as hung. `silence_seconds` without a sign of life count as hung too.

    The queue of a model holds at most `max_queue_items` texts of `max_queue_tokens`, of which a community and
    a skill may fill a share each. Loaded models take at most `memory_mb` MiB (0: no limit); one that
    nobody asks for `idle_seconds` is unloaded (0: never). What is made once of a model, such as its 8-bit
    form, is kept in `cache`.

    A recording has at most `speech_minutes` and `speech_mb` MiB; of those that wait, the bot keeps
    `max_queue_mb` MiB, the worker `max_recordings`. A window that takes longer than
    `start_timeout_seconds` counts as hung.
    """

    models: Mapping[str, ModelChoice] = field(default_factory=dict)
    device: str = "auto"
    threads: int = 0
    deadline_seconds: float = 30.0
    start_timeout_seconds: float = 120.0
    silence_seconds: float = 10.0
    max_queue_items: int = 8192
    max_queue_tokens: int = 262_144
    community_share: float = 1.0
    skill_share: float = 1.0
    memory_mb: int = 0
    idle_seconds: float = 0.0
    cache: Path | None = None
    speech_minutes: int = 15
    speech_mb: int = 20
    max_queue_mb: int = 160
    max_recordings: int = 32

    def choice(self, role: str) -> ModelChoice:
        """The operator's choice for a role; an empty one where he left it."""
        return self.models.get(role, ModelChoice())

    def pack(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), default=lambda path: str(path.absolute()))

    @classmethod
    def unpack(cls, packed: str) -> WorkerOptions:
        """The options of `pack`."""
        fields = json.loads(packed)
        chosen = {role: _choice(each) for role, each in fields.pop("models", {}).items()}
        cache = fields.pop("cache", None)
        return cls(models=chosen, cache=cache and Path(cache), **fields)


def _choice(fields: dict[str, Any]) -> ModelChoice:
    folders = {name: Path(fields[name]) for name in ("folder", "adapter") if fields.get(name)}
    return ModelChoice(**fields | folders)


def shadow_role(role: str) -> str:
    """The role of a model that is asked beside that of `role` to see whether it answers alike."""
    return f"{role}{SHADOW}"


def is_shadow(role: str) -> bool:
    """Whether nobody waits for the answers of a role: its model takes no other one's place in memory."""
    return role.endswith(SHADOW)


def thread_count(options: WorkerOptions) -> int:
    """CPU threads of the engine: as chosen, or all cores but the one left to the bot."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return options.threads or max(1, (usable or 1) - 1)
