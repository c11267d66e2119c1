"""Keeps a worker alive: starts its process, carries calls to it, and replaces it when it dies or hangs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.errors import BadModel, WorkerUnavailable
from bot.models import TRANSCRIPTION
from bot.worker import frames
from bot.worker.calls import Calls
from bot.worker.errors import unpack_error
from bot.worker.options import WorkerOptions
from bot.worker.process import Breaker, Link, WorkerDied, cause_of_end, start_worker

log = logging.getLogger(__name__)


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


class Supervisor:
    """One worker after the other. `calls` are sent as soon as one can take them, again when it dies.

    A worker whose encoder cannot be loaded has failed; the roles in `spared` are served all the same.
    """

    def __init__(self, options: WorkerOptions, run_dir: Path, calls: Calls, breaker: Breaker) -> None:
        self.state = WorkerState(Phase.STOPPED, "The model worker is not started.")
        self.health: dict[str, Any] = {}
        self.dimensions = 0
        self.spared: frozenset[str] = frozenset()
        self._options = options
        self._run_dir = run_dir
        self._calls = calls
        self._breaker = breaker
        self._link: Link | None = None
        self._settled = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; nothing is waited for."""
        self._become(Phase.STARTING, "The model worker is starting.")
        self._running = asyncio.create_task(self._supervise(), name="worker supervision")

    async def stop(self) -> None:
        """End the worker. What it was asked fails."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._give_up(Phase.STOPPED, "The model worker is stopped.")

    @property
    def process(self) -> int | None:
        """The number of the worker's process; None while there is none that can be reached."""
        return self._link.process.pid if self._link else None

    async def settled(self) -> None:
        """Return when a start has succeeded or failed."""
        await self._settled.wait()

    def check(self, role: str) -> None:
        """Raise WorkerUnavailable when a call to the role would wait in vain."""
        if role not in self.spared and self.state.phase in (Phase.FAILED, Phase.STOPPED):
            raise WorkerUnavailable(self.state.reason)

    def send(self) -> None:
        """Send what may be sent now."""
        if self.state.phase is not Phase.READY and not self.spared:
            return
        now = asyncio.get_running_loop().time()
        for call in self._calls.take():
            self.write(call.header(now), call.body)

    def write(self, header: frames.Header, body: bytes = b"") -> None:
        """Write a frame to the worker, if there is one."""
        if self._link and not self._link.writer.is_closing():
            self._link.writer.write(frames.encode(header, body))

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
            self.spared = frozenset()

    async def _until_ready(self, link: Link) -> None:
        """Wait for the encoder. Raises BadModel when it cannot be loaded and no other role is served."""
        while frame := await frames.read(link.reader):
            header = frame[0]
            if header["kind"] == "failed":
                self._spare(header)
                return
            if header["kind"] == "ready":
                self.dimensions = int(header["dimensions"])
                self._become(Phase.READY, f"{header['model']} is ready.")
                self.send()
                return
        raise WorkerDied(await cause_of_end(link.process))

    def _spare(self, header: frames.Header) -> None:
        """Go on with the roles that are served although the encoder is not. Raises BadModel without any."""
        error = unpack_error(header)
        if not header["roles"]:
            raise error
        log.error("Only %s can be served: %s", ", ".join(header["roles"]), error)
        self.spared = frozenset(header["roles"])
        self._give_up(Phase.FAILED, str(error))
        self.send()

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
            self._check_stalled()
        elif header["kind"] == "answers":
            self._answer(header["answers"], body)
            self.send()

    def _check_stalled(self) -> None:
        """Raise WorkerDied when a batch takes longer than any may wait, or a window longer than a start."""
        batch = float(self.health.get("stalled_seconds", 0.0))
        if batch > self._options.deadline_seconds:
            raise WorkerDied(f"it hung on a batch for {batch:.0f} seconds")
        window = float(self.health.get(TRANSCRIPTION, {}).get("stalled_seconds", 0.0))
        if window > self._options.start_timeout_seconds:
            raise WorkerDied(f"it hung on a recording for {window:.0f} seconds")

    def _answer(self, answers: Sequence[dict[str, Any]], body: bytes) -> None:
        good = [each for each in answers if "shape" in each]
        rows = frames.unpack_vectors(body, [(each["shape"][0], each["shape"][1]) for each in good])
        for answer, vectors in zip(good, rows, strict=True):
            self._calls.answer(answer["id"], vectors)
        for answer in answers:
            if "values" in answer:
                self._calls.answer(answer["id"], answer["values"])
            elif "error" in answer:
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
        self._calls.fail_all(WorkerUnavailable(reason), but=self.spared)

    def _become(self, phase: Phase, reason: str) -> None:
        self.state = WorkerState(phase, reason)
        if phase in (Phase.STARTING, Phase.RESTARTING):
            self._settled.clear()
        else:
            self._settled.set()
