"""The fake Discord as tests hold it: people, what they see, and faults on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bot.testing.discord.asking import Asking
from bot.testing.discord.conformity import Conformity
from bot.testing.discord.faults import Answer, Body, Dice, Fault, Faults, Order
from bot.testing.discord.gateway import Gateway
from bot.testing.discord.interactions import Interactions, is_loading
from bot.testing.discord.limits import Limits
from bot.testing.discord.loopback import loopback_connector
from bot.testing.discord.people import People
from bot.testing.discord.server import Server
from bot.testing.discord.shown import Shown, shown
from bot.testing.discord.state import APPLICATION_ID, BOT_ID, Json, Kind, Post, PostKind, State
from bot.testing.discord.world import World

WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.005


class FakeDiscord(People, Asking):
    """A Discord with one guild, "Test guild", and in it the channel "general".

    `strict` answers 429 wherever a documented limit is passed and counts it in `limited`. `check`
    holds bodies against Discord's OpenAPI document: None where the document is found, True always.
    `history` bounds how many messages a channel remembers.
    """

    def __init__(
        self,
        *,
        dice: Dice | None = None,
        seed: int = 0,
        strict: bool = False,
        check: bool | None = None,
        history: int | None = None,
    ) -> None:
        self.token = _token(seed)
        self.bot_id = BOT_ID
        self.application_id = APPLICATION_ID
        state, self.faults = State(history), Faults(dice or Dice(), seed)
        self.gateway = Gateway(state, self.faults, token=self.token, strict=strict)
        self.world = World(state, self.gateway)
        self.interactions = Interactions(state)
        self._limits = Limits() if strict else None
        self._conformity = Conformity.found(check)
        if self._conformity is not None:
            self.world.told = self._conformity.check_event
        self.server = Server(
            self.world,
            self.gateway,
            self.interactions,
            self.faults,
            token=self.token,
            limits=self._limits,
            conformity=self._conformity,
        )
        self.guild_id = self.world.guild("Test guild").id
        self.general_id = self.world.channel(self.guild_id, "general", Kind.TEXT).id

    @property
    def dice(self) -> Dice:
        """How often it misbehaves; may be set at any time."""
        return self.faults.dice

    @dice.setter
    def dice(self, dice: Dice) -> None:
        self.faults.dice = dice

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeDiscord]:
        """Serve until left."""
        async with self.server.serving():
            yield self

    def connector(self) -> aiohttp.TCPConnector:
        """A connector for one client, which closes it."""
        return loopback_connector(self.port, self.ca_file)

    @property
    def port(self) -> int:
        """Where it serves on 127.0.0.1."""
        return self.server.port

    @property
    def ca_file(self) -> Path:
        """The authority its certificate comes from."""
        return self.server.ca_file

    # What people see

    def shown(self, channel: int) -> list[Shown]:
        """The bot's messages in a channel as everyone sees them now, oldest first, without "thinking"."""
        place, bot = self.world.state.channels[channel], self.world.state.bot
        posts = (place.posts[each] for each in place.order)
        return [shown(each) for each in posts if each.author is bot and _has_words(each)]

    def reactions(self, message_id: int) -> dict[str, list[str]]:
        """The reactions under a message: whose, by emoji."""
        state = self.world.state
        found = state.post(message_id).reactions
        return {emoji: [state.users[each].name for each in people] for emoji, people in found.items()}

    def repeated(self) -> list[str]:
        """The texts that the bot shows more than once in a channel."""
        found = []
        for channel in self.world.state.channels:
            texts = Counter(each.text for each in self.shown(channel))
            found += [text for text, count in texts.items() if text and count > 1]
        return found

    async def answers(self, channel: int, count: int = 1, *, within: float = WAIT_SECONDS) -> list[Shown]:
        """The bot's messages in a channel, once there are so many. Raises TimeoutError."""
        await self.until(lambda: len(self.shown(channel)) >= count, within=within)
        return self.shown(channel)

    async def until(self, condition: Callable[[], object], *, within: float = WAIT_SECONDS) -> None:
        """Wait for something to be so. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(LOOK_SECONDS)

    @property
    def posts(self) -> int:
        """How many messages the bot made."""
        return self.world.created

    @property
    def typing(self) -> list[tuple[int, float]]:
        """Where and when the bot was seen typing."""
        return self.world.typing

    @property
    def previews(self) -> list[str]:
        """The links in the bot's messages that were fetched to show a preview."""
        return self.world.previews

    @property
    def commands(self) -> list[Json]:
        """The global commands as registered."""
        return self.world.state.commands

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """Each request's method, path and status; 0 where it got no answer."""
        return self.server.requests

    @property
    def limited(self) -> int:
        """How often the bot passed a limit; counted when strict."""
        return self.gateway.limited + (0 if self._limits is None else self._limits.limited)

    @property
    def violations(self) -> list[str]:
        """Where bodies differ from Discord's document, on either side."""
        return [] if self._conformity is None else self._conformity.violations

    @property
    def checks(self) -> bool:
        """Whether bodies are held against Discord's document."""
        return self._conformity is not None

    # The gateway

    @property
    def online(self) -> int:
        """How many sessions have a socket now."""
        return sum(each.line is not None for each in self.gateway.sessions.values())

    @property
    def identifies(self) -> list[float]:
        """The loop's time of each IDENTIFY."""
        return self.gateway.identifies

    @property
    def resumes(self) -> int:
        """How many RESUMEs came."""
        return self.gateway.resumes

    @property
    def session_start_limit(self) -> dict[str, int]:
        """What GET /gateway/bot tells; each IDENTIFY takes one from `remaining`. May be changed."""
        return self.gateway.session_start_limit

    def disconnect(self, code: int = 4000) -> None:
        """Close every socket with a code."""
        for line in self.gateway.lines:
            line.close(code)

    def abort(self) -> None:
        """Cut every socket's connection."""
        for line in self.gateway.lines:
            line.abort()

    def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9: the sessions are no more, or are to be resumed."""
        self.gateway.invalidate(resumable=resumable)

    def ask_reconnect(self) -> None:
        """Op 7: ask each client to connect again."""
        for line in self.gateway.lines:
            line.send(7, None)

    def freeze(self) -> None:
        """Half-open: the sockets of now stay open, and nothing passes in either direction."""
        for line in self.gateway.lines:
            line.freeze()

    def thaw(self) -> None:
        """Frozen sockets go on where they stopped."""
        for line in self.gateway.lines:
            line.thaw()

    def refuse_identify(self, code: int | None) -> None:
        """Close with this code after every IDENTIFY from now on; None takes them again."""
        self.gateway.refusal = code

    def grant_intents(self, privileged: int) -> None:
        """Switch on just these privileged intents: an IDENTIFY that asks for others is closed with 4014."""
        self.gateway.granted_intents = privileged

    def send_raw(self, payload: Json | str) -> None:
        """Send any payload, or any text at all, to each client."""
        for line in self.gateway.lines:
            line.write(payload if isinstance(payload, str) else json.dumps(payload))

    # Requests

    def fail_next(
        self,
        method: str,
        path_pattern: str,
        status: int,
        body: Body = None,
        headers: dict[str, str] | None = None,
        times: int = 1,
        *,
        accepted: bool = False,
    ) -> None:
        """Answer coming requests so, whose path has the pattern; `accepted` does first what they ask.

        The method `*` is any. A body that is a function streams what it yields.
        """
        fault = Fault(Answer(status, body, headers or {}), accepted)
        self.faults.order(Order(method, re.compile(path_pattern), fault, times))

    def lose_next(self, method: str, path_pattern: str, times: int = 1, *, accepted: bool = True) -> None:
        """Drop the connection of coming requests, after doing what they ask or before."""
        self.faults.order(Order(method, re.compile(path_pattern), Fault(None, accepted), times))


def _has_words(post: Post) -> bool:
    return post.kind is not PostKind.THREAD_STARTER and not is_loading(post)


def _token(seed: int) -> str:
    """A token in the form of Discord's: the bot's id and two random parts."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    parts = (dice.randbytes(4), dice.randbytes(28))
    first = base64.urlsafe_b64encode(str(BOT_ID).encode()).decode()
    return ".".join((first, *(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)))
