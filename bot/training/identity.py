"""What makes two runs the same one, so that a command goes on where it was interrupted and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bot.errors import BadInput
from bot.training.plan import Plan
from bot.training.request import Request

BLOCK = 1 << 20


def identity(request: Request, plan: Plan, *, processes: int = 1) -> dict[str, str]:
    """The task, the rows and everything their order follows from. Rates and lengths may change on the way."""
    public = {"vocabulary": sha256_of(request.vocabulary)} if request.vocabulary else {}
    return public | {
        "task": request.task,
        "architecture": request.architecture,
        "data": sha256_of(*request.data),
        "seed": str(plan.seed),
        "batch_tokens": str(plan.batch_tokens),
        "batches of a step": str(plan.accumulate * processes),
    }


def sha256_of(*files: Path) -> str:
    """One sum for files in their order: of a single file, its own."""
    sums = [_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as blocks:
            while block := blocks.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise BadInput(f"{file}: it cannot be read ({error.strerror}).") from None
    return digest.hexdigest()
