"""What a skill may ask of models. The worker answers it; so may any other engine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bot.errors import WorkerUnavailable
from bot.message import Priority

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]

SET_ENDPOINT = "Set endpoint.url and endpoint.model to a server that has one."

CHAT = "chat"
TRANSLATION = "translation"


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
    """A protocol of values: texts in, numbers out, so that the engine can live anywhere.

    Every call raises a ModelError when it cannot answer: `WorkerUnavailable`, `Overloaded`,
    `DeadlineExceeded`, or `Uncomputable` for a request that fails alone.
    `deadline` is in seconds from now; None takes the worker's own (`worker.deadline_seconds`).
    """

    async def ready(self) -> None:
        """Wait until the models can answer. Raises WorkerUnavailable when they cannot."""

    def status(self) -> str:
        """What state the models are in, in words for a person."""

    def roles(self) -> frozenset[str]:
        """The roles the catalogue can serve: `embedding`, `transcription`, `chat`, `translation`."""

    async def embed(
        self,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> Vectors:
        """One unit-length row per text, in order: shape (len(texts), dimensions), float32."""

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """The words of a recording: the bytes of an OGG, M4A, WebM, WAV, MP3 or FLAC file.

        Raises TooLarge over `worker.speech_minutes` or `limits.attachment_mb`, BadInput for a file
        without sound. Without a `deadline` it may take as long as the longest recording lasts.
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
        valid. None for `most_tokens` takes `endpoint.max_tokens`.
        """

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


class NoWriting:
    """The part of Models that writes, where nothing does."""

    def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """Always refused."""
        raise WorkerUnavailable(f"There is no chat model. {SET_ENDPOINT}")

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Always refused."""
        raise WorkerUnavailable(f"There is no model that translates. {SET_ENDPOINT}")


class NoModels(NoWriting, Models):
    """The models of a bot whose worker is switched off: everything works by words alone."""

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def status(self) -> str:
        """Switched off."""
        return "switched off"

    def roles(self) -> frozenset[str]:
        """None at all."""
        return frozenset()

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """Always refused."""
        raise WorkerUnavailable("The model worker is switched off. Set worker.enabled to start it.")

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """Always refused."""
        raise WorkerUnavailable("The model worker is switched off. Set worker.enabled to start it.")
