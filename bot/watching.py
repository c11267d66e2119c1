"""Run the observers and the jobs of all plugins, in one process of those that share a database."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.following import Following
from bot.guards.access import Access
from bot.loader import Plugins
from bot.settings import Settings
from bot.steps import WATCHING, Steps
from bot.ticking import Ticking
from bot.turns import LeaseLost, Turns
from storage import StorageError, Store

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0


class Watching:
    """Everything of one bot that watches. Each observer and each job goes on by itself."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        plugins: Plugins,
        steps: Steps,
        owner: str,
    ) -> None:
        self._store = store
        self._turns = Turns(store, owner, lease_seconds=LEASE_SECONDS, renew_seconds=RENEW_SECONDS)
        self._on_duty = asyncio.Event()
        zone = ZoneInfo(settings.time_zone) if settings.time_zone else UTC
        access = Access(settings.channels, {})
        self._followings = [Following(each, store, steps, access) for each in plugins.observers]
        self._tickings = [Ticking(each, store, steps, zone) for each in plugins.jobs]

    def wake(self) -> None:
        """Say that an event was stored."""
        for following in self._followings:
            following.wake()

    async def begin(self) -> None:
        """Let new observers begin with what comes next, before anything comes."""
        with suppress(StorageError):
            for following in self._followings:
                await following.begin()

    async def run(self) -> None:
        """Watch until cancelled, whenever it is this process's turn."""
        if not (self._followings or self._tickings):
            await asyncio.Event().wait()
        while True:
            try:
                await self._take_turn()
            except LeaseLost:
                log.warning("another process may watch now; this one stands by")
            except StorageError as error:
                log.warning("watching waits for the database: %s", error)
                await asyncio.sleep(RENEW_SECONDS)

    async def behind(self) -> bool:
        """Whether an observer has not seen yet what is stored now, or nobody here watches."""
        if not self._on_duty.is_set():
            return bool(self._followings)
        newest = await self._store.watching.newest()
        return any(each.position < newest for each in self._followings)

    async def call(self, job: str, moment: datetime) -> None:
        """Call a job now, as if it were due at `moment`. Raises LookupError, and what the job raises."""
        found = next((each for each in self._tickings if each.job.name == job), None)
        if found is None:
            raise LookupError(f"there is no job {job!r}")
        await self._on_duty.wait()
        await found.call(moment)

    async def _take_turn(self) -> None:
        while not await self._turns.take(WATCHING):
            await asyncio.sleep(self._turns.renew_seconds)
        async with self._turns.renewed(WATCHING), asyncio.TaskGroup() as group:
            try:
                for following in self._followings:
                    group.create_task(following.run())
                for ticking in self._tickings:
                    group.create_task(ticking.run())
                self._on_duty.set()
                await asyncio.Event().wait()
            finally:
                self._on_duty.clear()
