"""Find the form of a checkpoint that onnxruntime computes, or have it made; choose its precision."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.checkpoint import file_sha256
from bot.worker.encoders.agreement import Verdict, compare
from bot.worker.encoders.exporting import can_export, export_apart, export_later
from bot.worker.encoders.network import ONNX
from bot.worker.encoders.onnx_network import EXACT, QUICK, OnnxNetwork, file_of
from bot.worker.encoders.traits import read_traits

log = logging.getLogger(__name__)

# To be counted up when what is written changes.
FORMAT = 1
CHECK = "check.json"


def open_ready(entry: Entry, task: Task, threads: int) -> OnnxNetwork | None:
    """The network in the best precision that agrees; None when there is none.

    Raises BadModel when it cannot be made or loaded.
    """
    if entry.adapter:
        raise BadModel("An adapter shares its base with others, which onnxruntime does not do.")
    is_made = any((entry.folder / file_of(each)).exists() for each in (EXACT, QUICK))
    if read_traits(entry.folder).kind.startswith("parley_recurrent") and not is_made:
        raise BadModel("A recurrent network is quick as it is: `parley compress` makes it quicker.")
    place = entry.cache / key_of(entry.folder, task) if entry.cache else None
    folder = find_folder(entry, task, place)
    if folder is None:
        return None
    precision = choose(entry, task, threads, folder, place)
    return OnnxNetwork(folder, task, threads, precision, entry.max_tokens)


def find_folder(entry: Entry, task: Task, place: Path | None) -> Path | None:
    """Where the graphs lie: beside the weights, or in the cache, where they are made when that can be.

    Who asks for onnxruntime waits for that; for `auto` it is done later, for the next time.
    """
    if any((entry.folder / file_of(each)).exists() for each in (EXACT, QUICK)):
        return entry.folder
    if place is None or (place / file_of(EXACT)).exists():
        return place
    if not can_export(entry.folder):
        return None
    if entry.runtime != ONNX:
        export_later(entry.folder, task, place)
        return None
    log.info("Making the onnxruntime form of %s, once.", entry.name)
    export_apart(entry.folder, task, place)
    return place


def choose(entry: Entry, task: Task, threads: int, folder: Path, place: Path | None) -> str:
    """The precision to use: 8 bits where they agree with the exact numbers and are quicker here."""
    if not (folder / file_of(EXACT)).exists():
        return QUICK
    if not (folder / file_of(QUICK)).exists():
        return EXACT
    verdict = read_verdict(place)
    if verdict is None:
        exact, quick = (OnnxNetwork(folder, task, threads, each, entry.max_tokens) for each in (EXACT, QUICK))
        verdict = compare(task, exact, quick)
        keep_verdict(verdict, place)
    log.info(
        "%s in 8 bits: agreement %.4f, %.2f times as quick; %s",
        entry.name,
        verdict.agreement,
        verdict.speedup,
        "used." if verdict.is_good else "float32 is used instead.",
    )
    return QUICK if verdict.is_good else EXACT


def read_verdict(place: Path | None) -> Verdict | None:
    """What an earlier check on this machine has found."""
    if place is None or not (place / CHECK).exists():
        return None
    try:
        return Verdict(**json.loads((place / CHECK).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def keep_verdict(verdict: Verdict, place: Path | None) -> None:
    """Keep what a check has found, where there is a cache."""
    if place is None:
        return
    place.mkdir(parents=True, exist_ok=True)
    written = place / f"{CHECK}.{os.getpid()}"
    written.write_text(json.dumps(asdict(verdict)), encoding="utf-8")
    written.replace(place / CHECK)


def key_of(folder: Path, task: Task) -> str:
    """What the form of a checkpoint for a task is called in the cache: it changes when the weights do."""
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.onnx"), *folder.glob("config.json")])
    parts = [str(FORMAT), task.value, importlib.metadata.version("onnxruntime")]
    parts += [f"{path.name} {file_sha256(path)}" for path in files]
    return f"{task.value}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:32]}"


def has_graphics_card() -> bool:
    """Whether torch would compute on one. A torch made for the processor alone is not imported to ask."""
    if not importlib.util.find_spec("torch") or importlib.metadata.version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()
