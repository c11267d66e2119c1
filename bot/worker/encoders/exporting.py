"""Make the form of a checkpoint that onnxruntime computes, once, in a process of its own.

Run as `python -m bot.worker.encoders.exporting FOLDER TASK PLACE NICENESS`: torch leaves the worker's memory
alone, and nothing that it prints or breaks reaches the worker.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.onnx_network import EXACT, OUTPUT, QUICK, TOKENS_INPUT, file_of

if TYPE_CHECKING:
    from bot.worker.encoders.torch_network import TorchNetwork

log = logging.getLogger(__name__)

PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
TIMEOUT_SECONDS = 600.0
# A worker that lives no longer than this has no use for it.
DELAY_SECONDS = 60.0
PARENT_SECONDS = 1.0
NICENESS = 10
# From here on an activation that encoders have is one operator; any onnxruntime of the last years knows it.
OPSET = 20
# A graph is one file with its weights, which cannot have 2 GiB; in float32, from weights of half the size.
MOST_BYTES = 900 * 2**20
# Without this mark in the file onnxruntime asks for a preparation, which here brings nothing.
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


def can_export(folder: Path) -> bool:
    """Whether everything that exporting needs is installed, and the checkpoint is small enough."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return size <= MOST_BYTES and all(importlib.util.find_spec(name) for name in PACKAGES)


def export_apart(folder: Path, task: Task, place: Path, *, niceness: int = 0) -> None:
    """Make the folder `place` from the checkpoint in `folder`, in another process. Raises BadModel."""
    command = [sys.executable, "-m", __name__, str(folder), task.value, str(place), str(niceness)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise BadModel(
            f"Making an onnxruntime form of {folder} took more than {TIMEOUT_SECONDS:.0f} s."
        ) from None
    if done.returncode:
        reason = next(iter(reversed(done.stderr.strip().splitlines())), f"exit code {done.returncode}")
        raise BadModel(f"No onnxruntime form of {folder} can be made: {reason[:300]}")


def export_later(folder: Path, task: Task, place: Path) -> threading.Timer:
    """Do the same in a while, beside the worker's work, and say nothing if it fails but in the log."""
    timer = threading.Timer(DELAY_SECONDS, _export_quietly, (folder, task, place))
    timer.daemon = True
    timer.start()
    return timer


def _export_quietly(folder: Path, task: Task, place: Path) -> None:
    if place.exists():
        return
    try:
        export_apart(folder, task, place, niceness=NICENESS)
    except BadModel as error:
        log.info("%s", error)
    else:
        log.info("onnxruntime will compute %s from the next start.", folder)


def export(folder: Path, task: Task, place: Path) -> None:
    """Make the folder `place`: the network in float32 and in 8 bits, its settings and its tokenizer."""
    from bot.worker.encoders.torch_network import TorchNetwork

    network = TorchNetwork(Entry(task.value, folder.name, folder, "", 0, ""), task, threads=1)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="making-") as making:
        made = Path(making) / "made"
        made.mkdir()
        network.save_parts(made)
        write_any_graph(network, made / file_of(EXACT))
        quantize(made / file_of(EXACT), made / file_of(QUICK))
        if not place.exists():
            made.rename(place)


def write_any_graph(network: TorchNetwork, path: Path) -> None:
    """The network as an ONNX graph: a recurrent one of our own is written operator by operator."""
    answering = network.answering
    if network.traits.kind.startswith("parley_recurrent"):
        from bot.worker.encoders.recurrent_graph import write_recurrent_graph

        return write_recurrent_graph(answering.network, path)
    answering.network.set_attn_implementation("eager")  # a smaller graph
    return write_graph(answering, path, has_types=network.traits.has_types)


def write_graph(answering: Any, path: Path, *, has_types: bool) -> None:
    """The network as an ONNX graph for batches of any size and length."""
    import torch

    tokens = torch.ones(2, 9, dtype=torch.long)
    mask = tokens.clone()
    mask[1, 5:] = 0
    given = {"tokens": tokens, "mask": mask} | ({"types": mask - mask} if has_types else {})
    names = dict(
        zip(("tokens", "mask", "types"), (TOKENS_INPUT, "attention_mask", "token_type_ids"), strict=True)
    )
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            answering.eval(),
            (),
            kwargs=given,
            dynamo=True,
            opset_version=OPSET,
            input_names=[names[name] for name in given],
            output_names=[OUTPUT],
            dynamic_shapes=dict.fromkeys(given, axes),
        )
    assert program is not None  # noqa: S101 - dynamo=True
    key, value = PREPARED
    program.model.metadata_props[key] = value
    program.save(path, external_data=False)


def quantize(exact: Path, quick: Path) -> None:
    """Weights in 8 bits, a scale for each column; 7 of them used, so that sums on AVX2 do not overflow."""
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(exact, quick, per_channel=True, reduce_range=True)


def end_with(parent: int) -> None:
    """End this process when the parent's has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Export what the command line names."""
    end_with(os.getppid())
    folder, task, place, niceness = sys.argv[1:]
    if hasattr(os, "nice"):
        os.nice(int(niceness))
    try:
        export(Path(folder), Task(task), Path(place))
    except Exception as error:  # noqa: BLE001 - a wall: the exporter raises anything; one line says it
        reason = next(iter(str(error).splitlines()), "")
        sys.exit(f"{type(error).__name__}: {reason}")


if __name__ == "__main__":
    main()
