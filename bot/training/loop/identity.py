"""What makes two runs the same one, so that a command goes on where it was interrupted and nowhere else."""

from __future__ import annotations

from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.rows.sums import sha256_of


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
