"""The fake Slack itself: it serves, people act in it, and tests see what people see."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from bot.testing.slack import chat, reading, shares, streams, windows
from bot.testing.slack.faults import DROPPED, LIMITED, Faults, Planned
from bot.testing.slack.http_events import signed
from bot.testing.slack.interactions import Interacting, Interaction
from bot.testing.slack.limits import Limits
from bot.testing.slack.people import People
from bot.testing.slack.responses import Responses
from bot.testing.slack.shares import Download, FilesHost
from bot.testing.slack.shown import Shown, as_shown
from bot.testing.slack.socket_mode import Reason
from bot.testing.slack.state import Dice, Json
from bot.testing.slack.web_api import WebApi

METHOD_MODULES = (chat, reading, shares, streams, windows)
BODY_BYTES = 64 * 2**20


class FakeSlack(People, Interacting):
    """Slack on a free port of the loopback, for the real client libraries.

    Use it as `async with FakeSlack().serving() as slack:` and give `slack.api_url`, `slack.bot_token` and
    `slack.app_token` to the bot, in this process or another.
    """

    def __init__(
        self,
        *,
        dice: Dice | None = None,
        seed: int = 0,
        strict: bool = False,
        redeliver_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            dice=dice or Dice(), seed=seed, strict=strict, clock=clock, redeliver_seconds=redeliver_seconds
        )
        self.faults = Faults(self.dice, self.random)
        self.limits = Limits(clock)
        self.files_host = FilesHost(self, self.faults)
        self.response_urls = Responses(self, self.faults)
        self._web_api = WebApi(self, self.faults, self.limits)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeSlack]:
        """Serve until left; the port is kept if it is served again."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        await self.http_events.open()
        redelivering = asyncio.create_task(self.socket_mode.redeliver())
        try:
            yield self
        finally:
            redelivering.cancel()
            await self.stop_running()
            self.socket_mode.close()
            await self.http_events.close()
            await runner.cleanup()

    @property
    def bot_token(self) -> str:
        """The first workspace's bot token."""
        return self.home_workspace.bot_token

    @property
    def team_id(self) -> str:
        """The first workspace's id."""
        return self.home_workspace.team_id

    @property
    def bot_user_id(self) -> str:
        """The bot's user in the first workspace."""
        return self.home_workspace.bot_user_id

    @property
    def elsewhere(self) -> str:
        """An address that is not the fake's own host; what is asked there is in `downloads` too."""
        return f"http://localhost:{self.port}/elsewhere/file.bin"

    @property
    def downloads(self) -> list[Download]:
        """Who asked for which file, and whether with a token."""
        return self.files_host.downloads

    @property
    def violations(self) -> list[str]:
        """What was sent that Slack's recorded samples do not know."""
        return self.conformity.violations

    @property
    def limited(self) -> int:
        """How many calls went over a limit of a strict Slack."""
        return self.limits.limited

    @property
    def sockets(self) -> int:
        """How many sockets are open and carry, now."""
        return len(self.socket_mode.carrying())

    @property
    def sockets_opened(self) -> int:
        """How many sockets were opened since the start."""
        return self.socket_mode.opened

    @property
    def gap(self) -> float:
        """The longest time, in seconds, without any socket that carries, since the first."""
        return self.socket_mode.longest_gap()

    def shown(self, channel: str, thread: str | None = None) -> list[Shown]:
        """The bot's messages in a channel, or in one of its threads, in order."""
        place = self.places[channel]
        return [
            as_shown(message)
            for message in place.written()
            if message.bot_id == place.workspace.bot_id
            and not message.tombstone
            and (thread is None or message.thread_ts == thread)
        ]

    def ephemerals(self, channel: str, user: str = "ann") -> list[Shown]:
        """What only this person, by name or id, sees in a channel, in order."""
        place = self.places[channel]
        person = self.person(user, team=place.workspace.team_id)
        hidden = [each for each in self.hidden.values() if each.place is place and each.seen_by == person.id]
        return [as_shown(message) for message in hidden]

    def home(self, author: str = "ann") -> Json | None:
        """The view on a person's home tab."""
        return self.homes.get(self.user(author))

    def repeated(self) -> list[tuple[str, str | None, str]]:
        """What people see more than once: (channel, thread, text) of the bot's messages."""
        shown = [each for channel in self.places for each in self.shown(channel)]
        seen = [(each.channel, each.thread_ts, each.text) for each in shown]
        return [each for each, count in Counter(seen).items() if count > 1]

    def sign(self, body: bytes, timestamp: int | str | None = None) -> dict[str, str]:
        """The headers of a body that Slack signed, now or at another time."""
        return signed(self.signing_secret, body, timestamp)

    async def verify_url(self) -> bool:
        """Whether `events_url` answers Slack's url_verification."""
        return await self.http_events.verify()

    def disconnect(self, kind: Reason = "warning") -> None:
        """Announce the end of the oldest socket, or of all with "link_disabled", and then close it."""
        self.socket_mode.disconnect(kind)

    def abort(self) -> None:
        """Reset every socket without a goodbye."""
        self.socket_mode.abort()

    def freeze(self) -> None:
        """Make the sockets open now half open: they answer no ping and carry no event."""
        self.socket_mode.freeze()

    def thaw(self) -> None:
        """Let frozen sockets carry again."""
        self.socket_mode.thaw()

    def too_many_websockets(self, times: int = 1) -> None:
        """Refuse the next sockets as one too many."""
        self.socket_mode.refusals = times

    def revoke(self, error: str = "token_revoked", *, team: str | None = None) -> None:
        """Let every call fail: `token_revoked`, `invalid_auth`, `account_inactive`.

        With `team`, only that workspace's token is gone; without, the app's token too, and its sockets.
        """
        for workspace in self.workspaces.values():
            if team in (None, workspace.team_id):
                self.revoked[workspace.team_id] = error
        if team is None:
            self.revoked[self.app_id] = error
            self.abort()

    def restore(self) -> None:
        """Make revoked tokens good again."""
        self.revoked.clear()

    def fail_next(
        self,
        method: str,
        status: int = 429,
        body: Json | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """Let the next calls of a method fail before they take effect.

        Status 0 drops the connection. A text as body is sent as a page, a dictionary as JSON. A 429 comes
        with `Retry-After: 1` unless headers are given. Methods are also "*" for any, "response_url",
        "upload" and "download".
        """
        if status == 429 and headers is None:
            headers = {"Retry-After": str(self.faults.retry_after)}
        if status == 429 and body is None:
            body = LIMITED
        self.faults.plan(method, Planned(status, body, headers or {}), times)

    def lose_next(self, method: str, times: int = 1) -> None:
        """Let the next calls take effect, and drop the connection instead of answering."""
        self.faults.plan(method, Planned(DROPPED, accepted=True), times)

    def slow_next(self, method: str, seconds: float, times: int = 1) -> None:
        """Let the next calls take so long."""
        self.faults.plan(method, Planned(200, seconds=seconds), times)

    def carry(self, interaction: Interaction) -> None:
        """Deliver an interaction; what its acknowledgement says is shown."""
        interaction.on_answer = self._answered
        super().carry(interaction)

    def _answered(self, interaction: Interaction, body: Json) -> None:
        if interaction.kind == "slash_commands":
            self.response_urls.show(interaction, body)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES)
        application.router.add_route("*", "/api/{method}", self._web_api.serve)
        application.router.add_get("/link/", self.socket_mode.serve)
        application.router.add_post("/response/{trigger}", self.response_urls.serve)
        application.router.add_post("/upload/{file}", self.files_host.upload)
        application.router.add_get("/files-pri/{file}/{name}", self.files_host.download)
        application.router.add_get("/signin", self.files_host.sign_in)
        application.router.add_get("/elsewhere/{name}", self.files_host.elsewhere)
        return application
