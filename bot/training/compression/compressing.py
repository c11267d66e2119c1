"""Smaller and quicker forms of a classifier, with what each costs: size, speed, accuracy before and after."""

from __future__ import annotations

import shutil
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open

from bot.benchmarks.speed import speed_of
from bot.errors import BadInput
from bot.evaluation.classification import Answers, confusion_of, judge, macro_f1
from bot.models import Task
from bot.training.checkpoints.classifier import load_checkpoint, temperature_of
from bot.training.checkpoints.served import Served
from bot.training.compression.pruning import prune
from bot.training.courses import course
from bot.training.courses.classification import halved, write_temperature
from bot.training.loop.distributed import Group
from bot.training.loop.plan import read_plan
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.loop.state import make_folder, save_best, write_text, written
from bot.training.rows.data import Example, read_examples
from bot.training.rows.labels import LABELLINGS
from bot.training.rows.provenance import Gate
from bot.training.rows.sums import sha256_of
from bot.training.working import carry_out, command
from bot.worker.checkpoint import WEIGHTS, graph_of
from bot.worker.encoders.exporting import can_export, export_apart
from bot.worker.encoders.onnx_network import EXACT, file_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CARD = "README.md"
ANY_LABELS = "intents"
SPEED_ROWS = 256
# What a worker reads of a folder.
NEEDED = (".safetensors", ".onnx", ".txt", ".model")
TOKENIZERS = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a classifier is to be compressed.

    method   int8 (a graph in 8 bits for onnxruntime), half (weights of 16 bits), prune (without a
             `share` of its units), distil (a small network learns from it, from the rows of `learn` and
             `sayings`, by a `plan`)
    task     whose names the labels of the rows have; "" for that of the model's labels
    """

    method: str
    share: float = 0.3
    learn: Sequence[Path] = ()
    sayings: Sequence[Path] = ()
    plan: Path | None = None
    task: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A classifier as the worker computes it on one core. `packed_bytes` is its size when packed by zlib."""

    bytes: int
    packed_bytes: int
    messages_per_second_alone: float
    messages_per_second_best: float
    best_batch: int
    accuracy: float
    macro_f1: float
    engine: str


@dataclass(frozen=True, slots=True)
class Compression:
    """Both forms measured; `agreement` is the share of rows to which both give the same label."""

    method: str
    before: Measured
    after: Measured
    agreement: float
    rows: int
    notes: tuple[str, ...] = ()


def compress(folder: Path, out: Path, wish: Wish, *, rows: Path, limit: int | None = None) -> Compression:
    """Write the compressed form of a classifier to `out`, and measure both on labelled rows.

    Raises BadInput and BadModel; `out` must be new, save for a distillation that goes on.
    """
    if wish.method not in METHODS:
        raise BadInput(f"There is no method {wish.method!r}. There are {', '.join(METHODS)}.")
    if graph_of(folder):
        raise BadInput(f"{folder} holds a graph alone, which was compressed before.")
    if wish.method != "distil" and out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty: choose a new folder.")
    first = Served(folder)
    task = wish.task if wish.task in LABELLINGS else task_of(first.labels)
    examples = read_examples([rows], LABELLINGS[task], limit=limit)
    before, answers = measured(first, examples)
    note = METHODS[wish.method](folder, out, wish, task, rows)
    after, others = measured(Served(out), examples)
    agreement = round(float((answers.given == others.given).mean()), 4)
    found = Compression(wish.method, before, after, agreement, len(examples), (note,) if note else ())
    write_card(folder, out, found)
    return found


def task_of(labels: Sequence[str]) -> str:
    """The task that has these labels; else one whose labels are any."""
    known = (name for name, each in LABELLINGS.items() if each.labels and set(each.labels) == set(labels))
    return next(known, ANY_LABELS)


def measured(served: Served, examples: Sequence[Example]) -> tuple[Measured, Answers]:
    """The figures of a classifier, and its answers."""
    texts = [each.text for each in examples]
    answers = judge([each.labels for each in examples], served.probabilities(texts), served.labels)
    speed = speed_of(served.engine, texts[:SPEED_ROWS])
    files = needed(served.folder)
    figures = Measured(
        bytes=sum(file.stat().st_size for file in files),
        packed_bytes=sum(packed(file) for file in files),
        messages_per_second_alone=speed.alone,
        messages_per_second_best=speed.best,
        best_batch=speed.batch,
        accuracy=round(float((answers.gold == answers.given).mean()), 4),
        macro_f1=round(macro_f1(confusion_of(answers.gold, answers.given, len(answers.labels))), 4),
        engine=served.engine.device,
    )
    return figures, answers


def needed(folder: Path) -> list[Path]:
    """The files of a folder that a worker reads."""
    return [file for file in folder.iterdir() if file.suffix in NEEDED or file.name in TOKENIZERS]


def packed(file: Path) -> int:
    """How many bytes a file has when it is compressed."""
    packer = zlib.compressobj(1)
    with file.open("rb") as blocks:
        size = sum(len(packer.compress(block)) for block in iter(lambda: blocks.read(1 << 20), b""))
    return size + len(packer.flush())


def to_int8(folder: Path, out: Path, *_: Any) -> str:
    """A graph in 8 bits, without the exact one."""
    if not can_export(folder):
        raise BadInput(
            "A graph in 8 bits needs parley[onnx] and parley[training], and a model of up to 900 MiB."
        )
    with written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".new-", dir=out.parent) as making:
            place = Path(making) / "made"
            export_apart(folder, Task.CLASSIFICATION, place)
            (place / file_of(EXACT)).unlink()
            if out.exists():
                out.rmdir()
            shutil.move(place, out)
    return "The folder holds a graph in 8 bits alone, which the processor computes, not a graphics card."


def to_half(folder: Path, out: Path, *_: Any) -> str:
    """The same weights in 16 bits."""
    model, tokenizer = load_checkpoint(folder)
    save(model, tokenizer, folder, out, half=True)
    return "A processor computes in 32 bits all the same: only the size changes."


def to_pruned(folder: Path, out: Path, wish: Wish, *_: Any) -> str:
    """A network with fewer units."""
    model, tokenizer = load_checkpoint(folder)
    smaller, note = prune(model, wish.share)
    save(smaller, tokenizer, folder, out, half=is_half(folder))
    return f"{note} Training goes on from it: parley train TASK --arch {out} …"


def to_distilled(folder: Path, out: Path, wish: Wish, task: str, rows: Path) -> str:
    """A small recurrent network that learns from the classifier."""
    if not wish.learn:
        raise BadInput("A distillation needs rows to learn from: --learn FILE.")
    request = Request(
        task, wish.learn, out, development=[rows], architecture="gru", teacher=folder, sayings=wish.sayings
    )
    lessons = course(task)
    plan = read_plan(lessons.default_plan(request), wish.plan, {})
    carry_out(request, plan, lessons, gate=Gate(), group=Group(), progress=Silent())
    return "The rows it is measured on also chose its best checkpoint."


METHODS: Mapping[str, Callable[[Path, Path, Wish, str, Path], str]] = {
    "int8": to_int8,
    "half": to_half,
    "prune": to_pruned,
    "distil": to_distilled,
}


def save(model: PreTrainedModel, tokenizer: Any, source: Path, out: Path, *, half: bool) -> None:
    """Write a checkpoint with the temperature of the one it was made from. Raises BadInput."""
    make_folder(out, sum(each.numel() for each in model.parameters()))
    shutil.rmtree(out / "last", ignore_errors=True)

    def write(place: Path) -> None:
        model.save_pretrained(place, state_dict=halved(model) if half else None)
        tokenizer.save_pretrained(place)
        write_temperature(place / "config.json", temperature_of(source / "config.json"))

    save_best(out, write)


def is_half(folder: Path) -> bool:
    """Whether the weights of a checkpoint are in 16 bits."""
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            kinds = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
        return bool(kinds & {"F16", "BF16"})
    return False


def write_card(source: Path, out: Path, found: Compression) -> None:
    """Add the figures to the card of what was compressed: its data and licence still hold."""
    own = next((each / CARD for each in (out, source) if (each / CARD).is_file()), None)
    before, after = asdict(found.before), asdict(found.after)
    table = "\n".join(f"| {name} | {before[name]} | {after[name]} |" for name in before)
    weights = source / WEIGHTS
    origin = f" (sha256 of its weights `{sha256_of(weights)}`)" if weights.is_file() else ""
    section = (
        f"## Compressed: {found.method}\n\nMade from {source.name}{origin} by\n\n"
        f"```sh\n{' '.join(command(sys.argv))}\n```\n\n"
        f"| figure | before | after |\n| --- | --- | --- |\n{table}\n\n"
        f"The same label for {found.agreement:.4f} of {found.rows} rows; one core, torch "
        f"{torch.__version__}. {' '.join(found.notes)}\n"
    )
    write_text(out / CARD, "\n".join([own.read_text(encoding="utf-8"), section]) if own else section)
