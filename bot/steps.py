"""One step of an observer or a job: called, reviewed, and all it leaves behind written at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from bot import faults
from bot.connector import Connector
from bot.conversion import new_part
from bot.jobs import Job
from bot.loader import Plugins
from bot.memory import DraftNotes, DraftScores
from bot.message import Author, Channel, Message, Reply, clean_text, part_key
from bot.models import Models, Tenant, tenant
from bot.observers import Observer, WatchContext
from bot.remembering import KeptNotes, KeptScores, to_stored
from bot.skills import Answer, as_replies
from bot.urgency import urged
from storage import NewPart, Part, Progress, Store

log = logging.getLogger(__name__)

Call: TypeAlias = Callable[[WatchContext], Awaitable[Answer]]

WATCHING = "watching"
"""The lease under which observers and jobs run."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far a step leads: its mark stands at `before` and will stand at `after`."""

    before: str
    after: str


class Steps:
    """Calls what plugins watch with; `owner` must hold the lease WATCHING for anything to be written."""

    def __init__(
        self,
        store: Store,
        models: Models,
        plugins: Plugins,
        connectors: Mapping[str, Connector],
        deliver: Callable[[list[Part]], None],
        owner: str,
    ) -> None:
        self._store = store
        self._models = models
        self._plugins = plugins
        self._connectors = connectors
        self._deliver = deliver
        self._owner = owner

    async def take(self, watcher: Observer | Job, span: Span, moment: datetime, call: Call) -> None:
        """Call what a watcher does and commit its notes, scores, replies and mark together.

        Raises what the watcher raises, TimeoutError after its deadline, Fenced when another process has
        gone on meanwhile: then nothing of it is written.
        """
        notes = DraftNotes(KeptNotes(self._store, watcher.plugin))
        scores = DraftScores(KeptScores(self._store, watcher.plugin))
        context = WatchContext(
            models=urged(self._models, watcher.priority),
            notes=notes,
            scores=scores,
            now=moment,
            link=self.link,
            plugin_settings=self._plugins.found[watcher.plugin].settings,
        )
        tenant.set(Tenant(watcher.name))
        async with asyncio.timeout(watcher.deadline):
            answer = await call(context)
        posts = await self._posts(watcher, span, answer, moment)
        faults.reach("after_watch")
        await self._commit(self._progress(watcher, span, notes, scores, posts))

    async def skip(self, watcher: Observer, span: Span) -> None:
        """Move a watcher's mark without calling it."""
        await self._commit(self._progress(watcher, span, DraftNotes(), DraftScores(), ()))

    def link(self, conversation: str, key: str) -> str:
        """The address of a message, or nothing."""
        connector = self._connectors.get(conversation.partition(":")[0])
        return connector.link(conversation, key) if connector else ""

    async def _commit(self, progress: Progress) -> None:
        parts = await self._store.watching.commit(progress)
        faults.reach("after_watched")
        if parts:
            self._deliver(parts)

    def _progress(
        self,
        watcher: Observer | Job,
        span: Span,
        notes: DraftNotes,
        scores: DraftScores,
        posts: tuple[tuple[str, NewPart], ...],
    ) -> Progress:
        return Progress(
            lease=WATCHING,
            owner=self._owner,
            mark=mark_of(watcher),
            before=span.before,
            after=span.after,
            plugin=watcher.plugin,
            notes=tuple(notes.drafted.items()),
            scores=tuple(map(to_stored, scores.drafted.values())),
            posts=posts,
        )

    async def _posts(
        self, watcher: Observer | Job, span: Span, answer: Answer, moment: datetime
    ) -> tuple[tuple[str, NewPart], ...]:
        """The parts of the replies, each with the conversation it goes to."""
        posts: list[tuple[str, NewPart]] = []
        event = f"{mark_of(watcher)}:{span.after}"
        for reply in as_replies(answer):
            place = self._place(watcher, reply)
            if place is None or not reply.text:
                continue
            reviewed = await self._plugins.review(
                Message(event, place, Author("", is_bot=True), "", moment),
                replace(reply, text=clean_text(reply.text), skill=watcher.name, to_asker=False),
            )
            for part in self._connectors[place.platform].split(replace(reviewed, to=reply.to)):
                key = part_key(event, watcher.name, len(posts) + 1)
                posts.append((reply.to, new_part(key, part, place.platform, hidden=False)))
        return tuple(posts)

    def _place(self, watcher: Observer | Job, reply: Reply) -> Channel | None:
        """Where a reply goes. One that can go nowhere is not sent; trying again would change nothing."""
        try:
            place = Channel.named(reply.to)
        except ValueError:
            place = None
        if place is None or place.platform not in self._connectors:
            where = reply.to or "(nowhere)"
            log.error("%s: a reply is not sent, nothing is connected at %s", mark_of(watcher), where)
            return None
        return place


def mark_of(watcher: Observer | Job) -> str:
    """The name under which storage keeps how far it is."""
    kind = "observer" if isinstance(watcher, Observer) else "job"
    return f"{kind}:{watcher.plugin}/{watcher.name}"
