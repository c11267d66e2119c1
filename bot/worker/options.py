"""What an operator may choose about the worker."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDERS = {"embedding_model", "speech_model"}


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Values only, so that they reach the worker's process as JSON.

    `embedding_model` is a folder of a transformers encoder (None: the built-in one), `threads` 0
    leaves one core to the bot. A request waits and computes for `deadline_seconds` unless it says
    otherwise, and a batch that takes longer counts as hung. `silence_seconds` without a sign of life
    count as hung too. `engine` is the door for other engines: `module:Class` of a `catalogue.Engine`.

    `speech_model` is a folder of a speech recogniser (None: pocketsphinx), `speech_engine` the door
    for others: `module:Class` of a `catalogue.Recogniser`. A recording has at most `speech_minutes`
    and `speech_mb` MiB; of those that wait, the bot keeps `max_queue_mb` MiB, the worker
    `max_recordings`. A window that takes longer than `start_timeout_seconds` counts as hung.
    """

    embedding_model: Path | None = None
    threads: int = 0
    deadline_seconds: float = 30.0
    start_timeout_seconds: float = 120.0
    silence_seconds: float = 10.0
    max_queue_items: int = 8192
    max_queue_tokens: int = 262_144
    engine: str = "bot.worker.engine:Encoder"
    speech_model: Path | None = None
    speech_minutes: int = 15
    speech_mb: int = 20
    speech_engine: str = ""
    max_queue_mb: int = 160
    max_recordings: int = 32

    def pack(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), default=lambda path: str(path.absolute()))

    @classmethod
    def unpack(cls, packed: str) -> WorkerOptions:
        """The options of `pack`."""
        fields = json.loads(packed)
        for name in FOLDERS & fields.keys():
            fields[name] = fields[name] and Path(fields[name])
        return cls(**fields)


def thread_count(options: WorkerOptions) -> int:
    """CPU threads of the engine: as chosen, or all cores but the one left to the bot."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return options.threads or max(1, (usable or 1) - 1)
