"""How the bot asks the model worker, without ever waiting for a model on its event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bot.errors import BadInput, DeadlineExceeded, Overloaded, TooLarge
from bot.message import Priority
from bot.models import BUILT_IN, EMBEDDING, TRANSCRIPTION, NoModels, Transcript
from bot.worker import frames
from bot.worker.calls import Call, Calls, chunked
from bot.worker.catalogue import served_roles
from bot.worker.options import WorkerOptions
from bot.worker.process import Breaker
from bot.worker.supervisor import Phase, Supervisor, WorkerState

if TYPE_CHECKING:
    from bot.models import Vectors

__all__ = ["Phase", "WorkerClient", "WorkerState"]

# One embed call has at most so many frames with the worker, so that it never fills the queue alone.
WINDOW = 8
MIB = 2**20
# What a frame has room for beside its header.
LONGEST_RECORDING = frames.LIMIT - MIB


class WorkerClient(NoModels):
    """`bot.models.Models` by a worker of our own: `async with WorkerClient(options, run_dir) as models`.

    Entering does not wait for the model: requests made before it is loaded wait for it within their
    deadline. The worker is watched and replaced when it dies or hangs, and its requests are sent
    again. Beside the errors of `Models`, one request alone may fail with `Uncomputable`.
    """

    def __init__(self, options: WorkerOptions, run_dir: Path, *, breaker: Breaker | None = None) -> None:
        self._options = options
        self._calls = Calls()
        self._supervisor = Supervisor(options, run_dir, self._calls, breaker or Breaker())

    async def __aenter__(self) -> Self:
        self._supervisor.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._supervisor.stop()

    @property
    def state(self) -> WorkerState:
        """What the worker is doing, and why."""
        return self._supervisor.state

    @property
    def health(self) -> dict[str, Any]:
        """What the worker last said of itself; empty while there is none."""
        return self._supervisor.health

    @property
    def process(self) -> int | None:
        """The number of the worker's process; None while there is none that can be reached."""
        return self._supervisor.process

    def roles(self) -> frozenset[str]:
        """The roles the catalogue can serve."""
        return served_roles(self._options)

    def origin(self, role: str) -> str:
        """Built-in, or the name of the operator's folder."""
        if role not in self.roles():
            return ""
        folder = self._options.choice(role).folder
        return folder.name if folder else BUILT_IN

    def status(self) -> str:
        """The phase and its reason."""
        return f"{self.state.phase}: {self.state.reason}"

    async def ready(self) -> None:
        """Return when the encoder is loaded. Raises WorkerUnavailable when it cannot be."""
        await self._supervisor.settled()
        self._supervisor.check(EMBEDDING)

    async def embed(
        self,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> Vectors:
        """One unit-length row per text, in order; what is over 256 tokens of a text is not read."""
        seconds = self._options.deadline_seconds if deadline is None else deadline
        async with within(seconds) as moment:
            if not texts:
                await self.ready()
                return np.zeros((0, self._supervisor.dimensions), dtype=np.float32)
            return np.concatenate(await self._ask_in_chunks(EMBEDDING, texts, priority, moment))

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """The words of a recording. While it is heard, embedding goes on."""
        most = min(self._options.speech_mb * MIB, LONGEST_RECORDING)
        if len(audio) > most:
            raise TooLarge(f"The recording is over {most // MIB} MiB. Send it in shorter parts.")
        if not audio:
            raise BadInput("The recording is empty.")
        seconds = self._options.speech_minutes * 60.0 if deadline is None else deadline
        async with within(seconds) as moment:
            call = self._submit(TRANSCRIPTION, [], audio, priority, moment)
            try:
                return Transcript(**await call.answer)
            finally:
                self._abandon(call)

    async def _ask_in_chunks(
        self, role: str, texts: Sequence[str], priority: Priority, deadline: float
    ) -> list[Vectors]:
        """The rows of each chunk of `texts`. What is not answered when this ends is cancelled."""
        waiting: deque[Call] = deque()
        rows: list[Vectors] = []
        try:
            for chunk in chunked(texts):
                if len(waiting) == WINDOW:
                    rows.append(await waiting[0].answer)
                    waiting.popleft()
                waiting.append(self._submit(role, chunk, b"", priority, deadline))
                await asyncio.sleep(0)
            while waiting:
                rows.append(await waiting[0].answer)
                waiting.popleft()
        finally:
            for call in waiting:
                self._abandon(call)
        return rows

    def _submit(self, role: str, texts: list[str], body: bytes, priority: Priority, deadline: float) -> Call:
        self._supervisor.check(role)
        self._check_room(role, len(texts), len(body))
        answer = asyncio.get_running_loop().create_future()
        call = self._calls.add(role, texts, body, priority=priority, deadline=deadline, answer=answer)
        self._supervisor.send()
        return call

    def _check_room(self, role: str, texts: int, size: int) -> None:
        """Raise Overloaded when so much more would be too much to keep."""
        too_many = self._calls.texts + texts > self._options.max_queue_items
        if too_many or self._calls.bytes + size > self._options.max_queue_mb * MIB:
            health = self.health if role == EMBEDDING else self.health.get(role, {})
            raise Overloaded(max(1.0, float(health.get("backlog_seconds", 1.0))))

    def _abandon(self, call: Call) -> None:
        """Forget a call nobody waits for, here and in the worker's queue."""
        if self._calls.is_sent(call.id):
            self._supervisor.write({"kind": "cancel", "id": call.id})
        self._calls.remove(call.id)
        if call.answer.done() and not call.answer.cancelled():
            call.answer.exception()
        call.answer.cancel()
        self._supervisor.send()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[float]:
    """So many seconds for what is inside; gives the moment they end. Raises DeadlineExceeded after it."""
    moment = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(moment):
            yield moment
    except TimeoutError:
        raise DeadlineExceeded(f"The models did not answer within {seconds:g} seconds.") from None
