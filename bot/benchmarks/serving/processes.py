"""What a process and all its descendants cost: processor time and memory. On Linux only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
MIB = 2**20


class Cost(NamedTuple):
    """Processor seconds since the start, those of ended children too; memory in MiB."""

    seconds: float
    memory: float


def is_known() -> bool:
    """Whether the system tells."""
    return (PROC / "self/stat").exists()


def tree_cost(root: int | None = None) -> Cost:
    """Of a process, this one unless said, and all its descendants."""
    rows = processes()
    tree = {root or os.getpid()}
    while more := {number for number, row in rows.items() if row[0] in tree} - tree:
        tree |= more
    alive = [rows[number] for number in tree if number in rows]
    return Cost(sum(seconds for _, seconds, _ in alive), sum(memory for *_, memory in alive))


def processes() -> dict[int, tuple[int, float, float]]:
    """Parent, processor seconds and MiB of each process."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name of the process, in brackets, may hold anything.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(folder.name)] = (
            int(fields[1]),
            sum(map(int, fields[11:15])) / tick,
            int(fields[21]) * page / MIB,
        )
    return found
