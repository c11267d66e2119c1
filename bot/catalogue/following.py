"""News of the register while a bot runs: what is promoted elsewhere is served here soon after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.catalogue.registry import Registry
from bot.errors import ParleyError

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


@asynccontextmanager
async def following(registry: Registry, changed: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `changed` after each change of the register, until left. What fails is logged, and goes on."""
    task = asyncio.create_task(_follow(registry, changed), name="following the catalogue")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _follow(registry: Registry, changed: Callable[[], Awaitable[None]]) -> None:
    seen: object = ()  # so that what changed while the models were opened is seen too
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if (stamp := registry.stamp()) == seen:
            continue
        seen = stamp
        try:
            await changed()
        except ParleyError as error:
            log.error("The catalogue has changed, and what is served has not: %s", error)  # noqa: TRY400
        except Exception:  # the wall: the bot goes on with what it has
            log.exception("The catalogue has changed, and what is served has not")
