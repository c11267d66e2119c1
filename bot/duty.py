"""Run each connector while it is this process's turn, and again when it fails.

Two processes with the same account on one database must not both answer. Connectors with an account
are run under a lease: one process is on duty, the others stand by and take over when it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.connector import Connector
from bot.errors import BadInput, SignInRefused
from bot.turns import LeaseLost, Turns
from storage import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import Bot
    from bot.delivery import Delivery

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY_SECONDS = 300.0  # a connector that ran so long begins with the shortest pause again
REFUSED = "stopped: the platform refuses the account; the log says why"
STANDING_BY = "standing by: another process is connected"


class Duty:
    """The connectors of one process, each run, watched and started again."""

    def __init__(self, store: Store, delivery: Delivery, connectors: Iterable[Connector], owner: str) -> None:
        self._delivery = delivery
        self._connectors = tuple(connectors)
        self._turns = Turns(store, owner, lease_seconds=LEASE_SECONDS, renew_seconds=RENEW_SECONDS)
        self._asides: dict[str, str] = {}

    def states(self) -> dict[str, str]:
        """Each connector's state in words any stranger may read."""
        return {each.platform: self._asides.get(each.platform) or each.status() for each in self._connectors}

    async def run(self, bot: Bot) -> None:
        """Run all connectors until each has ended by itself.

        One that its platform refuses stops alone. Raises SignInRefused when that leaves none, and
        BadInput, which is the operator's, at once.
        """
        refusals: list[SignInRefused] = []
        async with asyncio.TaskGroup() as group:
            for each in self._connectors:
                group.create_task(self._keep(each, bot, refusals))
        if refusals and len(refusals) == len(self._connectors):
            raise refusals[0]

    async def _keep(self, connector: Connector, bot: Bot, refusals: list[SignInRefused]) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                return await self._serve(connector, bot)
            except SignInRefused as error:
                self._asides[connector.platform] = REFUSED
                log.error("%s is stopped: %s", connector.platform, error)  # noqa: TRY400 - no traceback for a setting
                refusals.append(error)
                return None
            except BadInput:
                raise
            except LeaseLost:
                log.warning("%s: another process may have taken over; this one stands by", connector.platform)
                continue
            except Exception:  # the wall around a connector: a broken one must not end the others
                log.exception("%s failed and is started again", connector.platform)
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _serve(self, connector: Connector, bot: Bot) -> None:
        if not connector.account:
            await self._delivery.open(connector.platform)
            return await connector.run(bot)
        lease = f"{connector.platform}:{connector.account}"
        await self._await_turn(connector, lease)
        async with self._turns.renewed(lease), self._delivering(connector.platform):
            await connector.run(bot)
        return None

    async def _await_turn(self, connector: Connector, lease: str) -> None:
        while not await self._turns.take(lease):
            if self._asides.get(connector.platform) != STANDING_BY:
                log.info("%s: %s", connector.platform, STANDING_BY)
                self._asides[connector.platform] = STANDING_BY
            await asyncio.sleep(self._turns.renew_seconds)
        self._asides.pop(connector.platform, None)

    @asynccontextmanager
    async def _delivering(self, platform: str) -> AsyncIterator[None]:
        try:
            await self._delivery.open(platform)
            yield
        finally:
            await self._delivery.close(platform)
