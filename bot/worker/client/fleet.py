"""Several workers as one: each call goes to the one with the least to do that serves its role."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bot.errors import BadModel, Overloaded, ParleyError, WorkerUnavailable
from bot.models import EMBEDDING, without
from bot.worker.catalogue import origin_of, served_roles
from bot.worker.client.calls import Call
from bot.worker.client.http import Http
from bot.worker.client.link import Remote, Way
from bot.worker.client.process import Breaker, Child
from bot.worker.client.supervisor import Supervisor
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.placement import per_device
from bot.worker.wire.address import is_http
from bot.worker.wire.state import COMING, Phase, WorkerState

log = logging.getLogger(__name__)

MIB = 2**20
# A conversation stays with its worker while that has not so many tokens more to do than another.
LOYALTY = 4096
# A machine that is away costs nothing while it is, so it is looked for more often.
REMOTE_REST = 15.0
NAME = "The model worker"
SETTLE_SECONDS = 0.1


class Fleet:
    """Workers by several ways. What a dead one had goes to the others at once.

    `roles` are those that our own workers will serve, with the origin of their models; None where only
    the workers know, until one has said.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        options: WorkerOptions,
        breakers: Iterable[Breaker],
        *,
        roles: Mapping[str, str] | None = None,
    ) -> None:
        self._options = options
        self._news = asyncio.Event()
        self._encoder: tuple[str, int] | None = None
        self.workers = [
            Supervisor(way, options, breaker, roles=roles, changed=self._changed)
            for way, breaker in zip(ways, breakers, strict=True)
        ]

    def start(self) -> None:
        """Begin; nothing is waited for."""
        for worker in self.workers:
            worker.start()

    async def stop(self) -> None:
        """End every worker of ours. What is asked fails."""
        await asyncio.gather(*(worker.stop() for worker in self.workers))

    async def renew(self, models: Mapping[str, ModelChoice]) -> None:
        """Serve these models from now on, by our own workers, one after the other.

        What is asked meanwhile goes to the others, or waits for the only one.
        """
        self._options = replace(self._options, models=models)
        roles = own_roles(self._options)
        for worker in self.workers:
            if isinstance(worker.way, Child):
                options = replace(worker.way.options, models=models)
                await worker.renew(replace(worker.way, options=options), roles)
                await self._until_settled(worker)

    async def _until_settled(self, worker: Supervisor) -> None:
        """Wait until a worker is there or cannot be; no longer than a start may take."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.start_timeout_seconds):
                while worker.state.phase in COMING:
                    await asyncio.sleep(SETTLE_SECONDS)

    def __len__(self) -> int:
        """How many calls are not answered."""
        return sum(len(worker.calls) for worker in self.workers)

    def roles(self) -> frozenset[str]:
        """What can be asked of any of them."""
        return frozenset().union(*(worker.introduction.roles for worker in self.workers))

    def origin(self, role: str) -> str:
        """Where the model of a role comes from; empty when none serves it."""
        known = (worker.introduction.roles.get(role, "") for worker in self.workers)
        return next((origin for origin in known if origin), "")

    def dimensions(self) -> int:
        """Of a vector; 0 before an encoder is loaded."""
        return next((each.introduction.dimensions for each in self.workers if each.takes(EMBEDDING)), 0)

    def state(self) -> WorkerState:
        """That of the only worker; of several, the best phase and all the reasons."""
        if len(self.workers) == 1:
            return self.workers[0].state
        states = [worker.state for worker in self.workers]
        order = (Phase.READY, Phase.STARTING, Phase.RESTARTING, Phase.LEAVING, Phase.FAILED, Phase.STOPPED)
        best = min((each.phase for each in states), key=order.index)
        up = sum(each.phase is Phase.READY for each in states)
        others = " ".join(each.reason for each in states if each.phase is not Phase.READY)
        return WorkerState(best, f"{up} of {len(states)} model workers are ready. {others}".rstrip())

    async def ready(self) -> None:
        """Return when an encoder is loaded, or a worker without one is there. Raises WorkerUnavailable."""
        while True:
            self._news.clear()
            if any(worker.takes(EMBEDDING) for worker in self.workers):
                return
            if not any(worker.awaits(EMBEDDING) for worker in self.workers):
                break
            await self._news.wait()
        if not any(worker.state.phase is Phase.READY for worker in self.workers):
            raise self.refusal(EMBEDDING)

    def submit(self, call: Call) -> None:
        """Give a call to a worker. Raises WorkerUnavailable, or Overloaded when there is too much to keep."""
        worker = self._choose(call)
        if worker is None:
            raise self.refusal(call.role)
        self._check_room(call)
        worker.give(call)

    def abandon(self, call: Call) -> None:
        """Forget a call nobody waits for, here and in the worker's queue."""
        if call.answer.done() and not call.answer.cancelled():
            call.answer.exception()
            return
        any(worker.drop(call) for worker in self.workers)
        call.answer.cancel()

    def fail(self, call: Call, error: ParleyError) -> None:
        """Forget a call, and let who waits for it have this error."""
        if not call.answer.done():
            any(worker.drop(call) for worker in self.workers)
            call.answer.set_exception(error)

    def refusal(self, role: str) -> WorkerUnavailable:
        """Why nobody takes a call to the role."""
        down = [each.state for each in self.workers if each.state.phase in (Phase.FAILED, Phase.STOPPED)]
        if down and (role in self.roles() or role == EMBEDDING or len(down) == len(self.workers)):
            return WorkerUnavailable(" ".join(dict.fromkeys(state.reason for state in down)))
        return BadModel(without(role))

    def _choose(self, call: Call) -> Supervisor | None:
        """The worker for a call: of those that can take it now, else of those that may soon."""
        if len(self.workers) == 1:
            only = self.workers[0]
            return only if only.takes(call.role) or only.awaits(call.role) else None
        able = [worker for worker in self.workers if worker.takes(call.role)]
        able = able or [worker for worker in self.workers if worker.awaits(call.role)]
        if len(able) < 2:
            return able[0] if able else None
        least = min(able, key=lambda worker: worker.calls.tokens)
        if call.stream is None:
            return least
        own = max(able, key=lambda worker: affinity(worker.way.place, call.texts))
        return own if own.calls.tokens <= least.calls.tokens + LOYALTY else least

    def _check_room(self, call: Call) -> None:
        """Raise Overloaded when so much more would be too much to keep."""
        texts, size, many = len(call.texts), len(call.body), len(self.workers)
        for worker in self.workers:
            texts += worker.calls.texts
            size += worker.calls.bytes
        if texts > self._options.max_queue_items * many or size > self._options.max_queue_mb * MIB * many:
            raise Overloaded(max(1.0, self._backlog_seconds(call.role)))

    def _backlog_seconds(self, role: str) -> float:
        told = [backlog_seconds(worker, role) for worker in self.workers if worker.takes(role)]
        return min(told, default=1.0)

    def _changed(self) -> None:
        """A worker came, went or is about to: give what waits for one that cannot take it to one that can."""
        self._news.set()
        self._check_encoders()
        for worker in self.workers:
            self._relieve(worker)

    def _relieve(self, worker: Supervisor) -> None:
        """Suspects stay with a worker that comes back: the others are spared what may kill them."""
        is_coming = worker.state.phase in COMING

        def is_unwanted(call: Call) -> bool:
            return not worker.takes(call.role) and not (is_coming and call.is_suspect)

        for call in worker.calls.withdraw(is_unwanted):
            other = self._choose(call)
            if other is not None:
                other.give(call)
            elif not call.answer.done():
                call.answer.set_exception(self.refusal(call.role))

    def _check_encoders(self) -> None:
        """Vectors of two encoders cannot be compared: those of the first that was there are asked for."""
        for worker in self.workers:
            if not worker.takes(EMBEDDING):
                continue
            told = worker.introduction
            self._encoder = self._encoder or (told.model, told.dimensions)
            if (told.model, told.dimensions) != self._encoder:
                log.error(
                    "%s has not the encoder %s; its vectors are not used", worker.way.name, self._encoder[0]
                )
                worker.forgo(EMBEDDING)


def own_fleet(
    options: WorkerOptions, run_dir: Path, devices: Sequence[str] = (), *, breaker: Breaker | None = None
) -> Fleet:
    """A worker of our own for each device; for none, one as the options say."""
    chosen = per_device(options, devices) or [options]
    places = numbered([each.device for each in chosen])
    names = [f"{NAME} on {place}" for place in places] if len(chosen) > 1 else [NAME]
    children = [
        Child(each, run_dir, place, name) for each, place, name in zip(chosen, places, names, strict=True)
    ]
    breakers = [breaker or Breaker() for _ in children]
    return Fleet(children, options, breakers, roles=own_roles(options))


def own_roles(options: WorkerOptions) -> dict[str, str]:
    """The roles that workers of our own serve, with the origin of their models."""
    return {role: origin_of(role, options) for role in served_roles(options)}


def remote_fleet(
    options: WorkerOptions, addresses: Sequence[str], key: str, *, breaker: Breaker | None = None
) -> Fleet:
    """The workers that others started at these addresses."""
    remotes = [way_to(address, key) for address in dict.fromkeys(addresses)]
    return Fleet(remotes, options, [breaker or Breaker(rest=REMOTE_REST) for _ in remotes])


def way_to(address: str, key: str) -> Way:
    """The way to a worker that somebody else started."""
    return Http(address, key) if is_http(address) else Remote(address, key)


def numbered(devices: Sequence[str]) -> list[str]:
    """The devices' names, numbered where one has several workers."""
    seen: Counter[str] = Counter()
    names = []
    for device in devices:
        seen[device] += 1
        names.append(f"{device} {seen[device]}" if devices.count(device) > 1 else device)
    return names


def affinity(place: str, texts: Sequence[str]) -> bytes:
    """How much a conversation belongs to a worker: the highest wins, so others coming and going move few."""
    return hashlib.blake2b("\0".join((place, *texts[:2])).encode(), digest_size=8).digest()


def backlog_seconds(worker: Supervisor, role: str) -> float:
    """How long a worker says it needs for what waits of a role."""
    told = worker.health.get("roles", worker.health).get(role, worker.health)
    return float(told.get("backlog_seconds", 1.0))
