"""Several processes that learn one model together, started by `torchrun` or `accelerate launch`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

TIMEOUT = timedelta(minutes=30)  # a measurement on the first process keeps the others waiting


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a run: `rank` is this one's number, `size` how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process measures, saves and speaks."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients."""
        if self.size == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        flat = torch.cat([each.flatten() for each in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, value: float) -> float:
        """The mean of every process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(shared)
        return float(shared) / self.size

    def any(self, value: bool) -> bool:
        """Whether any process says so."""
        return self.mean(float(value)) > 0


@contextmanager
def joined() -> Iterator[Group]:
    """The processes of this run, gathered while it lasts: gloo on CPUs, nccl on GPUs; often only this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group()
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
