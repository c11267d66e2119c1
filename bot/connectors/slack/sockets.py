"""Socket Mode over two connections at once: each is replaced before it ends, so there is always one."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncApp

from bot.connectors.slack.app import dispatch
from bot.connectors.slack.committing import UNREADABLE
from bot.connectors.slack.link import Envelope, Link, LinkRefused
from bot.connectors.slack.web_api import OPENED_BY, Api
from bot.errors import Refused, RetryLater, SignInRefused, Uncertain

log = logging.getLogger(__name__)

PLACES = 2
PING_SECONDS = 10.0
STAGGER_SECONDS = 5.0
HIGH_WATER = 2000
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
TOO_MANY_PAUSE = 10.0
TAKEN = 200


class Sockets:
    """Keeps the links.

    `again` is called when a link opens after there was none for a while, `missed` when an event is left
    out: Slack sends it again, but not for ever.
    """

    def __init__(
        self,
        app: AsyncApp,
        api: Api,
        session: aiohttp.ClientSession,
        again: Callable[[], None],
        missed: Callable[[], None],
        *,
        ping_seconds: float = PING_SECONDS,
        stagger_seconds: float = STAGGER_SECONDS,
        first_pause: float = FIRST_PAUSE,
        high_water: int = HIGH_WATER,
    ) -> None:
        self.left_out = 0
        self._app = app
        self._api = api
        self._session = session
        self._again = again
        self._missed = missed
        self._ping_seconds = ping_seconds
        self._stagger_seconds = stagger_seconds
        self._first_pause = first_pause
        self._high_water = high_water
        self._links: set[Link] = set()
        self._waiting = 0
        self._dark = True

    @property
    def is_open(self) -> bool:
        """Whether events can come in."""
        return any(link.is_well for link in self._links)

    async def run(self) -> None:
        """Keep the links until cancelled. Raises SignInRefused when Slack will not have this app."""
        async with asyncio.TaskGroup() as group:
            for place in range(PLACES):
                group.create_task(self._keep(place, group.create_task))

    def replace(self, reason: str) -> None:
        """Replace all links, one for one: they look well and bring nothing."""
        for link in self._links:
            link.leave(reason)

    async def _keep(self, place: int, start: Callable[[Any], asyncio.Task[None]]) -> None:
        """Fill one place: when its link should leave, the next is opened before it is closed."""
        await asyncio.sleep(place * self._stagger_seconds)
        before: Link | None = None
        while True:
            link = await self._open()
            self._links.add(link)
            start(self._served(link))
            if self._dark:
                self._dark = False
                self._again()
            if before is not None:
                start(before.close())
            await link.leaving.wait()
            log.info("a Slack connection is replaced: %s", link.reason)
            before = link

    async def _served(self, link: Link) -> None:
        try:
            await link.run()
        finally:
            self._links.discard(link)
            self._dark = self._dark or not self.is_open

    async def _open(self) -> Link:
        """The next link, however often it takes, ever slower."""
        pause = self._first_pause
        while True:
            try:
                opened = await self._api.call("apps.connections.open", app_token=self._api.client.token)
                return await Link.opened(self._session, str(opened["url"]), self._answer, self._ping_seconds)
            except Refused as error:
                raise SignInRefused(f"Slack says {error}. {OPENED_BY}") from None
            except RetryLater as error:
                wait, why = max(error.seconds, pause), str(error)
            except LinkRefused as error:
                tired = str(error) == "too_many_websockets"
                wait, why = max(pause, TOO_MANY_PAUSE * self._first_pause if tired else 0), str(error)
            except (Uncertain, TimeoutError, aiohttp.ClientError, OSError) as error:
                wait, why = pause, str(error) if isinstance(error, Uncertain) else type(error).__name__
            log.warning("no Slack connection (%s), tried again in %.0f s", why, wait)
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - so that not all come at once
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _answer(self, envelope: Envelope) -> dict[str, Any] | None:
        """What acknowledges an envelope. Above the high-water mark none is: Slack sends them again."""
        if self._waiting >= self._high_water:
            self.left_out += 1
            self._missed()
            if self.left_out % self._high_water == 1:
                log.warning("more than %d events wait; Slack is left to send others again", self._high_water)
            return None
        self._waiting += 1
        try:
            return await self._dispatched(envelope)
        finally:
            self._waiting -= 1

    async def _dispatched(self, envelope: Envelope) -> dict[str, Any] | None:
        payload = envelope.get("payload")
        if not isinstance(payload, dict):
            return {}
        try:
            response = await dispatch(self._app, payload, mode="socket_mode")
        except UNREADABLE as error:
            log.warning("a payload cannot be read and is left out: %s", type(error).__name__)
            return {}
        if response.status != TAKEN:
            return None
        return {"payload": _body(response.body)} if response.body else {}


def _body(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else {"text": text}
