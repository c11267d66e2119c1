"""Keeps one worker in reach: opens the way to it, carries calls, and opens it again when it died or hung."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from bot.errors import BadModel
from bot.worker.client.calls import Call, Calls
from bot.worker.client.dialogue import asks, cancels, settle, stream
from bot.worker.client.link import Link, Way
from bot.worker.client.process import Breaker
from bot.worker.options import WorkerOptions
from bot.worker.wire import frames
from bot.worker.wire.errors import WorkerDied, unpack_error
from bot.worker.wire.state import COMING, Introduction, Phase, WorkerState, hang_of, introduction

log = logging.getLogger(__name__)

NONSENSE = (KeyError, IndexError, TypeError, ValueError, OverflowError)


class Supervisor:
    """One worker after the other by one way. `calls` are sent as soon as one can take them.

    `changed` is called after every change of the state. What a worker had that died is to be sent
    again: it waits in `calls`, for the next one or for whoever withdraws it.
    """

    def __init__(
        self,
        way: Way,
        options: WorkerOptions,
        breaker: Breaker,
        *,
        roles: Mapping[str, str] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.way = way
        self.calls = Calls()
        self.state = WorkerState(Phase.STOPPED, f"{way.name} is not started.")
        self.health: dict[str, Any] = {}
        self.introduction = Introduction(roles or {})
        self._is_known = roles is not None
        self._options = options
        self._breaker = breaker
        self._changed = changed
        self._link: Link | None = None
        self._is_up = False
        self._is_flushing = False
        self._cancelled: list[int] = []
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; nothing is waited for."""
        self._become(Phase.STARTING, f"{self.way.name} is starting.")
        self._running = asyncio.create_task(self._supervise(), name="worker supervision")

    async def stop(self) -> None:
        """End the worker, or the connection to it."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._become(Phase.STOPPED, f"{self.way.name} is stopped.")

    async def renew(self, way: Way, roles: Mapping[str, str]) -> None:
        """End the worker and go on by another way, with these roles; what it had waits for the next one."""
        self._leave()
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        self.way, self.introduction = way, Introduction(roles)
        self.start()

    @property
    def process(self) -> int | None:
        """The number of the worker's process; None while there is none of ours that can be reached."""
        return self._link.process.pid if self._link and self._link.process else None

    def takes(self, role: str) -> bool:
        """Whether a call to the role can be sent now."""
        return self._is_up and role in self.introduction.roles

    def awaits(self, role: str) -> bool:
        """Whether a call to the role may be sent soon."""
        return self.state.phase in COMING and (not self._is_known or role in self.introduction.roles)

    def forgo(self, role: str) -> None:
        """Ask this worker for the role no more, until it has introduced itself again."""
        others = {name: origin for name, origin in self.introduction.roles.items() if name != role}
        self.introduction = replace(self.introduction, roles=others)

    def give(self, call: Call) -> None:
        """Take a call; it is sent at the end of this turn of the event loop, with its neighbours."""
        self.calls.add(call)
        self._schedule()

    def drop(self, call: Call) -> bool:
        """Forget a call nobody waits for, here and in the worker's queue. False when it is not here."""
        is_sent = self.calls.sent(call.id) is not None
        if self.calls.remove(call.id) is None:
            return False
        if is_sent:
            self._cancelled.append(call.id)
        self._schedule()
        return True

    def _schedule(self) -> None:
        if self._link and not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what may be sent now, many calls in a frame."""
        self._is_flushing = False
        if not self._link or self._link.writer.is_closing():
            return
        in_one = self.introduction.takes_many
        cancelled, self._cancelled = self._cancelled, []
        asked = self.calls.take() if self._is_up else []
        now = asyncio.get_running_loop().time()
        packed = [*cancels(cancelled, in_one=in_one), *asks(asked, now, in_one=in_one)]
        if packed:
            self._link.writer.write(b"".join(packed))

    async def _supervise(self) -> None:
        """Keep a worker in reach until cancelled, or until it cannot be."""
        try:
            while True:
                reason = await self._live()
                pause = self._breaker.record(asyncio.get_running_loop().time())
                self._rest(reason, pause)
                await asyncio.sleep(pause)
                self._become(Phase.RESTARTING, f"{self._again()}: {reason}.")
        except BadModel as error:
            log.error("The models cannot be used: %s", error)  # noqa: TRY400 - the message says it all
            self._give_up(str(error))
        except Exception as error:
            log.exception("The supervision of a model worker failed")
            self._give_up(f"{self.way.name} is lost ({type(error).__name__}). Start parley again.")

    async def _live(self) -> str:
        """One life of a worker; returns the cause of its death. Raises BadModel."""
        seconds = self._options.start_timeout_seconds
        try:
            async with AsyncExitStack() as life:
                async with asyncio.timeout(seconds):
                    link = await life.enter_async_context(self.way.open())
                    self._link = link
                    life.push(self._unlink)
                    await self._until_ready(link)
                while True:
                    self._take(*await self._next_frame(link))
        except (WorkerDied, frames.BrokenFrame) as death:
            return str(death)
        except TimeoutError:
            return f"it was not ready within {seconds:g} seconds"

    def _unlink(self, _: object, death: BaseException | None, __: object) -> None:
        """The connection is over. What the worker had is to be sent again, by others at once."""
        self._link, self._is_up, self.health = None, False, {}
        self._cancelled.clear()
        self.calls.survive(blame=self.state.phase is not Phase.LEAVING)
        self._become(Phase.RESTARTING, f"{self._again()}: {death or 'it is gone'}.")

    async def _until_ready(self, link: Link) -> None:
        """Wait for the introduction. Raises BadModel when its encoder cannot be used and nothing else can."""
        while frame := await frames.read(link.reader):
            header = frame[0]
            if header.get("kind") in ("ready", "failed"):
                self._introduce(header)
                return
        cause = await self.way.cause_of_end(link)
        hint = "" if self.way.is_ours else " before it was ready: is worker.key the same on both sides?"
        raise WorkerDied(cause + hint)

    def _introduce(self, header: frames.Header) -> None:
        try:
            told = introduction(header, self.introduction.roles)
            error = unpack_error(header) if header["kind"] == "failed" else None
        except NONSENSE as fault:
            raise WorkerDied(f"its introduction is not understood ({type(fault).__name__})") from None
        if error and not told.roles:
            raise error if self.way.is_ours else WorkerDied(f"its models cannot be used: {error}")
        self.introduction, self._is_known, self._is_up = told, True, True
        if error:
            log.error("Only %s can be served: %s", ", ".join(sorted(told.roles)), error)
            self._become(Phase.FAILED, str(error))
        else:
            self._become(Phase.READY, f"{told.model or self.way.name} is ready.")
        self._schedule()

    async def _next_frame(self, link: Link) -> tuple[frames.Header, bytes]:
        """The next frame. Raises WorkerDied when the worker has ended or fallen silent."""
        seconds = self._options.silence_seconds
        try:
            async with asyncio.timeout(seconds):
                frame = await frames.read(link.reader)
        except TimeoutError:
            raise WorkerDied(f"it gave no sign of life for {seconds:g} seconds") from None
        if frame is None:
            raise WorkerDied(await self.way.cause_of_end(link))
        return frame

    def _take(self, header: frames.Header, body: bytes) -> None:
        """Note the health, or hand answers to who waits for them. Raises WorkerDied for nonsense."""
        try:
            kind = header["kind"]
            if kind == "answers":
                if settle(self.calls, header["answers"], body):
                    self._leave()
                self._schedule()
            elif kind == "pieces":
                self._cancelled += stream(self.calls, header["pieces"])
                self._schedule()
            elif kind == "heartbeat":
                self.health = dict(header["health"])
                if reason := hang_of(self.health, self._options):
                    raise WorkerDied(reason)
            elif kind == "leaving":
                self._leave()
        except NONSENSE as error:
            raise WorkerDied(f"a frame of it is not understood ({type(error).__name__})") from None

    def _leave(self) -> None:
        """The worker takes nothing new; what it has it still answers."""
        self._is_up = False
        self._become(Phase.LEAVING, f"{self.way.name} is about to stop.")

    def _again(self) -> str:
        return f"{self.way.name} {'starts again' if self.way.is_ours else 'is tried again'}"

    def _rest(self, reason: str, pause: float) -> None:
        """Tell what happens after a death: a pause in which calls wait, or a rest in which they fail."""
        ended = "died" if self.way.is_ours else "was lost"
        log.warning("%s %s: %s. It is tried again in %.1f s.", self.way.name, ended, reason, pause)
        if pause < self._breaker.rest:
            self._become(Phase.RESTARTING, f"{self._again()}: {reason}.")
            return
        many = f"{self.way.name} {ended} {self._breaker.deaths} times within {self._breaker.window:g} seconds"
        again = f"It is tried again in {pause:g} seconds; the log says more."
        self._give_up(f"{many}, at last because {reason}. {again}")

    def _give_up(self, reason: str) -> None:
        self._is_up = False
        self._become(Phase.FAILED, reason)

    def _become(self, phase: Phase, reason: str) -> None:
        self.state = WorkerState(phase, reason)
        self._changed()
