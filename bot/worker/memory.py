"""How much memory a loaded model takes. What several models share is counted once."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

OURS = "bot."
LEVELS = 3

Parts = Mapping[Any, int]
"""Bytes of each part of a model, by what is the same for all who share it."""


def parts_of(engine: object) -> Parts:
    """The storages of the torch modules that an engine holds, or what it says itself."""
    declared = getattr(engine, "memory", None)
    if isinstance(declared, int):
        return {id(engine): declared}
    return {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for module in modules_of(engine)
        for tensor in [*module.parameters(), *module.buffers()]
    }


def modules_of(engine: object) -> list[Any]:
    """The torch modules an engine holds, itself or in objects of ours that it holds."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    holders, modules = [engine], []
    for _ in range(LEVELS):
        held = [each for holder in holders for each in attributes(holder)]
        modules += [each for each in held if isinstance(each, torch.nn.Module)]
        holders = [each for each in held if type(each).__module__.startswith(OURS)]
    return modules


def attributes(holder: object) -> list[object]:
    """What an object holds by name."""
    slots = [getattr(holder, name, None) for name in getattr(type(holder), "__slots__", ())]
    return [*getattr(holder, "__dict__", {}).values(), *slots]


def bytes_of(several: Iterable[Parts]) -> int:
    """All parts together, each counted once."""
    together: dict[Any, int] = {}
    for parts in several:
        together |= parts
    return sum(together.values())


def size_of(folder: Path) -> int:
    """Bytes of the weights in a folder: about what the model will take."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def give_back() -> None:
    """Return what is no longer used to the system and the device."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # other C libraries have no such call
            ctypes.CDLL(None).malloc_trim(0)
