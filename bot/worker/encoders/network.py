"""What computes windows, whichever library does it, and how it is chosen."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.checkpoint import graph_of
from bot.worker.encoders.tokens import Tokens
from bot.worker.encoders.traits import Traits
from bot.worker.encoders.windows import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

log = logging.getLogger(__name__)

TORCH, ONNX = "torch", "onnx"
# Padded tokens per batch: where throughput levels off, so that nobody waits longer than that earns.
CPU_BUDGET = 384
CUDA_BUDGET = 32_768


class Network(Protocol):
    """A loaded checkpoint. Its weights never change; threads may use it side by side.

    What it gives for a window, in float32: a unit vector for an embedding, logits of labels or of
    relevance, and for answers two rows, logits of each token as a beginning and as an end.
    """

    name: str
    """The library, numbers and device that compute."""
    budget: int
    memory: int | None
    """Bytes that it takes; None where its torch modules tell, some of which others may share."""
    traits: Traits
    tokens: Tokens

    def run(self, windows: Sequence[Window]) -> list[Floats]:
        """The output for each window. Raises MemoryError when the device has no room for them."""

    def weigh(self, window: Window, direction: Floats) -> Floats | None:
        """How much each token moves the logits in a direction; None when the network cannot tell."""

    def warm(self) -> None:
        """Compute once what takes longer the first time. Raises MemoryError."""


def open_network(entry: Entry, task: Task, threads: int) -> Network:
    """Load a checkpoint for a task, computed as the entry's `runtime` says. Raises BadModel.

    `onnx` makes the graphs that onnxruntime computes in the entry's cache, if they are nowhere. `auto`
    takes them on the processor where they are; else it takes torch, and has them made for the next time.
    A folder with graphs alone is computed by onnxruntime whatever is asked.
    """
    is_torch = entry.runtime == TORCH and graph_of(entry.folder) is None
    graph = None if is_torch else open_graph(entry, task, threads)
    if graph is not None:
        return graph
    from bot.worker.encoders.torch_network import TorchNetwork

    return TorchNetwork(entry, task, threads)


def open_graph(entry: Entry, task: Task, threads: int) -> Network | None:
    """The network computed by onnxruntime; None when `auto` had better take torch. Raises BadModel."""
    is_wanted = entry.runtime == ONNX or graph_of(entry.folder) is not None
    if importlib.util.find_spec("onnxruntime"):
        from bot.worker.encoders.ready import has_graphics_card, open_ready

        if not is_wanted and has_graphics_card():
            return None
        try:
            graph = open_ready(entry, task, threads)
        except BadModel as error:
            if is_wanted:
                raise
            log.info("%s is computed by torch: %s", entry.name, error)
            return None
        if graph is not None or not is_wanted:
            return graph
    elif not is_wanted:
        return None
    raise BadModel(
        f"{entry.name} cannot be computed by onnxruntime: put model.onnx beside its weights, or install "
        "parley[onnx] and parley[training], which make it."
    )
