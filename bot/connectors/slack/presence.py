"""The bot's presence on Slack, from one sign-in to its end: what comes in, what is missed, what goes out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import Bot
from bot.connectors.slack.app import bolt_app, quiet_logger
from bot.connectors.slack.backfill import Backfill
from bot.connectors.slack.drafts import Drafts
from bot.connectors.slack.files import Files
from bot.connectors.slack.greeting import Greeting
from bot.connectors.slack.hearing import Hearing
from bot.connectors.slack.http import PATH, Receiver
from bot.connectors.slack.inbound import Inbound
from bot.connectors.slack.interactions import Interactions
from bot.connectors.slack.names import Names
from bot.connectors.slack.posting import Poster
from bot.connectors.slack.responses import ResponseUrls
from bot.connectors.slack.sockets import FIRST_PAUSE, PING_SECONDS, STAGGER_SECONDS, Sockets
from bot.connectors.slack.web_api import CALL_SECONDS, Api
from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import ParleyError, SignInRefused
from bot.skills import Skill

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The tokens of one app, and what its requests are signed with."""

    bot_tokens: tuple[str, ...]
    app_token: str
    signing_secret: str


@dataclass(frozen=True, slots=True)
class Timing:
    """How often things are looked at, in seconds."""

    ping: float = PING_SECONDS
    stagger: float = STAGGER_SECONDS
    first_pause: float = FIRST_PAUSE
    note: float = 5.0
    quiet: float = 300.0


class Presence:
    """Everything that holds while the bot is signed in. `port` is where HTTP is taken, 0 without it."""

    def __init__(
        self,
        bot: Bot,
        secrets: Secrets,
        session: aiohttp.ClientSession,
        *,
        account: str,
        timing: Timing,
    ) -> None:
        self.port = 0
        self.sockets: Sockets | None = None
        self._bot = bot
        self._settings = bot.settings.slack
        self._secrets = secrets
        self._session = session
        self._timing = timing
        self._area = f"slack:{account}"
        self._api_url = f"{self._settings.api_url.rstrip('/')}/"
        self._group: asyncio.TaskGroup | None = None
        self._refusal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.workspaces = Workspaces(secrets.bot_tokens, self._api)
        self._names = Names()
        self.drafts = Drafts(self.workspaces, bot.store.notes, self._area)
        responses = ResponseUrls(session, self._api_url)
        self.poster = Poster(self.workspaces, self.drafts, responses)
        self.files = Files(self.workspaces, session, self._api_url)
        self._greeting = Greeting(bot.offers, self._settings.command)
        self.inbound = self._inbound()
        self._hearing = self._ears()

    @property
    def is_open(self) -> bool:
        """Whether events can come in."""
        return self.sockets.is_open if self.sockets is not None else self.port > 0

    async def sign_in(self) -> None:
        """Say who the bot is, and remember what it did before. Raises SignInRefused."""
        await self.workspaces.sign_in()
        await self.drafts.recall()
        await self._hearing.recall()

    async def run(self) -> None:
        """Carry events in until cancelled. Raises SignInRefused, perhaps in a group."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(self._hearing.run())
                self._group.create_task(self._until_refused())
                await (self._by_socket() if self._secrets.app_token else self._by_http())
        finally:
            self._group = None
            await self._names.close()

    def skill(self, name: str, conversation: str) -> Skill | None:
        """A skill by its name, when it is switched on there."""
        return self._bot.offers.skill(name, conversation)

    def lost(self, team: str, error: SignInRefused) -> None:
        """A token is no good any more: its workspace is left out, and with the last one all ends."""
        if self.workspaces.lost(team, error) and not self._refusal.done():
            self._refusal.set_exception(error)

    async def _until_refused(self) -> None:
        await self._refusal

    async def _by_socket(self) -> None:
        self.sockets = Sockets(
            self._app(),
            self._api(self._secrets.app_token),
            self._session,
            self._hearing.again,
            self._hearing.missed,
            ping_seconds=self._timing.ping,
            stagger_seconds=self._timing.stagger,
            first_pause=self._timing.first_pause,
        )
        await self.sockets.run()

    async def _by_http(self) -> None:
        receiver = Receiver(self._app(), self._secrets.signing_secret)
        async with receiver.serving(self._settings.host, self._settings.port) as self.port:
            log.info("Slack's events are taken at http://%s:%d%s", self._settings.host, self.port, PATH)
            self._hearing.again()
            await asyncio.Event().wait()

    def _inbound(self) -> Inbound:
        return Inbound(
            self._bot,
            self.workspaces,
            self._names,
            Interactions(self._bot, self.workspaces, self._names, self.poster.tell),
            beside=self._beside,
            tell=self.poster.tell,
            watch=self._watch,
            forget=self.drafts.drop,
        )

    def _ears(self) -> Hearing:
        return Hearing(
            Backfill(self._bot, self.workspaces, self.inbound, self._names, self.lost),
            self._bot.store.notes,
            self._area,
            hours=self._settings.catch_up_hours,
            note_seconds=self._timing.note,
            quiet=self._timing.quiet,
            is_open=lambda: self.is_open,
            heard_at=lambda: self.inbound.heard_at,
            deaf=self._renew,
        )

    def _renew(self) -> None:
        if self.sockets is not None:
            self.sockets.replace("it brings no events")

    def _app(self) -> AsyncApp:
        return bolt_app(self.workspaces, self._client(None), self.inbound.take)

    def _api(self, token: str) -> Api:
        return Api(self._client(token))

    def _client(self, token: str | None) -> AsyncWebClient:
        """A client that tries nothing again by itself: it cannot know what may be sent twice."""
        return AsyncWebClient(
            token,
            base_url=self._api_url,
            session=self._session,
            timeout=int(CALL_SECONDS),
            retry_handlers=[],
            logger=quiet_logger("slack_sdk"),
        )

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            work.close()
            return
        self._group.create_task(_guarded(work))

    def _watch(
        self, kind: str, event: Mapping[str, Any], workspace: Workspace
    ) -> Coroutine[Any, Any, None] | None:
        if kind in ("tokens_revoked", "app_uninstalled"):
            return self._check(workspace)
        return self._greeting.of(kind, event, workspace)

    async def _check(self, workspace: Workspace) -> None:
        """Slack says that a token was revoked: see whether it is the bot's."""
        try:
            await workspace.api.call("auth.test")
        except SignInRefused as error:
            self.lost(workspace.team, error)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ParleyError as error:
        log.info("something beside the events did not work: %s", error)
    except Exception:  # the wall around what is not an event
        log.exception("something beside the events failed")
