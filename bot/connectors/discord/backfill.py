"""Fetch what was written while the bot was away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from bot.connectors.discord.events import PLATFORM, snowflake_at
from bot.connectors.discord.places import Places
from bot.connectors.discord.rest import Denied, Json, Rest
from bot.errors import DeliveryError
from bot.message import Channel
from storage import StorageError, Store

log = logging.getLogger(__name__)

MARGIN_SECONDS = 120.0
PAGE = 100
AT_ONCE = 4
DIRECTS = 200
DIRECT_DAYS = 30
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

Take = Callable[[Json], Awaitable[None]]


class Backfill:
    """One return after a break. `take` gets each message that REST tells, oldest first in each channel.

    `mark` is the moment (seconds since 1970) up to which everything was heard.
    """

    def __init__(self, *, rest: Rest, places: Places, store: Store, take: Take, mark: float) -> None:
        self._rest = rest
        self._places = places
        self._store = store
        self._take = take
        self.mark = mark
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def guild(self, channels: Iterable[Json], guild: str) -> None:
        """Fetch from the channels and threads of a guild in which something was written since."""
        after = snowflake_at(self.mark)
        changed = [str(each["id"]) for each in channels if int(each.get("last_message_id") or 0) > after]
        await asyncio.gather(*(self._channel(each, guild) for each in changed))

    async def directs(self) -> None:
        """Fetch from the direct messages that were in use."""
        since = datetime.fromtimestamp(self.mark, UTC) - timedelta(days=DIRECT_DAYS)
        keys = await self._store.history.in_use(PLATFORM, since)
        channels = [Channel.named(each) for each in keys]
        perhaps = [each.id for each in channels if each.thread is None and not self._places.known(each.id)]
        await asyncio.gather(*(self._channel(each, "") for each in perhaps[:DIRECTS]))

    async def _channel(self, channel: str, guild: str) -> None:
        async with self._turns:
            pause = FIRST_PAUSE
            after = snowflake_at(self.mark)
            while True:
                try:
                    if not guild and not (await self._places.find(channel)).is_direct:
                        return
                    full = True
                    while full and (page := await self._page(channel, after)):
                        await self._hand_over(page, guild)
                        after, full = int(page[-1]["id"]), len(page) == PAGE
                except Denied as error:
                    log.info("channel %s is not read: %s", channel, error)
                except (DeliveryError, StorageError) as error:
                    log.warning("channel %s is read again later: %s", channel, error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                return

    async def _page(self, channel: str, after: int) -> list[Json]:
        found: list[Json] = await self._rest.ask(
            "GET",
            "/channels/{channel_id}/messages",
            query={"after": after, "limit": PAGE},
            channel_id=channel,
        )
        return sorted(found, key=lambda message: int(message["id"]))

    async def _hand_over(self, page: list[Json], guild: str) -> None:
        """In order, committed together; the first alone, for what it has to ask is then known to all."""
        whole = [each | {"guild_id": guild} if guild else each for each in page]
        await self._take(whole[0])
        await asyncio.gather(*(self._take(each) for each in whole[1:]))


def mark_of(heard: float, now: float, catch_up_hours: float) -> float:
    """The moment to begin from: two minutes before the last that was heard, at most so long ago."""
    return max(heard - MARGIN_SECONDS, now - catch_up_hours * 3600)
