"""What an operator may choose about the worker."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Values only, so that they reach the worker's process as JSON.

    `embedding_model` is a folder of a transformers encoder (None: the built-in one), `threads` 0
    leaves one core to the bot. A request waits and computes for `deadline_seconds` unless it says
    otherwise, and a batch that takes longer counts as hung. `silence_seconds` without a sign of life
    count as hung too. `engine` is the door for other engines: `module:Class` of a `catalogue.Engine`.
    """

    embedding_model: Path | None = None
    threads: int = 0
    deadline_seconds: float = 30.0
    start_timeout_seconds: float = 120.0
    silence_seconds: float = 10.0
    max_queue_items: int = 8192
    max_queue_tokens: int = 262_144
    engine: str = "bot.worker.engine:Encoder"

    def pack(self) -> str:
        """One line of JSON."""
        fields = asdict(self)
        fields["embedding_model"] = self.embedding_model and str(self.embedding_model.absolute())
        return json.dumps(fields)

    @classmethod
    def unpack(cls, packed: str) -> WorkerOptions:
        """The options of `pack`."""
        fields = json.loads(packed)
        folder = fields.pop("embedding_model", None)
        return cls(embedding_model=Path(folder) if folder else None, **fields)


def thread_count(options: WorkerOptions) -> int:
    """CPU threads of the engine: as chosen, or all cores but the one left to the bot."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return options.threads or max(1, (usable or 1) - 1)
