"""What was missed while the bot was away, read from Slack's history and taken under the same keys."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bot.app import Bot
from bot.connectors.slack.committing import UNREADABLE
from bot.connectors.slack.events import read_edit
from bot.connectors.slack.inbound import Inbound
from bot.connectors.slack.names import Names
from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import Refused, RetryLater, SignInRefused, Uncertain
from bot.message import Channel

log = logging.getLogger(__name__)

Lost: TypeAlias = Callable[[str, SignInRefused], None]
"""What is to be done when a workspace's token is no good any more."""

KINDS = "public_channel,private_channel,im,mpim"
PAGE = 500
COMMITTED_TOGETHER = 100
IN_USE = timedelta(days=7)
MOST_THREADS = 200
LOOK_BACK_SECONDS = 86400.0  # threads begun so long before are found by their beginning
PROBED = 5
LONGEST_PAUSE = 60.0
MOST_FAILURES = 5


class Backfill:
    """Reads histories, oldest first in each place, and accepts what the inbox does not know."""

    def __init__(self, bot: Bot, workspaces: Workspaces, inbound: Inbound, names: Names, lost: Lost) -> None:
        self._bot = bot
        self._workspaces = workspaces
        self._inbound = inbound
        self._names = names
        self._lost = lost

    async def catch_up(self, since: float) -> int:
        """Take everything written after a moment, seconds since 1970; how much of it was new."""
        threads = await self._threads()
        found = 0
        for workspace in self._workspaces:
            try:
                found += await self._workspace(workspace, since, threads)
            except SignInRefused as error:
                self._lost(workspace.team, error)
        return found

    async def probe(self, since: float, until: float) -> int:
        """Look into the places used last alone, to hear whether events still come: what was new there.

        What was written after `until` may still be on its way.
        """
        found = 0
        for place, known in list((await self._threads()).items())[:PROBED]:
            team, _, channel = place.partition(".")
            if workspace := self._workspaces.get(team):
                found += await self._place(workspace, channel, since, set(sorted(known)[-PROBED:]), until)
        return found

    async def _workspace(self, workspace: Workspace, since: float, threads: Mapping[str, set[str]]) -> int:
        channels = [each async for each in _channels(workspace)]
        found = 0
        for channel in _used_first(channels, workspace, threads):
            known = threads.get(f"{workspace.team}.{channel}", set())
            found += await self._place(workspace, channel, since, known)
        return found

    async def _place(
        self, workspace: Workspace, channel: str, since: float, known: set[str], until: float = math.inf
    ) -> int:
        """Take what is new in a channel and in its threads: those begun lately, and older ones in use."""
        begin = since - LOOK_BACK_SECONDS
        try:
            said = [each async for each in _messages(workspace, "conversations.history", channel, begin)]
            threads = {str(each["ts"]) for each in said if _answered_since(each, since, workspace)}
            for thread in sorted(threads | {each for each in known if float(each) < begin}):
                said += [each async for each in _thread(workspace, channel, thread, since)]
        except Refused as error:
            log.info("the history of %s is not read: %s", channel, error)
            return 0
        once = sorted({str(each["ts"]): each for each in said}.values(), key=_moment)
        missed = [each for each in once if since < max(_moment(each), _edited(each)) < until]
        found = 0
        for start in range(0, len(missed), COMMITTED_TOGETHER):
            page = missed[start : start + COMMITTED_TOGETHER]
            taken = (self._take(workspace, channel, each, is_new=_moment(each) > since) for each in page)
            found += sum(await asyncio.gather(*taken))
        return found

    async def _take(
        self, workspace: Workspace, channel: str, said: Mapping[str, Any], *, is_new: bool
    ) -> bool:
        """Take one message, when it is new, and the edit that made it what it is; whether one was missed."""
        event = {"type": "message", **said, "channel": channel}
        try:
            missed = is_new and await self._inbound.accept_event(event, workspace)
            edit = await read_edit(event, channel, workspace, self._names)
            return (edit is not None and await self._inbound.accept(edit)) or missed
        except UNREADABLE as error:
            log.warning("a message of the history cannot be read: %s", type(error).__name__)
            return False

    async def _threads(self) -> dict[str, set[str]]:
        """The threads in use, by channel, the channel used last first."""
        since = datetime.now(UTC) - IN_USE
        threads: dict[str, set[str]] = {}
        for key in await self._bot.store.history.in_use("slack", since, MOST_THREADS):
            channel = Channel.named(key)
            known = threads.setdefault(channel.id, set())
            if channel.thread is not None:
                known.add(channel.thread)
        return threads


def _edited(said: Mapping[str, Any]) -> float:
    return float((said.get("edited") or {}).get("ts") or 0)


def _answered_since(said: Mapping[str, Any], since: float, workspace: Workspace) -> bool:
    """Whether people replied to a message lately, as far as it tells."""
    people = set(said.get("reply_users") or ()) - {workspace.bot_user}
    untold = int(said.get("reply_users_count") or 0) > len(said.get("reply_users") or ())
    return float(said.get("latest_reply") or 0) > since and (bool(people) or untold)


def _used_first(channels: list[str], workspace: Workspace, threads: Mapping[str, set[str]]) -> list[str]:
    order = {place: number for number, place in enumerate(threads)}
    return sorted(channels, key=lambda each: order.get(f"{workspace.team}.{each}", len(order)))


async def _channels(workspace: Workspace) -> AsyncIterator[str]:
    """The channels and direct conversations the bot is in."""
    arguments: dict[str, Any] = {"types": KINDS, "exclude_archived": True, "limit": PAGE}
    async for each in _pages(workspace, "users.conversations", "channels", arguments):
        yield str(each["id"])


async def _messages(
    workspace: Workspace, method: str, channel: str, since: float, **more: Any
) -> AsyncIterator[Mapping[str, Any]]:
    arguments = {"channel": channel, "oldest": f"{since:.6f}", "limit": PAGE, **more}
    async for each in _pages(workspace, method, "messages", arguments):
        yield each


async def _thread(
    workspace: Workspace, channel: str, thread: str, since: float
) -> AsyncIterator[Mapping[str, Any]]:
    try:
        async for each in _messages(workspace, "conversations.replies", channel, since, ts=thread):
            yield each
    except Refused as error:
        log.info("the thread %s of %s is not read: %s", thread, channel, error)


async def _pages(
    workspace: Workspace, method: str, what: str, arguments: dict[str, Any]
) -> AsyncIterator[Mapping[str, Any]]:
    while True:
        page = await _page(workspace, method, arguments)
        for each in page.get(what) or ():
            yield each
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
        arguments = arguments | {"cursor": cursor}


async def _page(workspace: Workspace, method: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
    """One page, as soon as Slack lets it be read; a page that fails is tried some times."""
    failures = 0
    while True:
        try:
            return await workspace.api.call(method, **arguments)
        except RetryLater as error:
            await asyncio.sleep(min(error.seconds, LONGEST_PAUSE))
        except Uncertain:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            await asyncio.sleep(failures)


def _moment(said: Mapping[str, Any]) -> float:
    return float(said["ts"])
