"""Load the parts of a checkpoint: local safetensors alone, and no code of its own. torch lives here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from bot.errors import BadModel
from bot.worker.catalogue import ADVICE, Entry

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory")


def prepare(threads: int) -> torch.device:
    """Silence transformers, take so many CPU threads, and say where models go."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device, threads: int) -> str:
    """What a device is called in the worker's health."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {threads} threads"


def number_type(device: torch.device) -> torch.dtype:
    """bfloat16 on a graphics card, float32 elsewhere."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def load_part(kind: Any, entry: Entry) -> Any:
    """A configuration, tokenizer or feature extractor. Raises BadModel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind.from_pretrained(entry.folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        package = first_line(error).partition(". ")[0]
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {package}. {ADVICE}") from None
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {first_line(error)}") from None


def load_model(
    kind: Any, entry: Entry, dtype: torch.dtype, *, unneeded: Iterable[str] = (), **choices: Any
) -> Any:
    """The model with its weights. Raises BadModel when it lacks tensors other than those named `unneeded`."""
    try:
        model, report = kind.from_pretrained(
            entry.folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
            **choices,
        )
    except Exception as error:  # noqa: BLE001 - a wall, as above
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {first_line(error)}") from None
    missing = sorted(name for name in report["missing_keys"] if not any(part in name for part in unneeded))
    if missing:
        raise BadModel(f"The weights in {entry.folder} lack {len(missing)} tensors, such as {missing[0]}.")
    return model


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device had no room. torch says so in words alone when it is the machine's own memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    )


def free_memory(device: torch.device) -> None:
    """Give back what torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def first_line(error: Exception) -> str:
    """The beginning of an error, for a sentence."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)[:300]
