"""Which devices of this machine get a worker each, found out without any model library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.worker.options import WorkerOptions, thread_count

AUTO, CPU = "auto", "cpu"
GPUS = Path("/proc/driver/nvidia/gpus")
VISIBLE = "CUDA_VISIBLE_DEVICES"


def per_device(options: WorkerOptions, devices: Sequence[str]) -> list[WorkerOptions]:
    """The options of the worker of each device. `auto` is every GPU where there are several.

    With one GPU or none it stays `auto`: the worker itself finds out. Several workers on the processor
    share its cores.
    """
    named = [name for device in devices for name in (_gpus() if device == AUTO else [device])]
    on_cpu = sum(name == CPU for name in named)
    threads = options.threads or max(1, thread_count(options) // max(1, on_cpu))
    return [
        replace(options, device=name, threads=threads if name == CPU and on_cpu > 1 else options.threads)
        for name in named
    ]


def _gpus() -> list[str]:
    count = gpu_count()
    return [f"cuda:{number}" for number in range(count)] if count > 1 else [AUTO]


def gpu_count() -> int:
    """The NVIDIA GPUs this process may use."""
    present = len(list(GPUS.iterdir())) if GPUS.is_dir() else 0
    chosen = os.environ.get(VISIBLE)
    if chosen is None:
        return present
    visible = [each for each in chosen.split(",") if each.strip() and not each.strip().startswith("-")]
    return min(present, len(visible))
