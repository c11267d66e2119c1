"""A bot on the fake Slack, and people who talk to it there."""

import asyncio
import html
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connectors.pacing import Pace
from bot.connectors.slack import SlackConnector
from bot.connectors.slack.presence import Timing
from bot.errors import SignInRefused
from bot.loader import load_plugins
from bot.message import Message
from bot.settings import PluginsSettings, Settings, SlackSettings
from bot.testing import FakeModels
from bot.testing.platform import platform_settings
from bot.testing.slack import FakeSlack, Shown
from storage import Accepted, InboxState, NewAttachment

SKILLS = Path(__file__).with_name("slack_skills.py")
QUICK = Timing(ping=0.5, stagger=0.05, first_pause=0.05, note=0.1)
WAIT_SECONDS = 20.0
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)


class Talk:
    """A running bot with its connector, and what tests do with both."""

    def __init__(self, slack: FakeSlack, bot: Bot, connector: SlackConnector) -> None:
        self.slack = slack
        self.bot = bot
        self.connector = connector
        self.accepted: list[Message] = []
        self._accept = bot.accept
        bot.accept = self._noted  # type: ignore[method-assign]

    async def _noted(self, message: Message, files: Sequence[NewAttachment] = ()) -> Accepted:
        accepted = await self._accept(message, files)
        if not accepted.duplicate:
            self.accepted.append(message)
        return accepted

    def key(self, channel: str, ts: str) -> str:
        return f"slack:{self.slack.places[channel].workspace.team_id}:{channel}:{ts}"

    async def finished(self, key: str) -> InboxState:
        """Wait until an event is finished and everything is delivered."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (state := await self.bot.store.inbox.state(key)) in (None, *UNFINISHED):
                await asyncio.sleep(0.01)
            while await self.bot.store.outbox.pending(("slack",), 1) or self.bot.delivery.busy:
                await asyncio.sleep(0.01)
        assert state is not None
        return state

    async def say(self, channel: str, text: str, **more: Any) -> str:
        """Write something and wait until the bot is done with it; its ts."""
        ts = self.slack.say(channel, text, **more)
        await self.finished(self.key(channel, ts))
        return ts

    async def eventually(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is so, and return it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := condition()):
                await asyncio.sleep(0.01)
        return found

    def texts(self, channel: str, thread: str | None = None) -> list[str]:
        return [words(each) for each in self.slack.shown(channel, thread)]


async def relax(talk: Talk) -> None:
    """Let the methods' own tiers out of the way: the channels' limits are looked at."""
    presence = talk.connector._presence
    assert presence is not None
    for workspace in presence.workspaces:
        workspace.api._paces |= {"chat.postMessage": Pace(100_000, 1000)}
    talk.slack.limits.call = lambda team, method, per_minute: 0  # type: ignore[method-assign]


def words(shown: Shown) -> str:
    """A message's text as people read it."""
    return html.unescape(shown.text)


def slack_settings(slack: FakeSlack, folder: Path, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "bot_token": SecretStr(slack.bot_token),
        "app_token": SecretStr(slack.app_token),
        "api_url": slack.api_url,
    }
    return platform_settings(folder).model_copy(
        update={
            "slack": SlackSettings(**(given | changes)),
            "plugins": PluginsSettings(paths=(*platform_settings(folder).plugins.paths, SKILLS)),
        }
    )


@asynccontextmanager
async def running(
    slack: FakeSlack,
    folder: Path,
    *,
    timing: Timing = QUICK,
    posts: Pace | None = None,
    wait: bool = True,
    drain: float = 5.0,
    **changes: Any,
) -> AsyncIterator[Talk]:
    """A bot on this Slack; `changes` are settings of its section."""
    settings = slack_settings(slack, folder, **changes)
    lanes = settings.lanes.model_copy(update={"drain_seconds": drain})
    settings = settings.model_copy(update={"lanes": lanes})
    connector = SlackConnector(settings, posts=posts or Pace(1000, 100), timing=timing)
    connector.grace_seconds = 0.2
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
        talk = Talk(slack, bot, connector)
        task = asyncio.create_task(bot.run())
        try:
            if wait:
                await talk.eventually(lambda: task.done() or connector.status() == "ok")
            yield talk
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, SignInRefused):
                await task


Run = Callable[..., AbstractAsyncContextManager[Talk]]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """A Slack whose every body is as Slack describes it."""
    async with FakeSlack().serving() as serving:
        yield serving
        assert serving.violations == []


@pytest.fixture
async def talk(slack: FakeSlack, tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot connected by Socket Mode."""
    async with running(slack, tmp_path) as talking:
        yield talking


@pytest.fixture
def run(slack: FakeSlack, tmp_path: Path) -> Run:
    """Opens a bot on the fixture's Slack and folder, with other settings."""

    def opened(**changes: Any) -> AbstractAsyncContextManager[Talk]:
        return running(slack, tmp_path, **changes)

    return opened
