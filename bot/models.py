"""What a skill may ask of models. The worker answers it; so may any other engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bot.errors import WorkerUnavailable
from bot.message import Priority

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording of so many `seconds`. `text` is empty when nothing was understood.

    `language` is its ISO 639-1 code, empty where the recogniser does not tell.
    """

    text: str
    language: str = ""
    seconds: float = 0.0


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
        """The roles the catalogue can serve: `embedding`, `transcription`."""

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


class NoModels(Models):
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
