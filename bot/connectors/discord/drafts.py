"""Drafts: what a skill has written so far, shown by edits that leave room for finished answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.connectors.discord.rendering import Rendered, render_draft
from bot.errors import DeliveryError
from storage import StorageError

log = logging.getLogger(__name__)

EDIT_SECONDS = 1.0
BUCKET, BUCKET_SECONDS = 5, 5.0  # Discord's messages in a channel; drafts take half of it
BUSY_SECONDS = 4.0
BUSY_DRAFTS = 5
FINISH_SECONDS = 8.0
MOST_KEPT = 1_000

Show = Callable[[Rendered, str | None], Awaitable[str | None]]
"""Post a draft, or edit the one of that id; the id it has."""


@dataclass(slots=True)
class Draft:
    """One unfinished answer: where it stands, what it shows, and the request on its way."""

    channel: str
    posted: str | None = None
    content: str = ""
    shown_at: float = 0.0
    is_over: bool = False
    request: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Drafts:
    """All unfinished answers, by the key of their first part."""

    group: asyncio.TaskGroup
    clock: Callable[[], float] = time.monotonic
    _drafts: dict[str, Draft] = field(default_factory=dict)
    _edits: dict[str, deque[float]] = field(default_factory=dict)

    def show(self, key: str, channel: str, text: str, show: Show) -> None:
        """Show a text when there is room for one more request; else the next draft will."""
        draft = self._drafts.setdefault(key, Draft(channel))
        rendered = render_draft(text)
        if draft.is_over or rendered.content == draft.content or not self._is_due(draft):
            return
        draft.content, draft.shown_at = rendered.content, self.clock()
        self._edits.setdefault(channel, deque(maxlen=BUCKET)).append(draft.shown_at)
        draft.request = self.group.create_task(self._request(draft, rendered, show))
        self._forget()

    async def finish(self, key: str) -> str | None:
        """No more drafts of a key: the id of its message, when it was shown."""
        draft = self._drafts.setdefault(key, Draft(""))
        draft.is_over = True
        if draft.request is not None and not draft.request.done():
            await asyncio.wait([draft.request], timeout=FINISH_SECONDS)
        return draft.posted

    def done(self, key: str) -> None:
        """The finished answer is shown."""
        self._drafts.pop(key, None)

    async def end(self, event: str) -> list[tuple[str, str]]:
        """No more drafts that answer an event: their channels and ids."""
        found = [key for key in self._drafts if key.startswith(f"{event}|")]
        shown = [(self._drafts[key].channel, await self.finish(key)) for key in found]
        for key in found:
            self.done(key)
        return [(channel, posted) for channel, posted in shown if posted]

    def _is_due(self, draft: Draft) -> bool:
        now = self.clock()
        if draft.request is not None and not draft.request.done():
            return False
        pause = BUSY_SECONDS if len(self._drafts) > BUSY_DRAFTS else EDIT_SECONDS
        if draft.shown_at and now - draft.shown_at < pause:
            return False
        lately = [each for each in self._edits.get(draft.channel, ()) if each > now - BUCKET_SECONDS]
        return len(lately) <= BUCKET // 2

    async def _request(self, draft: Draft, rendered: Rendered, show: Show) -> None:
        try:
            draft.posted = await show(rendered, draft.posted) or draft.posted
        except (DeliveryError, StorageError) as error:
            log.info("a draft is not shown: %s", error)

    def _forget(self) -> None:
        """Drop the oldest: an answer that never came leaves nothing behind here."""
        while len(self._drafts) > MOST_KEPT:
            del self._drafts[next(iter(self._drafts))]
        if len(self._edits) > MOST_KEPT:
            self._edits.clear()
