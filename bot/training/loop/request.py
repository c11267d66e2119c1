"""What a command asks to be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """A task, the files of rows to learn from and to measure on, and where the checkpoint goes.

    `architecture` is a name or a checkpoint's folder; empty where the task has one of its own.
    `vocabulary` has texts to learn subwords from in place of the rows' own.
    """

    task: str
    data: Sequence[Path]
    out: Path
    development: Sequence[Path] = ()
    architecture: str = ""
    teacher: Path | None = None
    sayings: Sequence[Path] = ()
    vocabulary: Path | None = None
