"""A network that onnxruntime computes on the processor. torch is not needed, and not imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bot.errors import BadModel
from bot.models import Task
from bot.worker.encoders.network import CPU_BUDGET
from bot.worker.encoders.tokens import Tokens, read_tokenizer
from bot.worker.encoders.traits import pools_first_token, read_traits
from bot.worker.encoders.windows import Window, in_batches, in_order, pad

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats
    from bot.worker.encoders.windows import Numbers

EXACT, QUICK = "float32", "int8"
FILES = {EXACT: "model.onnx", QUICK: "model.int8.onnx"}
TOKENS_INPUT = "input_ids"
OUTPUT = "output"
ATTENTION = "attention"
WARNINGS_AND_ABOVE = 3
OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")


class OnnxNetwork:
    """The graph of one precision in a folder, with its config.json and tokenizer.json.

    Graphs that other tools have made will do as well: vectors are pooled and ends joined where the
    graph itself does not.
    """

    def __init__(self, folder: Path, task: Task, threads: int, precision: str, most_tokens: int = 0) -> None:
        path = folder / file_of(precision)
        self.name = f"onnxruntime {precision}, cpu, {threads} threads"
        self.budget = CPU_BUDGET
        self.memory: int | None = path.stat().st_size
        self.traits = read_traits(folder, most_tokens)
        self.tokens = Tokens(read_tokenizer(folder), self.traits)
        self._task = task
        self._takes_first = task is Task.EMBEDDING and pools_first_token(folder)
        self._session = open_session(path, threads)
        self._inputs = frozenset(each.name for each in self._session.get_inputs())
        self._outputs = [each.name for each in self._session.get_outputs()]
        self._asked = [name for name in self._outputs if name != ATTENTION]

    def run(self, windows: Sequence[Window]) -> list[Floats]:
        """The output for each window. Raises MemoryError when there is no room for them."""
        batches = in_batches(windows, self.budget)
        try:
            outputs = [self._compute([windows[place] for place in batch]) for batch in batches]
        except Exception as error:
            if any(words in str(error) for words in OUT_OF_MEMORY):
                raise MemoryError("there is no room for this batch") from None
            raise
        return in_order(batches, outputs)

    def weigh(self, window: Window, direction: Floats) -> Floats | None:
        """The network's attention where the graph gives it, else None: a graph has no way back."""
        if ATTENTION not in self._outputs:
            return None
        tokens, mask, _ = pad([window], self.traits.filler)
        found = self._session.run([ATTENTION], {TOKENS_INPUT: tokens, "attention_mask": mask})
        weights: Floats = np.asarray(found[0][0], dtype=np.float32)
        return weights

    def warm(self) -> None:
        """Compute once, so that memory is set apart."""
        self.run([Window([self.traits.filler] * 8)])

    def _compute(self, windows: Sequence[Window]) -> Floats:
        tokens, mask, types = pad(windows, self.traits.filler)
        given = {TOKENS_INPUT: tokens, "attention_mask": mask, "token_type_ids": types}
        found = self._session.run(self._asked, {name: given[name] for name in self._inputs})
        return self._read([np.asarray(each, dtype=np.float32) for each in found], mask)

    def _read(self, found: list[Floats], mask: Numbers) -> Floats:
        if self._task is Task.EXTRACTION:
            return found[0] if found[0].ndim == 3 else np.stack(found[:2], axis=1)
        if self._task is not Task.EMBEDDING or found[0].ndim == 2:
            return found[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = found[0][:, 0] if self._takes_first else (found[0] * weights).sum(1) / weights.sum(1)
        vectors: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True).clip(1e-12)
        return vectors


def file_of(precision: str) -> str:
    """The name of the graph of a precision."""
    return FILES[precision]


def open_session(path: Path, threads: int) -> Any:
    """A graph in memory, with a pool of so many threads that sleep when idle. Raises BadModel."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = WARNINGS_AND_ABOVE
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - a wall: onnxruntime raises anything on a broken file
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
        raise BadModel(f"{path} cannot be loaded: {reason}") from None
    unknown = {each.name for each in session.get_inputs()} - {
        TOKENS_INPUT,
        "attention_mask",
        "token_type_ids",
    }
    if unknown:
        raise BadModel(f"{path} asks for inputs that are not known here: {', '.join(sorted(unknown))}.")
    return session
