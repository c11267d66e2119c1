"""How fast the models are that come with parley: messages a second, size on disk, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bot.benchmarks.speed import SIZES, speed_of
from bot.errors import BadModel
from bot.models import TASKS, Task
from bot.worker.catalogue import Entry, find_entry, is_there, make_engine, task_of
from bot.worker.memory import bytes_of, parts_of
from bot.worker.options import WorkerOptions
from bot.worker.server.surroundings import prepare_process

TIMEOUT_SECONDS = 600.0
MEBIBYTE = 2**20
# Tasks whose engines take texts and give an answer for each at once.
MEASURED = (
    Task.EMBEDDING,
    Task.CLASSIFICATION,
    Task.EXTRACTION,
    Task.RERANKING,
    Task.TRANSLATION,
    Task.SUMMARIZATION,
)
# Writing a text takes as long as reading a hundred.
WRITING = (Task.TRANSLATION, Task.SUMMARIZATION)
TEXTS, WRITTEN = 128, 32
CHOICES: Mapping[Task, Mapping[str, Any]] = {
    Task.TRANSLATION: {"target": "de", "source": "en"},
    Task.SUMMARIZATION: {"most_words": 30},
}
HEADINGS = {
    "role": "role",
    "model": "model",
    "engine": "engine",
    "alone": "messages/s alone",
    "best": "messages/s best",
    "batch": "best batch",
    "disk_mb": "disk MB",
    "memory_mb": "weights MB",
    "process_mb": "process MB",
    "load_seconds": "load s",
}

OPENINGS = (
    "Hello everybody,", "Since this morning", "Could somebody tell me why", "I am happy to say", "Sorry, but"
)  # fmt: skip
SUBJECTS = (
    "the new version of the app", "my order from last week", "the printer on the second floor", "our meeting",
    "the password that you sent me", "the answer of your support team",
)  # fmt: skip
VERDICTS = (
    "does not work any more.", "was a pleasant surprise for all of us, thank you so much!", "is late again.",
    "has been moved to Thursday at half past nine, as far as I know.", "is great!",
)  # fmt: skip
QUESTION = "What was moved to Thursday?"


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """A built-in model on one core. `memory_mb` are its weights once loaded, `process_mb` all that a process
    with it alone takes, libraries included."""

    role: str
    model: str
    engine: str
    alone: float
    best: float
    batch: int
    disk_mb: float
    memory_mb: float
    process_mb: float
    load_seconds: float


def measure(cache: Path | None, progress: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """Each built-in model that is found, in a process of its own. Raises BadModel for one that fails.

    What the worker keeps of models, such as their form in 8 bits, is taken from `cache`.
    """
    found = []
    for role in built_in_roles():
        progress(role)
        found.append(measured_apart(role, cache))
    return found


def built_in_roles() -> list[str]:
    """The roles that are served without any settings, of the tasks that can be measured here."""
    options = WorkerOptions()
    known = [role for role in TASKS if task_of(role, options) in MEASURED]
    return [role for role in known if role == "embedding" or is_there(role, options)]


def measured_apart(role: str, cache: Path | None) -> dict[str, Any]:
    """The figures of one model, by a process that has it alone."""
    command = [sys.executable, "-m", __name__, role, str(cache or "")]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False, env=surroundings
        )
    except subprocess.TimeoutExpired:
        raise BadModel(f"{role} took more than {TIMEOUT_SECONDS:.0f} s to measure.") from None
    if done.returncode:
        reason = next(iter(reversed(done.stderr.strip().splitlines())), f"exit code {done.returncode}")
        raise BadModel(f"{role} cannot be measured: {reason[:300]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measured(role: str, options: WorkerOptions) -> ModelSpeed:
    """The figures of one model in this process."""
    entry = find_entry(role, options)
    task = Task(entry.task)
    began = time.monotonic()
    engine = make_engine(entry, 1)
    loaded = time.monotonic() - began
    choice = engine.choose(CHOICES.get(task, {})) if hasattr(engine, "choose") else None
    sizes = SIZES[:2] if task in WRITING else SIZES
    speed = speed_of(engine, inputs_of(task), choice, sizes=sizes)
    return ModelSpeed(
        role=role,
        model=entry.name,
        engine=engine.device,
        alone=speed.alone,
        best=speed.best,
        batch=speed.batch,
        disk_mb=megabytes(disk_of(entry)),
        memory_mb=megabytes(bytes_of([parts_of(engine)])),
        process_mb=megabytes(resident()),
        load_seconds=round(loaded, 2),
    )


def inputs_of(task: Task) -> Sequence[Any]:
    """Sentences as people write them, the same ones every time; pairs where a question goes with each."""
    everything = [f"{one} {other} {end}" for one in OPENINGS for other in SUBJECTS for end in VERDICTS]
    texts = everything[: WRITTEN if task in WRITING else TEXTS]
    return [(QUESTION, text) for text in texts] if task in (Task.EXTRACTION, Task.RERANKING) else texts


def disk_of(entry: Entry) -> int:
    """The bytes of a model's folder, and of what it adds to its base."""
    folder = entry.adapter or entry.folder
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def resident() -> int:
    """The memory of this process, in bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def megabytes(size: int) -> float:
    """Bytes in MiB."""
    return round(size / MEBIBYTE, 1)


def rows(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The figures as lines of a table."""
    return [[str(each[name]) for name in HEADINGS] for each in found]


def main() -> None:
    """Measure the role that the command line names."""
    role, cache = sys.argv[1:]
    options = replace(WorkerOptions(device="cpu", threads=1), cache=Path(cache) if cache else None)
    prepare_process(options)
    try:
        print(json.dumps(asdict(measured(role, options))))  # noqa: T201
    except BadModel as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
