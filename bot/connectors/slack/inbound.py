"""What Slack delivers, made durable: only when this returns may it be acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from bot.app import Bot
from bot.connectors.slack.committing import UNREADABLE, commit
from bot.connectors.slack.events import read_event
from bot.connectors.slack.files import looked_up
from bot.connectors.slack.interactions import Interactions
from bot.connectors.slack.names import Names
from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import BadInput, ParleyError, TooLarge
from bot.message import EventKind, Message

log = logging.getLogger(__name__)

Payload: TypeAlias = Mapping[str, Any]
Beside: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
"""Runs something beside the events; its failure is logged and no more."""
Tell: TypeAlias = Callable[[Message, str], Awaitable[None]]
Watch: TypeAlias = Callable[[str, Payload, Workspace], Coroutine[Any, Any, None] | None]
"""What is to be done about an event that is no message."""
Forget: TypeAlias = Callable[[str], Coroutine[Any, Any, None]]
"""What is to be done when a message is deleted, by its key."""

TWIN_SECONDS = 0.3


class Inbound:
    """Takes each payload once it is durable. `heard_at` is when the last came, on the monotonic clock."""

    def __init__(
        self,
        bot: Bot,
        workspaces: Workspaces,
        names: Names,
        interactions: Interactions,
        *,
        beside: Beside,
        tell: Tell,
        watch: Watch,
        forget: Forget,
    ) -> None:
        self.heard_at = time.monotonic()
        self._bot = bot
        self._workspaces = workspaces
        self._names = names
        self._interactions = interactions
        self._beside = beside
        self._tell = tell
        self._watch = watch
        self._forget = forget
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._twins: dict[str, asyncio.Event] = {}

    async def take(self, payload: Payload) -> dict[str, Any] | None:
        """Make what a payload says durable; what to acknowledge it with.

        Raises StorageError when that failed: then it must not be acknowledged. What cannot be read is
        acknowledged, for it would be the same the next time.
        """
        self.heard_at = time.monotonic()
        try:
            workspace = self._workspaces.get(_team(payload))
            if workspace is None:
                log.warning("a payload of a workspace without a bot token is left out")
                return None
            if payload.get("type") != "event_callback":
                return await self._interactions.take(payload)
            await self._event(payload["event"], workspace)
        except UNREADABLE as error:
            log.warning("a payload cannot be read and is left out: %s", type(error).__name__)
        except BadInput as error:
            log.info("a payload is left out: %s", error)
            return {"text": str(error)} if "command" in payload else None
        return None

    async def accept_event(self, event: Payload, workspace: Workspace) -> bool:
        """Make one event durable, in the order of its channel; whether it was new."""
        if event.get("type") == "app_mention":
            await self._await_twin(workspace.key(event["channel"], event["ts"]))
        async with self._order(workspace, event):
            message = await read_event(await looked_up(event, workspace), workspace, self._names)
        return message is not None and await self.accept(message)

    async def accept(self, message: Message) -> bool:
        """Make a message durable; whether it was new. One that is too long is refused to its writer."""
        try:
            accepted = await commit(self._bot, message)
        except TooLarge as error:
            log.info("event %s is left out: %s", message.key, error)
            if message.kind is EventKind.CREATED and (message.channel.is_direct or message.mentions_bot):
                self._beside(self._tell_quietly(message, str(error)))
            return False
        if message.kind is EventKind.DELETED and not accepted.duplicate:
            self._beside(self._forget(str(message.target)))
        if twin := self._twins.get(message.key):
            twin.set()
        return not accepted.duplicate

    async def _event(self, event: Payload, workspace: Workspace) -> None:
        if work := self._watch(str(event.get("type")), event, workspace):
            self._beside(work)
        await self.accept_event(event, workspace)

    async def _await_twin(self, key: str) -> None:
        """A mention comes as a message, too, which tells more: let that go first when it comes at once."""
        twin = self._twins.setdefault(key, asyncio.Event())
        try:
            if await self._bot.store.inbox.state(key) is None:
                async with asyncio.timeout(TWIN_SECONDS):
                    await twin.wait()
        except TimeoutError:
            return
        finally:
            self._twins.pop(key, None)

    def _order(self, workspace: Workspace, event: Payload) -> asyncio.Lock:
        place = f"{workspace.team}.{event.get('channel') or (event.get('item') or {}).get('channel')}"
        order = self._orders.get(place)
        if order is None:
            order = self._orders[place] = asyncio.Lock()
        return order

    async def _tell_quietly(self, message: Message, text: str) -> None:
        try:
            await self._tell(message, text)
        except ParleyError as error:
            log.info("the writer of event %s was not told: %s", message.key, error)


def _team(payload: Payload) -> str:
    """The workspace in which the app is installed; in shared channels not always the writer's."""
    authorizations = payload.get("authorizations") or ()
    installed = authorizations[0].get("team_id") if authorizations else None
    acting = (payload.get("team") or {}).get("id")
    return str(installed or acting or payload.get("team_id") or "")
