"""What a skill may ask of models. The worker answers it; so may any other engine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bot.errors import WorkerUnavailable
from bot.message import Priority

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bot.report import WorkerReport

    Vectors: TypeAlias = NDArray[np.float32]

EMBEDDING = "embedding"
SENTIMENT = "sentiment"
TOXICITY = "toxicity"
READER = "reader"
RERANKING = "reranking"
SUMMARY = "summary"
TRANSLATION = "translation"
CHAT = "chat"
TRANSCRIPTION = "transcription"


class Task(StrEnum):
    """What is asked of a model, in the field's words."""

    EMBEDDING = "embedding"
    CLASSIFICATION = "classification"
    EXTRACTION = "extraction"
    RERANKING = "reranking"
    SUMMARIZATION = "summarization"
    TRANSLATION = "translation"
    GENERATION = "generation"
    TRANSCRIPTION = "transcription"


TASKS = {
    EMBEDDING: Task.EMBEDDING,
    SENTIMENT: Task.CLASSIFICATION,
    TOXICITY: Task.CLASSIFICATION,
    READER: Task.EXTRACTION,
    RERANKING: Task.RERANKING,
    SUMMARY: Task.SUMMARIZATION,
    TRANSLATION: Task.TRANSLATION,
    CHAT: Task.GENERATION,
    TRANSCRIPTION: Task.TRANSCRIPTION,
}
"""The task of each role that parley knows by name. A role of an operator's own names its task."""

BUILT_IN = "built-in"
"""The origin of a model that comes with parley."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """On whose behalf models are asked: a skill, in a community such as `discord:GUILD`."""

    skill: str = ""
    community: str = ""


NOBODY = Tenant()
tenant: ContextVar[Tenant] = ContextVar("tenant", default=NOBODY)
"""Set while a skill, an observer or a job runs, so that quotas know whom a request counts for."""


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a piece of a text speaks for its label (over 0) or against it: characters start to end."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Labels:
    """The probability of each label of a text, likeliest first; they sum to 1. `words`: what decided."""

    probabilities: tuple[tuple[str, float], ...]
    words: tuple[Weight, ...] = ()

    @property
    def label(self) -> str:
        """The likeliest."""
        return self.probabilities[0][0]

    @property
    def probability(self) -> float:
        """Of the likeliest."""
        return self.probabilities[0][1]

    def of(self, label: str) -> float:
        """The probability of a label; 0 for one that the model does not know."""
        return dict(self.probabilities).get(label, 0.0)


@dataclass(frozen=True, slots=True)
class Span:
    """An answer as it stands in a passage: characters start to end. `text` is empty when there is none."""

    text: str
    start: int
    end: int
    probability: float


SET_ENDPOINT = "Set endpoint.url and endpoint.model to a server that has one."


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording of so many `seconds`. `text` is empty when nothing was understood.

    `language` is its ISO 639-1 code, empty where the recogniser does not tell.
    """

    text: str
    language: str = ""
    seconds: float = 0.0


class Speaker(StrEnum):
    """Whose words a turn is: the operator's, a person's or the bot's."""

    SYSTEM = "system"
    PERSON = "person"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation that a chat model goes on with."""

    role: Speaker
    text: str


def fenced(text: str, name: str = "text") -> str:
    """Text of others between marks that it cannot hold, so that a model can tell it from instructions.

    `name` says what it is, such as `message`; it stands in both marks.
    """
    mark = secrets.token_hex(4)
    while mark in text:
        mark = secrets.token_hex(4)
    return f"<{name} {mark}>\n{text}\n</{name} {mark}>"


class Models(Protocol):
    """A protocol of values: texts in, numbers and texts out, so that the engine can live anywhere.

    Every call raises a ModelError when it cannot answer: `WorkerUnavailable`, `Overloaded`,
    `DeadlineExceeded`, or `Uncomputable` for a request that fails alone.
    `deadline` is in seconds from now; None takes the engine's own (`worker.deadline_seconds`).
    """

    async def ready(self) -> None:
        """Wait until the models can answer. Raises WorkerUnavailable when they cannot."""

    def status(self) -> str:
        """What state the models are in, in words for a person."""

    def roles(self) -> frozenset[str]:
        """The roles that can be served, such as `embedding`, `sentiment` or `chat`."""

    def origin(self, role: str) -> str:
        """Where the model of a served role comes from: BUILT_IN, or the name of the operator's own."""

    def workers(self) -> tuple[WorkerReport, ...]:
        """How each model worker is, for the operator; none where models are served otherwise."""
        return ()

    async def embed(
        self,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> Vectors:
        """One unit-length row per text, in order: shape (len(texts), dimensions), float32."""

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """The labels of each text, in order, by the model of `role`; with what decided them, if asked."""

    async def extract(
        self,
        question: str,
        passages: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Span]:
        """The answer in each passage, in order."""

    async def rerank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[float]:
        """How relevant each text is to the query, in order: from 0 to 1."""

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text in fewer words of the model's own, in order: check them against the text."""

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text in the language `target`, in order; languages are ISO 639-1 codes.

        Without a `source` the model finds it out. Marks such as ⟦1⟧ are to stay, each once: check it.
        A text that cannot be translated while others can is empty.
        """

    def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """The bot's next turn, piece by piece as it is written; an answer cut short ends with " …".

        Close it (`contextlib.aclosing`) to end the request. What was written before a failure stays
        valid. None for `most_tokens` takes the engine's own limit.
        """

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """The words of a recording: the bytes of an OGG, M4A, WebM, WAV, MP3 or FLAC file.

        Raises TooLarge over `worker.speech_minutes` or `limits.attachment_mb`, BadInput for a file
        without sound. Without a `deadline` it may take as long as the longest recording lasts.
        """


class NoModels(Models):
    """No model at all: everything works by words alone. Engines that serve a part replace that part."""

    missing: str = "The model worker is switched off. Set worker.enabled to start it."

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def status(self) -> str:
        """Switched off."""
        return "switched off"

    def roles(self) -> frozenset[str]:
        """None at all."""
        return frozenset()

    def origin(self, role: str) -> str:
        """Nothing is served."""
        return ""

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """Refused."""
        raise WorkerUnavailable(self.missing)

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """Refused."""
        raise WorkerUnavailable(without(role))

    async def extract(
        self,
        question: str,
        passages: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Span]:
        """Refused."""
        raise WorkerUnavailable(without(READER))

    async def rerank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[float]:
        """Refused."""
        raise WorkerUnavailable(without(RERANKING))

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Refused."""
        raise WorkerUnavailable(without(SUMMARY))

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Refused."""
        raise WorkerUnavailable(f"There is no model that translates. {SET_ENDPOINT}")

    def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """Refused."""
        raise WorkerUnavailable(f"There is no chat model. {SET_ENDPOINT}")

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """Refused."""
        raise WorkerUnavailable(self.missing)


def without(role: str) -> str:
    """What to do where no model serves a role, for a person."""
    return f"No model serves {role}. Name the folder of one in [models.{role}] of the settings."
