"""Discord: messages, threads, commands, buttons and forms in; answers out, each shown once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.connector import Connector, Outgoing
from bot.connectors.discord import files
from bot.connectors.discord.abuse import Abuse
from bot.connectors.discord.commands import Commands
from bot.connectors.discord.events import PLATFORM, id_in, key_of
from bot.connectors.discord.gateway import FATAL, TROUBLE, Gateway
from bot.connectors.discord.intake import insist
from bot.connectors.discord.listening import Listening
from bot.connectors.discord.memory import Memory
from bot.connectors.discord.places import PRIVATE_THREAD
from bot.connectors.discord.posting import Asked, answers_interaction
from bot.connectors.discord.rendering import split
from bot.connectors.discord.rest import Rest, open_session
from bot.connectors.discord.signins import Budget, Clock, Pauses
from bot.connectors.discord.term import Term, begin_term, listen
from bot.connectors.pacing import Pace
from bot.errors import BadInput, BadSettings, DeliveryError, RetryLater, SignInRefused
from bot.message import Attachment, Channel, Message, Reply
from bot.secrets import secret
from bot.settings import Settings
from storage import StorageError

if TYPE_CHECKING:
    from bot.app import Bot
    from bot.connectors.discord.places import Place
    from storage.notes import Notes

log = logging.getLogger(__name__)

BUCKET, BUCKET_SECONDS = 5, 5.0
ANSWERS_A_SECOND = 38.0
REQUESTS_A_SECOND, REQUESTS_AT_ONCE = 40.0, 2  # Discord allows 50; what is on its way may bunch
TYPING_SECONDS = 8.0
MOST_TYPING = 80
LEAVE_SECONDS = 3.0
NOT_CONNECTED_SECONDS = 2.0
LOGIN_SECONDS = 30.0
LOGIN_PAUSES = (1.0, 300.0)
ADDRESS = "https://discord.com/channels"
LINK = re.compile(
    r"https://(?:\w+\.)?discord\.com/channels/(?P<guild>\d+)/(?P<channel>\d+)(?:/(?P<message>\d+))?/?"
)


class DiscordConnector(Connector):
    """One bot account. `connector` makes a connection pool for each client that asks for one."""

    platform = PLATFORM
    delivers_once = True

    def __init__(
        self,
        settings: Settings,
        *,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._settings = settings.discord
        self._token = secret(settings.discord.token, settings.discord.token_file, "discord.token")
        if not self._token:
            raise BadSettings("discord.token: there is none. Put it into PARLEY_DISCORD__TOKEN.")
        self.account = hashlib.sha256(self._token.encode()).hexdigest()[:16]
        self._area = f"{PLATFORM}:{self.account}"
        self._connector = connector
        self._clock = clock or Clock()
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not secrets
        self._pace = Pace(BUCKET / BUCKET_SECONDS, BUCKET)
        self._answers = Pace(ANSWERS_A_SECOND)
        self._requests = Pace(REQUESTS_A_SECOND, REQUESTS_AT_ONCE)
        self._typed: dict[str, float] = {}
        self._term: Term | None = None
        self._state = "connecting"
        _quieten()

    def status(self) -> str:
        """Its state in words any stranger may read."""
        return self._term.gateway.state if self._term is not None else self._state

    async def run(self, bot: Bot) -> None:
        """Sign in, listen and stay connected until cancelled."""
        began = time.time()
        try:
            async with self._signed_in(bot.store.notes) as (gateway, session, abuse):
                await self._serve(bot, gateway, session, abuse, began=began)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            self._term, self._state = None, "connecting"

    async def send(self, outgoing: Outgoing) -> str:
        """Deliver one part; the key its message has here."""
        return await self._connected().posting.send(outgoing)

    def split(self, reply: Reply) -> list[Reply]:
        """In messages of at most 2,000 characters; more than five become one with a file."""
        return split(reply)

    async def pace(self, outgoing: Outgoing) -> None:
        """Five messages at once in a channel, then one a second; 38 a second everywhere.

        What an interaction is answered with counts for neither.
        """
        if answers_interaction(outgoing):
            return
        channel = outgoing.channel
        await self._pace.wait(channel.thread or channel.id)
        await self._answers.wait()

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        """The bytes of a file that somebody sent."""
        if self._term is None:
            raise BadInput("Discord is not connected now. Try again later.")
        return await files.fetch(self._term.rest, attachment, limit)

    def community(self, conversation: str) -> str:
        """The guild of a conversation; for one outside guilds its channel."""
        place = self._place(Channel.named(conversation).id)
        return f"{self.platform}:{place.guild}" if place and place.guild else super().community(conversation)

    def link(self, conversation: str, key: str) -> str:
        """The address of somebody's message; the bot's own answers are kept under other keys."""
        number = id_in(key)
        channel = Channel.named(conversation)
        place = self._place(channel.id)
        if not number or place is None or not place.guild:
            return ""
        return f"{ADDRESS}/{place.guild}/{channel.thread or channel.id}/{number}"

    def key_at(self, address: str) -> str:
        """The message of a link, or what began the thread of one; nothing of a private thread."""
        found = LINK.fullmatch(address.strip("<> "))
        place = self._place(found["channel"]) if found else None
        if found is None or place is None or place.guild != found["guild"] or place.kind == PRIVATE_THREAD:
            return ""
        return key_of(found["message"] or found["channel"])

    async def show_typing(self, message: Message) -> None:
        """Be seen typing, beside the work."""
        term = self._term
        if term is None or Asked.by(message) is not None:
            return
        channel = message.channel.thread if not message.return_address else None
        where = channel or message.channel.id
        now = time.monotonic()
        self._typed = {each: at for each, at in self._typed.items() if now - at < TYPING_SECONDS}
        if where not in self._typed and len(self._typed) < MOST_TYPING:
            self._typed[where] = now
            term.group.create_task(insist(partial(_type, term.rest, where)))

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Show what is written so far, as often as the limits leave room; nothing that is for one alone."""
        term = self._term
        if term is None or _is_private(term.bot, message, key):
            return
        where = message.channel.thread or message.channel.id
        term.drafts.show(key, where, text, partial(term.posting.show, message, key))

    def _place(self, channel: str) -> Place | None:
        return self._term.places.known(channel) if self._term is not None else None

    def _connected(self) -> Term:
        if self._term is None:
            raise RetryLater(NOT_CONNECTED_SECONDS, "Discord is not connected")
        return self._term

    @asynccontextmanager
    async def _signed_in(self, notes: Notes) -> AsyncIterator[tuple[Gateway, aiohttp.ClientSession, Abuse]]:
        """A client that Discord knows; tried until Discord can be reached. Raises SignInRefused."""
        pauses = Pauses(*LOGIN_PAUSES, self._chance)
        while True:
            abuse = Abuse()
            async with AsyncExitStack() as stack:
                gateway = Gateway(
                    content=self._settings.message_content,
                    connector=self._new_connector(),
                    trace=abuse.trace(self._requests),
                    budget=Budget(notes, self._area, self._clock),
                    clock=self._clock,
                    chance=self._chance,
                )
                stack.push_async_callback(gateway.close)
                if await self._login(gateway):
                    session = open_session(self._new_connector(), abuse.trace())
                    yield gateway, await stack.enter_async_context(session), abuse
                    return
            await self._clock.sleep(pauses.next())

    async def _login(self, gateway: Gateway) -> bool:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await gateway.login(self._token)
        except discord.LoginFailure:
            raise SignInRefused(FATAL[4004]) from None
        except TROUBLE as error:
            log.warning("Discord cannot be reached: %s", type(error).__name__)
            self._state = "connecting: Discord cannot be reached"
            return False
        return True

    async def _serve(
        self, bot: Bot, gateway: Gateway, session: aiohttp.ClientSession, abuse: Abuse, *, began: float
    ) -> None:
        memory = Memory(bot.store.notes, self._area)
        remembered = await memory.read()
        gateway.resume_from(remembered.session)
        signed_out: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rest = Rest(gateway.http, session, abuse, partial(_fail, signed_out))
        listening: Listening | None = None
        try:
            async with asyncio.TaskGroup() as group:
                self._term = term = begin_term(bot, gateway, rest, abuse, group=group, began=began)
                listening = listen(term, memory, remembered)
                group.create_task(insist(partial(self._upload_commands, term)))
                group.create_task(insist(listening.remember))
                group.create_task(_wait(signed_out))
                await gateway.connect()
        finally:
            signed_out.cancel()
            if listening is not None:
                await _leave(listening)

    async def _upload_commands(self, term: Term) -> None:
        commands = Commands(term.rest, term.bot.store.notes, self._area, term.me.application)
        await commands.upload(term.bot.offers.skills())

    def _new_connector(self) -> aiohttp.BaseConnector | None:
        return self._connector() if self._connector is not None else None


async def _type(rest: Rest, channel: str) -> None:
    try:
        await rest.ask("POST", "/channels/{channel_id}/typing", channel_id=channel)
    except DeliveryError as error:
        log.info("not seen typing: %s", error)


def _is_private(bot: Bot, message: Message, key: str) -> bool:
    """Whether others would see a draft that is for the asker alone."""
    asked = Asked.by(message)
    if message.channel.is_direct or (asked is not None and asked.hidden):
        return False
    skill = bot.offers.skill(key.split("|")[-2], message.channel.conversation)
    return skill is None or skill.to_asker


async def _leave(listening: Listening) -> None:
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await listening.leave()
    except (TimeoutError, StorageError) as error:
        log.warning("where Discord's events stand was not noted: %s", type(error).__name__)


async def _wait(ending: asyncio.Future[None]) -> None:
    await asyncio.wait([ending])
    if not ending.cancelled():
        ending.result()


def _fail(ending: asyncio.Future[None], error: SignInRefused) -> None:
    if not ending.done():
        ending.set_exception(error)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended a term: a refusal before all else."""
    refusals, rest = group.split(SignInRefused)
    found: BaseException = (refusals or rest or group).exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _quieten() -> None:
    """Discord.py logs whole bodies when it debugs, and misses voice libraries that are not needed."""
    logger = logging.getLogger("discord")
    logger.setLevel(max(logging.INFO, logger.level))
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
