"""What comes in: the gateway's events into messages, and messages into the bot's storage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from bot.app import Bot
from bot.connectors.discord.backfill import Backfill, mark_of
from bot.connectors.discord.drafts import Drafts
from bot.connectors.discord.events import Reading, Self
from bot.connectors.discord.gateway import UNREADABLE, Gateway
from bot.connectors.discord.intake import Intake, Work, insist
from bot.connectors.discord.interactions import Interactions
from bot.connectors.discord.memory import Memory, Remembered
from bot.connectors.discord.places import Places
from bot.connectors.discord.posting import Posting
from bot.connectors.discord.rest import Json, Rest
from bot.errors import DeliveryError, TooLarge
from bot.message import EventKind, Message

log = logging.getLogger(__name__)

REMEMBER_SECONDS = 3.0
GUILDS_SECONDS = 1.0


class Listening:
    """One stretch of listening. What it remembers is true: nothing before it is missing in storage."""

    def __init__(
        self,
        *,
        bot: Bot,
        gateway: Gateway,
        rest: Rest,
        places: Places,
        reading: Reading,
        interactions: Interactions,
        posting: Posting,
        drafts: Drafts,
        me: Self,
        memory: Memory,
        group: asyncio.TaskGroup,
        remembered: Remembered,
    ) -> None:
        self._bot = bot
        self._gateway = gateway
        self._rest = rest
        self._places = places
        self._reading = reading
        self._interactions = interactions
        self._posting = posting
        self._drafts = drafts
        self._me = me
        self._memory = memory
        self._group = group
        self._heard = remembered.heard
        self._intake = Intake(group, gateway.clock.now)
        self._backfills: set[Backfill] = set()
        self._away: dict[str, float] = {}
        self._events: dict[str, Callable[[Json], None]] = {
            "READY": self._ready,
            "RESUMED": self._resumed,
            "GUILD_CREATE": self._guild,
            "GUILD_UPDATE": lambda payload: self._learn_role(str(payload["id"]), payload.get("roles") or ()),
            "GUILD_ROLE_CREATE": lambda payload: self._learn_role(payload["guild_id"], [payload["role"]]),
            "GUILD_DELETE": self._guild_gone,
            "CHANNEL_DELETE": lambda payload: self._places.forget(str(payload["id"])),
            "THREAD_DELETE": lambda payload: self._places.forget(str(payload["id"])),
            "THREAD_LIST_SYNC": self._threads,
            **dict.fromkeys(
                ("CHANNEL_CREATE", "CHANNEL_UPDATE", "THREAD_CREATE", "THREAD_UPDATE"), self._learn
            ),
        }
        self._works: dict[str, Callable[[Json, str], Awaitable[None]]] = {
            "MESSAGE_CREATE": self._created,
            "MESSAGE_UPDATE": self._edited,
            "MESSAGE_DELETE": self._deleted,
            "MESSAGE_DELETE_BULK": self._deleted,
            "MESSAGE_REACTION_ADD": partial(self._reacted, EventKind.REACTED),
            "MESSAGE_REACTION_REMOVE": partial(self._reacted, EventKind.UNREACTED),
            "INTERACTION_CREATE": lambda payload, mark: self._interactions.take(payload),
        }
        gateway.carry_to(self.receive, self._intake.room)

    def receive(self, event: str, payload: Json) -> None:
        """Take one event of the gateway: what changes messages is worked on in order, as storage allows."""
        if simple := self._events.get(event):
            return simple(payload)
        session, sequence = self._gateway.session, self._gateway.sequence
        number = session.id if session else ""
        work: Work = partial(self._works[event], payload, f"{number[:8]}.{sequence}")
        return self._intake.take(work, number, sequence)

    async def remember(self) -> None:
        """Note every few seconds how far everything is durable, until cancelled."""
        while True:
            await asyncio.sleep(REMEMBER_SECONDS)
            await self._keep()

    async def leave(self) -> None:
        """Note it a last time, unless another process has taken over."""
        if not await self._memory.is_taken_over():
            await self._keep()

    async def _keep(self) -> None:
        await self._memory.keep(self.now())

    def now(self) -> Remembered:
        """How far everything is durable."""
        oldest, gateway = self._intake.oldest, self._gateway
        if gateway.heard_at is not None:
            self._heard = max(self._heard or 0.0, gateway.heard_at)
        missing = [each.mark for each in self._backfills] + [*self._away.values()]
        moments = [*missing, *([oldest.came_at] if oldest else [])]
        heard = None if self._heard is None else min([self._heard, *moments])
        if missing:  # a session taken up again would not tell what is still to be fetched
            return Remembered(None, heard)
        if oldest is None:
            return Remembered(gateway.resumable(gateway.sequence), heard)
        same = gateway.session is not None and gateway.session.id == oldest.session
        return Remembered(gateway.resumable(oldest.sequence - 1) if same else None, heard)

    # What changes places

    def _ready(self, payload: Json) -> None:
        """A new session: what was said before it, is fetched, in each guild when that is there."""
        mark = self._mark(self._heard)
        self._away = {} if mark is None else {str(each["id"]): mark for each in payload["guilds"]}
        if mark is not None:
            self._catch_up(mark, _directs)
        self._group.create_task(insist(self._keep))

    def _resumed(self, payload: Json) -> None:
        log.info("the connection to Discord was taken up again; nothing was missed")

    def _guild(self, payload: Json) -> None:
        guild = str(payload["id"])
        if payload.get("unavailable"):
            return
        channels = [*(payload.get("channels") or ()), *(payload.get("threads") or ())]
        self._places.learn_all(channels, guild)
        self._learn_role(guild, payload.get("roles") or ())
        mark = self._mark(self._away.pop(guild, None))
        if mark is not None:
            self._catch_up(mark, lambda backfill: backfill.guild(channels, guild))

    def _guild_gone(self, payload: Json) -> None:
        """The bot was taken out of a guild, or Discord has trouble with it for a while."""
        guild = str(payload["id"])
        if payload.get("unavailable"):
            self._away[guild] = self._gateway.clock.now()
            return
        self._away.pop(guild, None)
        self._places.forget_guild(guild)
        self._me.roles.pop(guild, None)

    def _threads(self, payload: Json) -> None:
        self._places.learn_all(payload.get("threads") or (), str(payload["guild_id"]))

    def _learn(self, payload: Json) -> None:
        self._places.learn(payload)

    def _learn_role(self, guild: str, roles: list[Json] | tuple[Json, ...]) -> None:
        for role in roles:
            if str((role.get("tags") or {}).get("bot_id")) in (self._me.user, self._me.application):
                self._me.roles[guild] = str(role["id"])

    # What was missed

    def _mark(self, heard: float | None) -> float | None:
        """From which moment on to fetch, when everything was heard up to `heard`; None for not at all."""
        hours = self._bot.settings.discord.catch_up_hours
        return None if heard is None or not hours else mark_of(heard, self._gateway.clock.now(), hours)

    def _catch_up(self, mark: float, fetch: Callable[[Backfill], Awaitable[None]]) -> None:
        backfill = Backfill(
            rest=self._rest, places=self._places, store=self._bot.store, take=self._found, mark=mark
        )
        self._backfills.add(backfill)

        async def catch_up() -> None:
            await fetch(backfill)
            self._backfills.discard(backfill)

        self._group.create_task(insist(catch_up))

    async def _found(self, payload: Json) -> None:
        """A message of the time away, and its edit if it was changed."""
        try:
            await self._created(payload, "")
            await self._edited(payload, "")
        except UNREADABLE as error:
            log.warning("a message of Discord is skipped: it cannot be read (%s)", type(error).__name__)

    # What changes messages

    async def _created(self, payload: Json, mark: str) -> None:
        if message := await self._reading.message(payload):
            await self._accept(message)

    async def _edited(self, payload: Json, mark: str) -> None:
        if message := await self._reading.edit(payload):
            await self._accept(message)

    async def _deleted(self, payload: Json, mark: str) -> None:
        for number in payload.get("ids") or [payload["id"]]:
            message = await self._reading.deletion(payload, str(number))
            await self._bot.accept(message)
            await self._take_drafts_back(message.target or "")

    async def _reacted(self, kind: EventKind, payload: Json, mark: str) -> None:
        if message := await self._reading.reaction(payload, kind, mark):
            await self._bot.accept(message)

    async def _accept(self, message: Message) -> None:
        try:
            await self._bot.accept(message)
        except TooLarge as error:
            log.info("event %s is too large", message.key)
            if (message.mentions_bot or message.channel.is_direct) and message.kind is EventKind.CREATED:
                await self._posting.say(message, str(error))

    async def _take_drafts_back(self, event: str) -> None:
        """Unfinished answers to a deleted message disappear with it."""
        for channel, posted in await self._drafts.end(event):
            try:
                await self._posting.remove(channel, posted)
            except DeliveryError as error:
                log.info("a draft is not taken back: %s", error)


async def _directs(backfill: Backfill) -> None:
    """Fetch direct messages, once the guilds' channels can be told from them without asking."""
    await asyncio.sleep(GUILDS_SECONDS)
    await backfill.directs()
