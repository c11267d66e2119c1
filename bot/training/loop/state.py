"""What a run leaves on disk: the best checkpoint, and the state to go on from. Nothing is lost half-way."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers.utils.logging import disable_progress_bar

from bot.errors import BadInput

LAST = "last"
STATE = "state.pt"
COPIES = 6  # the network, two moments, the average, and a new state beside the old one


def make_folder(out: Path, numbers: int) -> None:
    """Make a run's folder. Raises BadInput when it cannot be written or has no room for so many numbers."""
    with written(out):
        (out / LAST).mkdir(parents=True, exist_ok=True)
        needed = numbers * 4 * COPIES
        free = shutil.disk_usage(out).free
    if free < needed:
        raise BadInput(f"{out}: {needed / 1e6:.0f} MB of disk are needed, {free / 1e6:.0f} MB are free.")


def save_state(out: Path, state: Mapping[str, Any], identity: Mapping[str, str]) -> None:
    """Replace the state to resume from. Until the new one is whole on disk the old one stays."""
    folder = out / LAST
    with written(out):
        new = folder / f"{STATE}.new"
        try:
            with new.open("wb") as file:
                torch.save({"identity": dict(identity), **state}, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(folder / STATE)
        finally:
            new.unlink(missing_ok=True)


def load_state(out: Path, identity: Mapping[str, str]) -> dict[str, Any] | None:
    """The state to resume from, None for a new run. Raises BadInput for a state of another run."""
    file = out / LAST / STATE
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInput(f"{file}: the state cannot be read ({error}); delete {out} to begin anew.") from None
    for name, value in identity.items():
        found = state["identity"].get(name, "nothing")
        if found != value:
            raise BadInput(
                f"{out}: another run lies there ({name}: {found}, now {value}). Choose another folder, or "
                "give what the run was begun with to go on."
            )
    return state


def save_best(out: Path, save: Callable[[Path], None]) -> None:
    """Replace the checkpoint in a folder by one that `save` writes, without transformers' own bars."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    with written(out), TemporaryDirectory(prefix=".new-", dir=out) as folder:
        save(Path(folder))
        for file in Path(folder).iterdir():
            if file.is_dir():
                shutil.rmtree(out / file.name, ignore_errors=True)
            file.replace(out / file.name)


def write_text(file: Path, text: str) -> None:
    """Replace a file by a text."""
    with written(file):
        new = file.with_name(f"{file.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(file)


def write_json(file: Path, value: object) -> None:
    """Replace a file by a value."""
    write_text(file, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Say in words why something could not be written there."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise BadInput(f"{place}: {reason} What was saved before is kept.") from error


def _reason(error: OSError | RuntimeError) -> str | None:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full. Make room; the same command then goes on."
    if isinstance(error, OSError):
        return f"it cannot be written ({error.strerror})."
    # torch's writer does not carry the system's error number.
    is_writer = "PytorchStreamWriter" in str(error) or "unexpected pos" in str(error)
    return (
        "it cannot be written; is the disk full? Make room; the same command then goes on."
        if is_writer
        else None
    )
