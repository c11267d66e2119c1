"""Try a version of the catalogue: load it as the worker would, in a process of its own, and ask it."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from bot.assembly import open_models, open_worker
from bot.catalogue.registry import Registry
from bot.catalogue.serving import choice_of
from bot.catalogue.version import Version
from bot.errors import BadModel
from bot.evaluation.classification import Answers, judge
from bot.message import Priority
from bot.models import READER, RERANKING, Labels, Models, Speaker, Task, Turn
from bot.settings import Settings
from bot.training.rows.data import Example
from bot.training.rows.labels import LABELLINGS
from bot.worker.options import ModelChoice

if TYPE_CHECKING:
    from bot.training.checkpoints.classifier import Advance

SECONDS = 180.0
CHUNK = 128
SAMPLES = ("The train was late again.", "Thank you, that is wonderful!", "今天天气真好。")
QUESTION, PASSAGE = "When does the office open?", "The office opens at nine o'clock."
TOKENS = 8
CANDIDATE = ".candidate"
MEMORY = Path("/proc/meminfo")
AVAILABLE = "MemAvailable:"
# What a model takes beside its weights: the process with its libraries, and what is computed.
BESIDE_MB = 400


@asynccontextmanager
async def opened(settings: Settings, version: Version, registry: Registry) -> AsyncIterator[Models]:
    """A worker that serves a version in its role, and everything else as the bot's would.

    Raises BadModel when its files are not whole, or there is too little memory for it.
    """
    check_memory(version)
    registry.check_files(version)
    choice = {version.role: _choice(settings, version, registry)}
    with TemporaryDirectory(prefix="parley-trial-") as place:
        async with open_worker(settings, place=Path(place), beside=choice) as models:
            yield models


@asynccontextmanager
async def opened_beside(settings: Settings, version: Version, registry: Registry) -> AsyncIterator[Models]:
    """What serves the bot, with a version beside it under the role `candidate_role` names."""
    check_memory(version)
    registry.check_files(version)
    choice = {candidate_role(version.role): _choice(settings, version, registry)}
    with TemporaryDirectory(prefix="parley-trial-") as place:
        async with open_models(settings, place=Path(place), beside=choice) as models:
            yield models


def candidate_role(role: str) -> str:
    """Where a version is asked that is to be compared with what is live in `role`."""
    return f"{role}{CANDIDATE}"


def _choice(settings: Settings, version: Version, registry: Registry) -> ModelChoice:
    chosen = settings.models.get(version.role)
    engine = chosen.engine if chosen and chosen.engine != "endpoint" else "auto"
    return choice_of(version, registry.folder, ModelChoice(engine=engine))


def check_memory(version: Version) -> None:
    """Raise BadModel where a version plainly does not fit into this machine's memory."""
    needed = version.bytes / 2**20 + BESIDE_MB
    free = available_mb()
    if free is not None and free < needed:
        raise BadModel(
            f"{version.name} needs about {needed:.0f} MiB of memory, and {free:.0f} MiB are available. "
            "Stop what else runs, or take a smaller model."
        )


def available_mb() -> float | None:
    """Memory that can be had without swapping, in MiB; None where the system does not say."""
    try:
        lines = MEMORY.read_text().splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith(AVAILABLE)), None)
    return int(found) / 1024 if found else None


async def try_out(models: Models, role: str, task: str) -> tuple[str, ...]:
    """Ask a model of each kind of thing it is for; the labels of one that classifies, else nothing.

    Raises a ModelError when it does not answer, BadModel for answers that are none.
    """
    labels: tuple[str, ...] = ()
    if task == Task.CLASSIFICATION:
        answers = await models.classify(SAMPLES, role=role, deadline=SECONDS)
        labels = tuple(sorted(name for name, _ in answers[0].probabilities))
        _check(all(math.isfinite(each.probability) for each in answers))
        check_labels(role, labels)
    elif task == Task.EMBEDDING:
        rows = await models.embed(SAMPLES, deadline=SECONDS)
        _check(len(rows) == len(SAMPLES) and bool(np.isfinite(rows).all()))
    elif task == Task.TRANSCRIPTION:
        await models.transcribe(silence(), deadline=SECONDS)
    elif task == Task.GENERATION:
        await _write(models)
    else:
        await _ask_of_texts(models, role, task)
    return labels


async def _ask_of_texts(models: Models, role: str, task: str) -> None:
    if task == Task.EXTRACTION and role == READER:
        await models.extract(QUESTION, [PASSAGE], deadline=SECONDS)
    elif task == Task.RERANKING and role == RERANKING:
        scores = await models.rerank(QUESTION, [PASSAGE, SAMPLES[0]], deadline=SECONDS)
        _check(all(math.isfinite(each) for each in scores))
    elif task == Task.SUMMARIZATION:
        await models.summarize([PASSAGE], most_words=TOKENS, deadline=SECONDS)
    elif task == Task.TRANSLATION:
        await models.translate([PASSAGE], target="de", source="en", deadline=SECONDS)


async def _write(models: Models) -> None:
    turns = [Turn(Speaker.PERSON, QUESTION)]
    async with aclosing(models.generate(turns, most_tokens=TOKENS, deadline=SECONDS)) as pieces:
        async for _ in pieces:
            pass


def _check(is_sane: bool) -> None:
    if not is_sane:
        raise BadModel("Its answers are no numbers. It cannot be used.")


def check_labels(role: str, labels: Sequence[str]) -> None:
    """Raise BadModel for labels that the role's plugins do not know."""
    known = LABELLINGS[role].labels if role in LABELLINGS else ()
    if strange := sorted(set(labels) - set(known)) if known else []:
        raise BadModel(
            f"It gives the label {strange[0]!r}, which {role} does not know: its labels are "
            f"{', '.join(known)}. Rename them in id2label of its config.json, and add it anew."
        )


async def answers_of(
    models: Models, role: str, examples: Sequence[Example], *, advance: Advance | None = None
) -> Answers:
    """A model's answers to labelled rows, held against their labels. Raises BadInput for an unknown one."""
    found: list[Labels] = []
    for start in range(0, len(examples), CHUNK):
        texts = [each.text for each in examples[start : start + CHUNK]]
        found += await models.classify(texts, role=role, priority=Priority.BACKGROUND, deadline=SECONDS)
        if advance:
            advance(len(found), len(examples))
    names = _ordered(role.removesuffix(CANDIDATE), found[0])
    rows = [dict(each.probabilities) for each in found]
    chances = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    return judge([each.labels for each in examples], chances, names)


def _ordered(role: str, labels: Labels) -> list[str]:
    """The labels in the order of the role, else by name, so that answers of two models can be compared."""
    names = {name for name, _ in labels.probabilities}
    known = [name for name in LABELLINGS[role].labels if name in names] if role in LABELLINGS else []
    return known + sorted(names - set(known))


def silence() -> bytes:
    """A second of nothing, as a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000))
    return written.getvalue()
