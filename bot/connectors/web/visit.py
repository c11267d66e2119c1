"""One visitor's request: who asks, in which language, and what is theirs."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Message as Part

from bot.app import Bot
from bot.connectors.web.language import Strings, choose_language
from bot.connectors.web.operator import Operators
from bot.connectors.web.refusal import Refusal
from bot.connectors.web.sessions import Sessions
from bot.connectors.web.streams import Streams
from storage import Conversation

PLATFORM = "web"
CONVERSATION = re.compile(r"[0-9a-f]{32}")
READ_SECONDS = 300.0
DRAIN_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Site:
    """What every route needs. `shared` says whose the files are that visitors add; None when they may not.

    `operators` may see how the bot works inside, by `has_metrics` also in numbers.
    """

    bot: Bot
    sessions: Sessions
    streams: Streams
    title: str
    shared: bool | None
    local: bool
    operators: Operators
    has_metrics: bool = False
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a known visitor."""

    request: Request
    site: Site
    visitor: str
    strings: Strings

    @property
    def scope(self) -> str:
        """Where the visitor's own documents stand."""
        return f"{PLATFORM}:{self.visitor}"

    def key(self) -> str:
        """The key of the conversation in the path; raises Refusal when it can be none."""
        return conversation_key(self.request.path_params["conversation"])

    async def own(self) -> Conversation | None:
        """The conversation in the path, or None before its first message; another visitor's is not found."""
        found = await self.site.bot.store.history.conversation(self.key())
        if found is not None and found.owner != self.visitor:
            raise Refusal(404, "no_conversation")
        return found


def visit(request: Request) -> Visit:
    """The visit a request belongs to; raises Refusal without a valid cookie."""
    site: Site = request.app.state.site
    visitor = site.sessions.visitor(request)
    if visitor is None:
        raise Refusal(401, "no_session")
    return Visit(request, site, visitor, choose_language(request))


def conversation_key(conversation: str) -> str:
    """The key of a web conversation; raises Refusal when the id can be none of ours."""
    if not CONVERSATION.fullmatch(conversation):
        raise Refusal(404, "no_conversation")
    return f"{PLATFORM}:{conversation}"


def limited(request: Request, limit: int, refusal: Refusal) -> Request:
    """The request with a body that is refused when longer than `limit` bytes, counted while it is read."""
    received = 0

    async def receive() -> Part:
        nonlocal received
        part = await request.receive()
        received += len(part.get("body", b""))
        if received > limit:
            await _drain(request, part)
            raise refusal
        return part

    return Request(request.scope, receive)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object; raises Refusal when it is none."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            found = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refusal(400, "malformed") from None
    except TimeoutError:
        raise Refusal(408, "slow") from None
    if not isinstance(found, dict):
        raise Refusal(400, "malformed")
    return found


async def _drain(request: Request, part: Part) -> None:
    """Read on for a while, so that a browser still sending hears the refusal instead of a broken line."""
    drained = 0
    try:
        async with asyncio.timeout(READ_SECONDS / 30):
            while part.get("more_body") and drained < DRAIN_BYTES:
                part = await request.receive()
                drained += len(part.get("body", b""))
    except TimeoutError:
        return
