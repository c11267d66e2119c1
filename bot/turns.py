"""Take turns with other processes: what is done under a lease is done by one of them at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bot.owner import is_dead
from storage import StorageError, Store

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another process may have taken over."""


class Turns:
    """The leases of one owner: each is held for `lease_seconds` and renewed every `renew_seconds`."""

    def __init__(self, store: Store, owner: str, *, lease_seconds: float, renew_seconds: float) -> None:
        self.owner = owner
        self.renew_seconds = renew_seconds
        self._store = store
        self._lease_seconds = lease_seconds

    async def take(self, lease: str) -> bool:
        """Take a lease that is free, ran out, or was held by a dead process of this machine."""
        holder = await self._store.leases.holder(lease)
        dead = holder if holder is not None and is_dead(holder) else None
        return await self._store.leases.take(lease, self.owner, self._lease_seconds, instead_of=dead)

    @asynccontextmanager
    async def renewed(self, lease: str) -> AsyncIterator[None]:
        """Keep a lease that was taken while the body runs, and give it back.

        When it is lost the body is cancelled and LeaseLost raised.
        """
        body = asyncio.current_task()
        lost = asyncio.Event()

        async def renew() -> None:
            held_until = time.monotonic() + self._lease_seconds
            while time.monotonic() < held_until:
                await asyncio.sleep(self.renew_seconds)
                asked = time.monotonic()
                try:
                    async with asyncio.timeout(max(0.1, held_until - asked)):
                        if not await self._store.leases.take(lease, self.owner, self._lease_seconds):
                            break
                    held_until = asked + self._lease_seconds
                except (TimeoutError, StorageError) as error:
                    log.warning("lease %s was not renewed: %s", lease, error or "the database is slow")
            lost.set()
            if body is not None:
                body.cancel()

        renewing = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if not lost.is_set() or body is None:
                raise
            body.uncancel()
            raise LeaseLost from None
        finally:
            renewing.cancel()
            if not lost.is_set():
                with suppress(StorageError):
                    await self._store.leases.release(lease, self.owner)
