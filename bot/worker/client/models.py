"""How the bot asks the model workers, without ever waiting for a model on its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bot.errors import BadInput, TooLarge
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
    NoModels,
    Span,
    Transcript,
    Turn,
)
from bot.worker.client.asking import Asking, Question, joined, late
from bot.worker.client.calls import sendable
from bot.worker.client.fleet import own_fleet, remote_fleet
from bot.worker.client.process import Breaker
from bot.worker.client.reports import report_of
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.wire import frames, values
from bot.worker.wire.state import Phase, WorkerState

if TYPE_CHECKING:
    from bot.models import Vectors
    from bot.report import WorkerReport

__all__ = ["Phase", "WorkerClient", "WorkerState"]

MIB = 2**20
# What a frame has room for beside its header.
LONGEST_RECORDING = frames.LIMIT - MIB
LONGEST_TURN = 256 * 1024
LONGEST_CONVERSATION = 4 * MIB
# Writing takes so much longer than reading.
PATIENCE = 4
CUT = " …"


class WorkerClient(NoModels):
    """`bot.models.Models` by workers of our own: `async with WorkerClient(options, run_dir) as models`.

    There is one for each of the `devices`, or instead those of other machines at `addresses`, which want
    a `key`. Entering does not wait for models: requests made before they are loaded wait for them within
    their deadline. Workers are watched and replaced when they die or hang, and their requests are sent
    again. Beside the errors of `Models`, one request alone may fail with `Uncomputable`.

    Writing (`summarize`, `translate`, `generate`) has four times the engine's own deadline.
    """

    def __init__(
        self,
        options: WorkerOptions,
        run_dir: Path,
        *,
        breaker: Breaker | None = None,
        devices: Sequence[str] = (),
        addresses: Sequence[str] = (),
        key: str = "",
    ) -> None:
        self._options = options
        self._fleet = (
            remote_fleet(options, addresses, key, breaker=breaker)
            if addresses
            else own_fleet(options, run_dir, devices, breaker=breaker)
        )
        self._asking = Asking(self._fleet)

    async def __aenter__(self) -> Self:
        self._fleet.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fleet.stop()

    async def renew(self, models: Mapping[str, ModelChoice]) -> None:
        """Serve these models from now on: our own workers end and begin again, and nothing asked is lost.

        Workers elsewhere serve what they were started with.
        """
        if models != self._options.models:
            self._options = replace(self._options, models=models)
            await self._fleet.renew(models)

    @property
    def models(self) -> Mapping[str, ModelChoice]:
        """Those that were chosen, by their role."""
        return self._options.models

    @property
    def state(self) -> WorkerState:
        """What the workers are doing, and why."""
        return self._fleet.state()

    @property
    def health(self) -> dict[str, Any]:
        """What the first worker last said of itself; empty while there is none."""
        return self._fleet.workers[0].health

    @property
    def process(self) -> int | None:
        """The number of the first worker's process; None while there is none that can be reached."""
        return self._fleet.workers[0].process

    @property
    def processes(self) -> list[int]:
        """The numbers of the processes of all our workers that can be reached."""
        return [worker.process for worker in self._fleet.workers if worker.process]

    @property
    def unanswered(self) -> int:
        """How many calls are on their way."""
        return len(self._fleet)

    def roles(self) -> frozenset[str]:
        """The roles that the workers serve."""
        return self._fleet.roles()

    def origin(self, role: str) -> str:
        """Built-in, or the name of the operator's folder."""
        return self._fleet.origin(role)

    def status(self) -> str:
        """The phase and its reason."""
        return f"{self.state.phase}: {self.state.reason}"

    def workers(self) -> tuple[WorkerReport, ...]:
        """How each worker is."""
        return tuple(map(report_of, self._fleet.workers))

    async def ready(self) -> None:
        """Return when an encoder is loaded. Raises WorkerUnavailable when none can be."""
        await self._fleet.ready()

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """One unit-length row per text, in order; what is over the encoder's length is not read."""
        question = Question(EMBEDDING, values.vectors, priority, self._seconds(deadline))
        if texts:
            rows = await self._asking.in_chunks(question, texts)
            return rows[0] if len(rows) == 1 else np.concatenate(rows)
        try:
            async with asyncio.timeout(question.seconds):
                await self.ready()
        except TimeoutError:
            raise late(question.seconds) from None
        return np.zeros((0, self._fleet.dimensions()), dtype=np.float32)

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """The labels of each text, in order, with what decided them, if asked."""
        choices = {"explain": True} if explain else {}
        question = Question(role, values.labels, priority, self._seconds(deadline), choices)
        return joined(await self._asking.in_chunks(question, texts))

    async def extract(
        self,
        question: str,
        passages: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Span]:
        """The answer in each passage, in order."""
        asked = Question(READER, values.spans, priority, self._seconds(deadline))
        return joined(await self._asking.in_chunks(asked, passages, first=question))

    async def rerank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[float]:
        """How relevant each text is to the query, in order: from 0 to 1."""
        question = Question(RERANKING, values.scores, priority, self._seconds(deadline))
        return joined(await self._asking.in_chunks(question, texts, first=query))

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text in fewer words of the model's own, in order."""
        seconds, choices = self._seconds(deadline, PATIENCE), {"most_words": most_words}
        question = Question(SUMMARY, values.written, priority, seconds, choices)
        return joined(await self._asking.in_chunks(question, texts))

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text in the language `target`, in order."""
        seconds, choices = self._seconds(deadline, PATIENCE), {"target": target, "source": source}
        question = Question(TRANSLATION, values.written, priority, seconds, choices)
        return joined(await self._asking.in_chunks(question, texts))

    async def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """The bot's next turn, piece by piece. When its worker dies, another goes on with it."""
        texts = [sendable(turn.text[:LONGEST_TURN]) for turn in turns]
        if sum(map(len, texts)) > LONGEST_CONVERSATION:
            raise TooLarge("The conversation is too long to go on with. Begin a new one.")
        choices: dict[str, Any] = {"speakers": [turn.role.value for turn in turns]}
        if most_tokens is not None:
            choices["most_tokens"] = most_tokens
        question = Question(CHAT, values.is_cut, priority, self._seconds(deadline, PATIENCE), choices)
        async with aclosing(self._asking.pieces(question, texts, cut=CUT)) as pieces:
            async for piece in pieces:
                yield piece

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """The words of a recording. While it is heard, other models go on."""
        most = min(self._options.speech_mb * MIB, LONGEST_RECORDING)
        if len(audio) > most:
            raise TooLarge(f"The recording is over {most // MIB} MiB. Send it in shorter parts.")
        if not audio:
            raise BadInput("The recording is empty.")
        seconds = self._options.speech_minutes * 60.0 if deadline is None else deadline
        question = Question(TRANSCRIPTION, values.transcript, priority, seconds)
        return await self._asking.once(question, [], audio)

    def _seconds(self, deadline: float | None, patience: int = 1) -> float:
        return self._options.deadline_seconds * patience if deadline is None else deadline
