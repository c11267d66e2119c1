"""Models from several engines as one: each role is asked where it is served."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from bot.message import Priority
from bot.models import (
    CHAT,
    EMBEDDING,
    READER,
    RERANKING,
    SENTIMENT,
    SUMMARY,
    TRANSCRIPTION,
    TRANSLATION,
    Labels,
    Models,
    Span,
    Transcript,
    Turn,
)

if TYPE_CHECKING:
    from bot.models import Vectors
    from bot.report import WorkerReport


class ComposedModels(Models):
    """The first of `engines` that serves a role is asked for it; one that none serves, the last refuses."""

    def __init__(self, *engines: Models) -> None:
        self._engines = engines

    async def ready(self) -> None:
        """When all are."""
        for each in self._engines:
            await each.ready()

    def status(self) -> str:
        """The state of each."""
        return " ".join(each.status() for each in self._engines)

    def roles(self) -> frozenset[str]:
        """The roles of all."""
        return frozenset().union(*(each.roles() for each in self._engines))

    def origin(self, role: str) -> str:
        """Where the model comes from that is asked."""
        return self._of(role).origin(role)

    def workers(self) -> tuple[WorkerReport, ...]:
        """Those of all."""
        return tuple(report for each in self._engines for report in each.workers())

    def _of(self, role: str) -> Models:
        return next((each for each in self._engines if role in each.roles()), self._engines[-1])

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """By what serves `embedding`."""
        return await self._of(EMBEDDING).embed(texts, priority=priority, deadline=deadline)

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """By what serves the role."""
        return await self._of(role).classify(
            texts, role=role, explain=explain, priority=priority, deadline=deadline
        )

    async def extract(
        self,
        question: str,
        passages: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Span]:
        """By what serves `reader`."""
        return await self._of(READER).extract(question, passages, priority=priority, deadline=deadline)

    async def rerank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[float]:
        """By what serves `reranking`."""
        return await self._of(RERANKING).rerank(query, texts, priority=priority, deadline=deadline)

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """By what serves `summary`."""
        return await self._of(SUMMARY).summarize(
            texts, most_words=most_words, priority=priority, deadline=deadline
        )

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """By what serves `translation`."""
        return await self._of(TRANSLATION).translate(
            texts, target=target, source=source, priority=priority, deadline=deadline
        )

    def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """By what serves `chat`."""
        return self._of(CHAT).generate(turns, priority=priority, deadline=deadline, most_tokens=most_tokens)

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """By what serves `transcription`."""
        return await self._of(TRANSCRIPTION).transcribe(audio, priority=priority, deadline=deadline)
