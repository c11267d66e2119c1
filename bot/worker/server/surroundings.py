"""What a worker's process does to its surroundings: threads, devices, parent and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from bot.errors import BadInput
from bot.worker.options import WorkerOptions

# A thread gives Python's lock back after so long: with the usual 5 ms, the one that computes would
# wait as long for its next step whenever another one is busy.
SWITCH_SECONDS = 0.0005
# With more cores than that, several find tokens at once.
MANY_CORES = 4
CUDA = "cuda"


def prepare_process(options: WorkerOptions) -> None:
    """Choose the device, and let idle threads sleep instead of spinning. Before torch is imported.

    Nothing asks a model hub. Raises BadInput for a device that is not understood.
    """
    choose_device(options.device)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["KMP_BLOCKTIME"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if (os.cpu_count() or 1) > MANY_CORES else "false"
    sys.setswitchinterval(SWITCH_SECONDS)


def choose_device(device: str) -> None:
    """Let models see one device alone: `auto`, `cpu`, `cuda` or `cuda:N`. Raises BadInput."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif kind == CUDA and number.isdecimal():
        shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        is_known = shown != [""] and int(number) < len(shown)
        os.environ["CUDA_VISIBLE_DEVICES"] = shown[int(number)] if is_known else number
    elif device not in ("auto", CUDA):
        raise BadInput(f"The device {device!r} is not understood. Set worker.devices to auto, cpu or cuda:N.")


def follow_parent() -> None:
    """End this process when standard input closes, which it does when the bot is gone."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os._exit(0)

    threading.Thread(target=wait, name="parent", daemon=True).start()


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run the process's event loop, on uvloop where that is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)
