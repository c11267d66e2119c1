"""Where an answer stands: in its thread, in a thread begun for it, or below the question."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from bot.connectors.discord.events import STARTS_THREAD, id_in
from bot.connectors.discord.places import Places
from bot.connectors.discord.rest import Denied, Rest
from bot.message import Channel, Message
from storage import Store

log = logging.getLogger(__name__)

EXISTS = 160004
NAME_CHARACTERS = 100
KEPT_MINUTES = 1440
FORBIDDEN_SECONDS = 600.0
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A channel or thread, and the message there that is answered, when it is to be pointed at."""

    channel: str
    below: str = ""


class Threads:
    """Begins threads when their first answer comes, each named by its question."""

    def __init__(self, rest: Rest, places: Places, store: Store) -> None:
        self._rest = rest
        self._places = places
        self._store = store
        self._begun: dict[str, str] = {}
        self._forbidden: dict[str, float] = {}

    async def spot(self, channel: Channel, asked: Message | None, *, number: int) -> Spot:
        """Where part `number` of an answer goes; `asked` is the message it answers, if it stands there."""
        trigger = (
            id_in(asked.key) if asked is not None and asked.return_address in ("", STARTS_THREAD) else ""
        )
        below = trigger if number == 1 and not channel.is_direct else ""
        if channel.thread is None:
            return Spot(channel.id, below)
        if asked is None or asked.return_address != STARTS_THREAD:
            return Spot(channel.thread, below)
        return Spot(channel.thread) if await self._begin(channel, asked) else Spot(channel.id, below)

    async def _begin(self, channel: Channel, asked: Message) -> bool:
        """Whether the thread of a message is there, begun now if need be."""
        thread = channel.thread or ""
        if thread in self._begun or self._places.known(thread):
            return True
        if self._forbidden.get(channel.id, 0.0) > time.monotonic():
            return False
        try:
            await self._rest.ask(
                "POST",
                "/channels/{channel_id}/messages/{message_id}/threads",
                body={"name": await self._name(asked), "auto_archive_duration": KEPT_MINUTES},
                channel_id=channel.id,
                message_id=thread,
            )
        except Denied as error:
            if error.code != EXISTS:
                log.info("no thread is begun in channel %s, it is answered there: %s", channel.id, error)
                self._forbidden[channel.id] = time.monotonic() + FORBIDDEN_SECONDS
                return False
        self._note(thread, channel.id)
        return True

    def _note(self, thread: str, channel: str) -> None:
        self._begun[thread] = channel
        if len(self._begun) > MOST_KEPT:
            del self._begun[next(iter(self._begun))]

    async def _name(self, asked: Message) -> str:
        question = await self._store.history.message(asked.key)
        words = " ".join(question.text.split()) if question is not None else ""
        if not words:
            return f"{asked.author.name or 'Question'}, {asked.sent_at:%d %b %H:%M}"[:NAME_CHARACTERS]
        return words if len(words) <= NAME_CHARACTERS else words[: NAME_CHARACTERS - 1] + "…"
