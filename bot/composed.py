"""Models from several engines as one: each role is asked where it is served."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

from bot.message import Priority
from bot.models import Models, Transcript, Turn

if TYPE_CHECKING:
    from bot.models import Vectors


class Writer(Protocol):
    """What serves `chat` and `translation`: that part of Models."""

    def status(self) -> str:
        """What it is, in words for a person."""

    def roles(self) -> frozenset[str]:
        """The roles it serves."""

    def generate(
        self, turns: Sequence[Turn], *, priority: Priority, deadline: float | None, most_tokens: int | None
    ) -> AsyncGenerator[str, None]:
        """As `Models.generate`."""

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str,
        priority: Priority,
        deadline: float | None,
    ) -> list[str]:
        """As `Models.translate`."""


class ComposedModels(Models):
    """Embedding and transcription by the worker, chat and translation by the writer."""

    def __init__(self, worker: Models, writer: Writer) -> None:
        self._worker = worker
        self._writer = writer

    async def ready(self) -> None:
        """When the worker is; the writer is asked only when it is needed."""
        await self._worker.ready()

    def status(self) -> str:
        """The state of both."""
        return f"{self._worker.status()} {self._writer.status()}"

    def roles(self) -> frozenset[str]:
        """The roles of both."""
        return self._worker.roles() | self._writer.roles()

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """By the worker."""
        return await self._worker.embed(texts, priority=priority, deadline=deadline)

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """By the worker."""
        return await self._worker.transcribe(audio, priority=priority, deadline=deadline)

    def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """By the writer."""
        return self._writer.generate(turns, priority=priority, deadline=deadline, most_tokens=most_tokens)

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """By the writer."""
        return await self._writer.translate(
            texts, target=target, source=source, priority=priority, deadline=deadline
        )
