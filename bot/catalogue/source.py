"""A checkpoint as it comes from elsewhere: looked at before anything of it is copied or loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue.writing import explained
from bot.errors import BadInput, BadModel
from bot.models import TASKS, Task
from bot.worker.catalogue import BUILT_IN, ITS_BASE, Entry
from bot.worker.checkpoint import (
    ADAPTER_CONFIG,
    WEIGHTS,
    WEIGHTS_INDEX,
    check_kind,
    check_weights,
    file_sha256,
    read_json,
)

PICKLES = (".bin", ".ckpt", ".h5", ".joblib", ".msgpack", ".pickle", ".pkl", ".pt", ".pth")
"""Files that are refused: reading them runs code, or they are weights that are not looked at."""
KEPT = (".jinja", ".json", ".md", ".model", ".onnx", ".safetensors", ".spm", ".tiktoken", ".txt", ".vocab")
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "source.spm",
    "sentencepiece.bpe.model",
    "preprocessor_config.json",
)
NESTED = "1_Pooling"
REMOTE_CODE = "auto_map"
LENGTH_BYTES = 8
LONGEST_HEADER = 100 * 2**20
ROOM = 1.05
"""So much of the files' size must be free on the disk."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that may be added, and the paths in it that belong to the checkpoint."""

    folder: Path
    paths: tuple[str, ...]
    is_adapter: bool

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum((self.folder / path).stat().st_size for path in self.paths)


def look_at(folder: Path, role: str, task: str) -> Source:
    """What may be copied of a folder. Raises BadModel for what is not taken, and says why."""
    if not folder.is_dir():
        raise BadModel(f"There is no model folder {folder}.")
    is_adapter = (folder / ADAPTER_CONFIG).is_file()
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICKLES:
            raise BadModel(
                f"{path}: such a file can run code when it is read. Only safetensors are taken: convert it, "
                "or move it out of the folder if safetensors lie beside it."
            )
    check_weights(folder)
    check_no_code(folder)
    for weights in folder.glob("*.safetensors"):
        check_whole(weights)
    if is_adapter:
        check_base(folder, role)
    else:
        check_parts(folder, role, task)
    return Source(folder, tuple(_paths(folder)), is_adapter)


def check_no_code(folder: Path) -> None:
    """Raise BadModel for a checkpoint that asks for code of its own."""
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith("config.json") and REMOTE_CODE in read_json(path):
            raise BadModel(f"{path} asks for code of the model's own ({REMOTE_CODE}), which is never run.")


def check_whole(weights: Path) -> None:
    """Raise BadModel for a file of safetensors that is cut off, or none."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            header = json.loads(file.read(length)) if 0 < length < LONGEST_HEADER else {}
        tensors = [each for name, each in header.items() if name != "__metadata__"]
        end = max((int(each["data_offsets"][1]) for each in tensors), default=-1)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        end = -1
    if end < 0 or LENGTH_BYTES + length + end != weights.stat().st_size:
        raise BadModel(f"{weights} is no whole file of safetensors. Get it anew.")


def check_parts(folder: Path, role: str, task: str) -> None:
    """Raise BadModel unless configuration and tokenizer are there, for the kind of model the role wants."""
    if not (folder / "config.json").is_file():
        raise BadModel(f"{folder} holds no config.json, so nobody knows what its weights are.")
    if not any((folder / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX)):
        raise BadModel(f"{folder} holds no {WEIGHTS}. Give its weights that name.")
    check_kind(Entry(role, folder.name, folder, "", 0, "", task=task))
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise BadModel(f"{folder} holds no tokenizer (such as tokenizer.json). Copy it beside the weights.")


def check_base(adapter: Path, role: str) -> None:
    """Raise BadModel for an adapter of another model than the built-in encoder."""
    base = read_json(adapter / ADAPTER_CONFIG).get(ITS_BASE)
    if base != BUILT_IN:
        raise BadModel(
            f"{adapter} is an adapter for {base}. The catalogue takes those for {BUILT_IN}; name others in "
            f"[models.{role}] of the settings, with folder and adapter."
        )


def task_for(role: str, named: str) -> Task:
    """What a version of a role does. Raises BadInput for an unknown role whose task is not named."""
    known = TASKS.get(role)
    if named and known and named != known:
        raise BadInput(f"{role} is a role of {known}, not of {named}. Leave out --task.")
    try:
        return known or Task(named)
    except ValueError:
        tasks = ", ".join(Task)
        raise BadInput(
            f"{role} is a role of your own: say what it does with --task, one of {tasks}."
        ) from None


def copy(source: Source, target: Path) -> dict[str, str]:
    """Copy the files, and return their sha256. Raises BadInput without room; nothing is left then."""
    new = target.with_name(f".new-{target.name}")
    with explained(target):
        new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_room(source, new.parent)
        shutil.rmtree(new, ignore_errors=True)
        try:
            for path in source.paths:
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source.folder / path, new / path)
            sums = {path: file_sha256(new / path) for path in source.paths}
            shutil.rmtree(target, ignore_errors=True)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return sums


def _check_room(source: Source, place: Path) -> None:
    needed, free = int(source.bytes * ROOM), shutil.disk_usage(place).free
    if free < needed:
        raise BadInput(
            f"{place}: {needed / 1e6:.0f} MB of disk are needed, {free / 1e6:.0f} MB are free. Make room."
        )


def _paths(folder: Path) -> Iterator[str]:
    for path in sorted([*folder.iterdir(), *folder.glob(f"{NESTED}/*.json")]):
        if path.is_file() and (path.suffix in KEPT or path.name.upper().startswith("LICEN")):
            yield path.relative_to(folder).as_posix()
