"""How the bot asks the model worker, without ever waiting for a model on its event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bot.errors import BadModel, DeadlineExceeded, Overloaded, WorkerUnavailable
from bot.message import Priority
from bot.worker import frames
from bot.worker.calls import Call, Calls, chunked
from bot.worker.catalogue import EMBEDDING, ROLES
from bot.worker.errors import unpack_error
from bot.worker.options import WorkerOptions
from bot.worker.process import Breaker, Link, WorkerDied, cause_of_end, start_worker

if TYPE_CHECKING:
    from bot.models import Vectors

log = logging.getLogger(__name__)

# One embed call has at most so many frames with the worker, so that it never fills the queue alone.
WINDOW = 8


class Phase(StrEnum):
    """What the worker is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A phase, and the reason of it in words for a person."""

    phase: Phase
    reason: str


class WorkerClient:
    """`bot.models.Models` by a worker of our own: `async with WorkerClient(options, run_dir) as models`.

    Entering does not wait for the model: requests made before it is loaded wait for it within their
    deadline. The worker is watched and replaced when it dies or hangs, and its requests are sent
    again. Beside the errors of `Models`, one request alone may fail with `Uncomputable`.
    """

    def __init__(self, options: WorkerOptions, run_dir: Path, *, breaker: Breaker | None = None) -> None:
        self.health: dict[str, Any] = {}
        self.state = WorkerState(Phase.STOPPED, "The model worker is not started.")
        self._options = options
        self._run_dir = run_dir
        self._breaker = breaker or Breaker()
        self._calls = Calls()
        self._link: Link | None = None
        self._dimensions = 0
        self._settled = asyncio.Event()
        self._supervision: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._become(Phase.STARTING, "The model worker is starting.")
        self._supervision = asyncio.create_task(self._supervise(), name="worker supervision")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervision:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])
        self._give_up(Phase.STOPPED, "The model worker is stopped.")

    @property
    def process(self) -> int | None:
        """The number of the worker's process; None while there is none that can be reached."""
        return self._link.process.pid if self._link else None

    def roles(self) -> frozenset[str]:
        """The roles the catalogue can serve."""
        return ROLES

    def status(self) -> str:
        """The phase and its reason."""
        return f"{self.state.phase}: {self.state.reason}"

    async def ready(self) -> None:
        """Return when the model is loaded. Raises WorkerUnavailable when it cannot be."""
        await self._settled.wait()
        self._check_available()

    async def embed(
        self,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> Vectors:
        """One unit-length row per text, in order; what is over 256 tokens of a text is not read."""
        seconds = self._options.deadline_seconds if deadline is None else deadline
        moment = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(moment):
                if not texts:
                    await self.ready()
                    return np.zeros((0, self._dimensions), dtype=np.float32)
                return np.concatenate(await self._ask(EMBEDDING, texts, priority, moment))
        except TimeoutError:
            raise DeadlineExceeded(f"The models did not answer within {seconds:g} seconds.") from None

    async def _ask(
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
                waiting.append(self._submit(role, chunk, priority, deadline))
                await asyncio.sleep(0)
            while waiting:
                rows.append(await waiting[0].answer)
                waiting.popleft()
        finally:
            for call in waiting:
                self._abandon(call)
        return rows

    def _submit(self, role: str, texts: list[str], priority: Priority, deadline: float) -> Call:
        self._check_available()
        if self._calls.texts + len(texts) > self._options.max_queue_items:
            raise Overloaded(max(1.0, float(self.health.get("backlog_seconds", 1.0))))
        answer = asyncio.get_running_loop().create_future()
        call = self._calls.add(role, texts, priority, deadline, answer)
        self._send()
        return call

    def _abandon(self, call: Call) -> None:
        """Forget a call nobody waits for, here and in the worker's queue."""
        if self._calls.is_sent(call.id):
            self._write({"kind": "cancel", "id": call.id})
        self._calls.remove(call.id)
        if call.answer.done() and not call.answer.cancelled():
            call.answer.exception()
        call.answer.cancel()
        self._send()

    def _send(self) -> None:
        """Send what may be sent now."""
        if self.state.phase is not Phase.READY:
            return
        now = asyncio.get_running_loop().time()
        for call in self._calls.take():
            header = {
                "kind": "ask",
                "id": call.id,
                "role": call.role,
                "priority": int(call.priority),
                "deadline": call.deadline - now,
                "texts": call.texts,
            }
            self._write(header)

    def _write(self, header: frames.Header) -> None:
        if self._link and not self._link.writer.is_closing():
            self._link.writer.write(frames.encode(header))

    async def _supervise(self) -> None:
        """Keep a worker alive until cancelled, or until it cannot be."""
        try:
            while True:
                reason = await self._live()
                self._calls.survive()
                self.health = {}
                pause = self._breaker.record(asyncio.get_running_loop().time())
                self._rest(reason, pause)
                await asyncio.sleep(pause)
                self._become(Phase.RESTARTING, f"The model worker starts again: {reason}.")
        except BadModel as error:
            log.error("The models cannot be used: %s", error)  # noqa: TRY400 - the message says it all
            self._give_up(Phase.FAILED, str(error))
        except Exception as error:
            log.exception("The supervision of the model worker failed")
            self._give_up(
                Phase.FAILED, f"The model worker is lost ({type(error).__name__}). Start parley again."
            )

    async def _live(self) -> str:
        """One life of a worker; returns the cause of its death. Raises BadModel."""
        seconds = self._options.start_timeout_seconds
        try:
            async with AsyncExitStack() as life:
                async with asyncio.timeout(seconds):
                    link = await life.enter_async_context(start_worker(self._options, self._run_dir))
                    self._link = link
                    await self._until_ready(link)
                while True:
                    self._take(*await self._next_frame(link))
        except (WorkerDied, frames.BrokenFrame) as death:
            return str(death)
        except TimeoutError:
            return f"it was not ready within {seconds:g} seconds"
        finally:
            self._link = None

    async def _until_ready(self, link: Link) -> None:
        """Wait for the model. Raises BadModel when it cannot be loaded."""
        while frame := await frames.read(link.reader):
            header = frame[0]
            if header["kind"] == "failed":
                raise unpack_error(header)
            if header["kind"] == "ready":
                self._dimensions = int(header["dimensions"])
                self._become(Phase.READY, f"{header['model']} is ready.")
                self._send()
                return
        raise WorkerDied(await cause_of_end(link.process))

    async def _next_frame(self, link: Link) -> tuple[frames.Header, bytes]:
        """The next frame. Raises WorkerDied when the worker has ended or fallen silent."""
        seconds = self._options.silence_seconds
        try:
            async with asyncio.timeout(seconds):
                frame = await frames.read(link.reader)
        except TimeoutError:
            raise WorkerDied(f"it gave no sign of life for {seconds:g} seconds") from None
        if frame is None:
            raise WorkerDied(await cause_of_end(link.process))
        return frame

    def _take(self, header: frames.Header, body: bytes) -> None:
        """Note the health, or hand answers to who waits for them."""
        if header["kind"] == "heartbeat":
            self.health = header["health"]
            stalled = float(self.health.get("stalled_seconds", 0.0))
            if stalled > self._options.deadline_seconds:
                raise WorkerDied(f"it hung on a batch for {stalled:.0f} seconds")
        elif header["kind"] == "answers":
            self._answer(header["answers"], body)
            self._send()

    def _answer(self, answers: Sequence[dict[str, Any]], body: bytes) -> None:
        good = [each for each in answers if "shape" in each]
        rows = frames.unpack_vectors(body, [(each["shape"][0], each["shape"][1]) for each in good])
        for answer, vectors in zip(good, rows, strict=True):
            self._calls.answer(answer["id"], vectors)
        for answer in answers:
            if "error" in answer:
                self._calls.fail(answer["id"], unpack_error(answer))

    def _rest(self, reason: str, pause: float) -> None:
        """Tell what happens after a death: a pause in which calls wait, or a rest in which they fail."""
        log.warning("The model worker died: %s. It starts again in %.1f s.", reason, pause)
        if pause < self._breaker.rest:
            self._become(Phase.RESTARTING, f"The model worker starts again: {reason}.")
            return
        many = f"The model worker died {self._breaker.deaths} times within {self._breaker.window:g} seconds"
        again = f"It is tried again in {pause:g} seconds; the log says more."
        self._give_up(Phase.FAILED, f"{many}, at last because {reason}. {again}")

    def _give_up(self, phase: Phase, reason: str) -> None:
        self._become(phase, reason)
        self._calls.fail_all(WorkerUnavailable(reason))

    def _become(self, phase: Phase, reason: str) -> None:
        self.state = WorkerState(phase, reason)
        if phase in (Phase.STARTING, Phase.RESTARTING):
            self._settled.clear()
        else:
            self._settled.set()

    def _check_available(self) -> None:
        if self.state.phase in (Phase.FAILED, Phase.STOPPED):
            raise WorkerUnavailable(self.state.reason)
