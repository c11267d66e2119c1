"""The connection to Discord's gateway, kept by our own rules: discord.py speaks, this decides when."""

from __future__ import annotations

import asyncio
import logging
import random
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from bot.connectors.discord.memory import Session
from bot.connectors.discord.permissions import APPLICATIONS
from bot.connectors.discord.rest import Json
from bot.connectors.discord.signins import Budget, Clock, Pauses
from bot.errors import SignInRefused
from storage import StorageError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0
HEARTBEAT_SECONDS = 60.0
STEADY_SECONDS = 300.0
CLOSE_SECONDS = 2.0
RATE_LIMIT_SECONDS = 30.0
RESUME_PAUSES, IDENTIFY_PAUSES = (1.0, 60.0), (5.0, 900.0)
KEEPS_SESSION = 4000  # 1000 and 1001 would end it
FORGETS_SESSION = (1000, 1001, 4007, 4009)
BOT_PAGE = f"{APPLICATIONS}, your application, Bot"
FATAL = {
    4004: f"Discord does not accept the bot's token. Open {BOT_PAGE}: choose Reset Token, and put the new "
    "one into PARLEY_DISCORD__TOKEN or the file that discord.token_file names.",
    4010: "Discord does not accept the connection (invalid shard). Update parley.",
    4011: "The bot is in more than 2,500 servers, which takes several connections (shards). "
    "Take it out of some servers.",
    4012: "Discord does not speak this version of its protocol any more. Update parley and discord.py.",
    4013: "Discord does not know the intents that were asked for. Update parley and discord.py.",
    4014: f"The bot may not read messages' content. Open {BOT_PAGE}: switch on Message Content Intent under "
    "Privileged Gateway Intents and choose Save Changes; or set discord.message_content = false.",
}
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
TROUBLE = (OSError, aiohttp.ClientError, discord.DiscordException, zlib.error, StorageError, *UNREADABLE)
EVENTS = (
    *("READY", "RESUMED", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_ROLE_CREATE"),
    *("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"),
    *("THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC"),
    *("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"),
    *("MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "INTERACTION_CREATE"),
)

OK = "ok"
Receive = Callable[[str, Json], None]


def intents(*, content: bool) -> discord.Intents:
    """What the bot is told about: no members, no presences; messages' content where it is wanted."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        guild_reactions=True,
        dm_messages=True,
        dm_reactions=True,
        message_content=content,
    )


class Socket(DiscordWebSocket):
    """Discord.py's socket, which also knows when it last heard anything."""

    async def received_message(self, msg: Any, /) -> None:
        """Note the moment, when nothing is missing before it; then read the payload."""
        gateway: Gateway = self._connection._get_client()  # type: ignore[assignment]
        if gateway.state == OK:
            gateway.heard_at = gateway.clock.now()
        await super().received_message(msg)


class Gateway(discord.Client):
    """One connection, held until cancelled. Nothing is cached but the session.

    `receive` gets each event that matters with its payload; `room` is awaited before the socket is read.
    """

    def __init__(
        self,
        *,
        content: bool,
        connector: aiohttp.BaseConnector | None,
        trace: aiohttp.TraceConfig,
        budget: Budget,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        super().__init__(
            intents=intents(content=content),
            connector=connector,
            http_trace=trace,
            max_messages=None,
            chunk_guilds_at_startup=False,
            heartbeat_timeout=HEARTBEAT_SECONDS,
            max_ratelimit_timeout=RATE_LIMIT_SECONDS,
        )
        self.clock = clock
        self.session: Session | None = None
        self.heard_at: float | None = None
        self.state = "connecting"
        self._connection.parsers = {event: partial(self._parse, event) for event in EVENTS}
        self._connection._update_references = self._meet  # type: ignore[assignment, method-assign]
        self._receive: Receive = lambda event, payload: None
        self._room: Callable[[], Awaitable[None]] = partial(asyncio.sleep, 0)
        self._budget = budget
        self._resume_pauses = Pauses(*RESUME_PAUSES, chance)
        self._identify_pauses = Pauses(*IDENTIFY_PAUSES, chance)
        self._socket: Socket | None = None
        self._steady_from: float | None = None

    def carry_to(self, receive: Receive, room: Callable[[], Awaitable[None]]) -> None:
        """Where events go, and what is awaited before the next is read."""
        self._receive = receive
        self._room = room

    @property
    def sequence(self) -> int:
        """The number of the last event of this session."""
        heard = self._socket.sequence if self._socket is not None else None
        return heard or (self.session.sequence if self.session is not None else 0)

    def resumable(self, sequence: int) -> Session | None:
        """The session as it can be resumed after `sequence`, None when there is none."""
        return None if self.session is None else replace(self.session, sequence=sequence)

    def resume_from(self, session: Session | None) -> None:
        """Begin with a session of an earlier start, if it has the same intents."""
        if session is not None and session.intents == self._connection.intents.value:
            self.session = session

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Nothing: events are carried by `receive`, without a task for each."""

    async def connect(self, *, reconnect: bool = True) -> None:
        """Hold the connection until cancelled. Raises SignInRefused when Discord will never take it."""
        while True:
            try:
                await self._hold()
            except ReconnectWebSocket as turn:
                await self._leave(keep=turn.resume)
            except discord.ConnectionClosed as end:
                if end.code in FATAL:
                    raise SignInRefused(FATAL[end.code]) from None
                await self._leave(keep=False)
            except TROUBLE as error:
                log.warning("the connection to Discord failed: %s", type(error).__name__)
                await self._leave(keep=True)
            self.state = "reconnecting"
            await self.clock.sleep(self._pause())

    async def close(self) -> None:
        """Leave without ending the session, so that the next start can resume it."""
        await self._hang_up()
        await super().close()

    async def _hang_up(self) -> None:
        if self._socket is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(KEEPS_SESSION)
        except (OSError, aiohttp.ClientError) as error:
            log.info("the connection to Discord was not closed properly: %s", type(error).__name__)

    async def _hold(self) -> None:
        self._socket, self._steady_from = None, None
        if self.session is None:
            await self._ask_leave()
        self.ws = socket = await asyncio.wait_for(self._open(self.session), CONNECT_SECONDS)
        while True:
            await self._room()
            try:
                await socket.poll_event()
            except UNREADABLE as error:
                log.warning("a payload of Discord is skipped: it cannot be read (%s)", type(error).__name__)

    async def _ask_leave(self) -> None:
        _, _, limit = await asyncio.wait_for(self.http.get_bot_gateway(), CONNECT_SECONDS)
        await self._budget.heed(int(limit["remaining"]), limit["reset_after"] / 1000)
        await self._budget.take(self._report)

    async def _open(self, session: Session | None) -> Socket:
        if session is None:
            return await Socket.from_client(self, initial=True)
        return await Socket.from_client(
            self,
            initial=True,
            gateway=yarl.URL(session.url),
            session=session.id,
            sequence=session.sequence,
            resume=True,
        )

    def _meet(self, socket: Socket) -> None:
        """A socket is open; nothing was said on it yet."""
        self._socket = socket

    def _parse(self, event: str, payload: Json) -> None:
        if event in ("READY", "RESUMED"):
            self._arrived()
        self._receive(event, payload)

    def _arrived(self) -> None:
        socket = self._socket
        if socket is None or socket.session_id is None:
            return
        self.session = self._session_of(socket)
        self.state = OK
        self._steady_from = self.clock.now()

    def _session_of(self, socket: Socket) -> Session:
        intended = self._connection.intents.value
        return Session(socket.session_id or "", str(socket.gateway), socket.sequence or 0, intended)

    async def _leave(self, *, keep: bool) -> None:
        """Keep what can be resumed of a connection that ended."""
        socket = self._socket
        if socket is None:  # it never came about: try the general address next time
            self.session = replace(self.session, url=str(Socket.DEFAULT_GATEWAY)) if self.session else None
            return
        ended = socket.socket.close_code in FORGETS_SESSION and socket._close_code is None
        kept = keep and not ended and socket.session_id
        self.session = self._session_of(socket) if kept else None
        await self._hang_up()

    def _pause(self) -> float:
        if self._steady_from is not None and self.clock.now() - self._steady_from >= STEADY_SECONDS:
            self._resume_pauses.reset()
            self._identify_pauses.reset()
        return (self._identify_pauses if self.session is None else self._resume_pauses).next()

    def _report(self, words: str) -> None:
        self.state = words
