"""How far everything on Slack was heard: noted while events come in, read up when they did not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from bot.connectors.slack.backfill import Backfill
from bot.errors import ParleyError
from storage import StorageError
from storage.notes import Notes

log = logging.getLogger(__name__)

HEARD_UNTIL = "heard until"
MARGIN_SECONDS = 120.0
IN_FLIGHT_SECONDS = 10.0
HOUR = 3600.0


class Hearing:
    """Reads Slack's history where events were missed.

    After a break, after a flood, and when nothing came for `quiet` seconds: then either nobody wrote, or
    the connections are deaf, and the history knows which. `heard_at` says when something came last,
    `deaf` is called when they are deaf. `hours` is how far back it reads, 0 for not at all.
    """

    def __init__(
        self,
        backfill: Backfill,
        notes: Notes,
        area: str,
        *,
        hours: float,
        note_seconds: float,
        quiet: float,
        is_open: Callable[[], bool],
        heard_at: Callable[[], float],
        deaf: Callable[[], None],
    ) -> None:
        self._backfill = backfill
        self._notes = notes
        self._area = area
        self._hours = hours
        self._note_seconds = note_seconds
        self._quiet = quiet
        self._is_open = is_open
        self._heard_at = heard_at
        self._deaf = deaf
        self._heard = time.time()
        self._behind: float | None = None
        self._began = False
        self._probed_at = time.monotonic()
        self._woken = asyncio.Event()

    async def recall(self) -> None:
        """How far the process before has heard. A first start begins now."""
        noted = (await self._notes.read(self._area)).get(HEARD_UNTIL)
        if noted is None:
            await self._note(time.time())
        else:
            self._heard = self._behind = float(noted)

    def again(self) -> None:
        """Events come in. After a break, what was written meanwhile is to be read."""
        if self._began:
            self.missed()
        self._began = True
        self._woken.set()

    def missed(self) -> None:
        """Something did not come, or not all: it is to be read."""
        self._behind = self._heard if self._behind is None else self._behind

    async def run(self) -> None:
        """Note and read until cancelled."""
        while True:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._note_seconds):
                    await self._woken.wait()
            if not self._is_open():
                continue
            now = time.time()
            try:
                await self._listen_back(now)
                await self._note(now)
            except (ParleyError, StorageError) as error:
                log.warning("what was missed is read later: %s", error)
            except Exception:  # the wall: a history must not end the connector
                log.exception("what was missed was not read")

    async def _listen_back(self, now: float) -> None:
        if (behind := self._behind) is not None:
            self._behind = None
            try:
                return await self._catch_up(behind, now)
            except BaseException:
                self._behind = behind
                raise
        if time.monotonic() - max(self._heard_at(), self._probed_at) > self._quiet:
            self._probed_at = time.monotonic()
            await self._probe(now)
        return None

    async def _catch_up(self, behind: float, now: float) -> None:
        if self._hours:
            found = await self._backfill.catch_up(max(behind - MARGIN_SECONDS, now - self._hours * HOUR))
            log.info("%d events missed on Slack were read from its history", found)

    async def _probe(self, now: float) -> None:
        since = now - self._quiet - MARGIN_SECONDS
        if not await self._backfill.probe(since, now - min(IN_FLIGHT_SECONDS, self._quiet)):
            return
        log.warning("Slack's history shows events that did not come in; its connections are replaced")
        self._deaf()
        await self._catch_up(since, now)

    async def _note(self, moment: float) -> None:
        self._heard = moment
        await self._notes.write(self._area, {HEARD_UNTIL: f"{moment:.6f}"})
