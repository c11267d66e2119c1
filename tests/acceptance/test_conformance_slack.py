"""The conformance cases on the fake Slack, by Socket Mode. A room is a thread of a direct conversation."""

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connectors.pacing import Pace
from bot.connectors.slack import SlackConnector
from bot.errors import BadInput
from bot.loader import load_plugins
from bot.settings import SlackSettings
from bot.testing import FakeModels
from bot.testing.conformance import Conformance
from bot.testing.platform import platform_settings
from bot.testing.slack import FakeSlack, Shown
from storage import InboxState

UNFINISHED = (None, InboxState.PENDING, InboxState.CLAIMED)


class SlackDriver:
    can_edit = True
    can_delete = True
    can_thread = True
    can_press = True

    def __init__(self, slack: FakeSlack, bot: Bot) -> None:
        self.bot = bot
        self._slack = slack
        self._channel = slack.dm("ann")
        self._threads: dict[str, str] = {}
        self._posted: dict[str, str] = {}
        self._refused = 0

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        if key is not None:
            payload = self._slack.payload(self._channel, self._posted[key])
            self._slack.socket_mode.send(payload)
            await self._slack.settled()
            return key
        ts = self._slack.say(self._channel, text, thread=self._root(thread or room))
        key = f"slack:{self._slack.team_id}:{self._channel}:{ts}"
        self._posted[key] = ts
        await self._taken(key)
        return key

    async def edit(self, key: str, text: str) -> None:
        self._slack.edit(self._channel, self._posted[key], text)
        await self._slack.settled()

    async def delete(self, key: str) -> None:
        self._slack.delete(self._channel, self._posted[key])
        await self._slack.settled()

    async def answers(self, key: str) -> list[str]:
        async with asyncio.timeout(30):
            while await self.bot.store.inbox.state(key) in UNFINISHED or self.bot.delivery.busy:
                await asyncio.sleep(0.01)
        return [html.unescape(each.text) for each in self._answering(key)]

    async def shown(self, room: str = "one") -> list[str]:
        thread = self._threads.get(room, "none")
        return [html.unescape(each.text) for each in self._slack.shown(self._channel, thread)]

    async def press(self, key: str, label: str) -> str:
        (shown,) = self._answering(key)
        element, option = _control(shown.blocks, label)
        if option is None:
            interaction = self._slack.press(self._channel, shown.ts, element["action_id"])
        else:
            chosen = option["value"]
            interaction = self._slack.choose(self._channel, shown.ts, element["action_id"], chosen)
        await interaction.acknowledged()
        return f"slack:{self._slack.team_id}:{interaction.trigger_id}"

    def _answering(self, key: str) -> list[Shown]:
        return [
            each
            for each in self._slack.shown(self._channel)
            if each.metadata and each.metadata["event_payload"]["k"].startswith(f"{key}|")
        ]

    def _root(self, name: str) -> str:
        """The message that began the thread, before the bot was there."""
        if name not in self._threads:
            self._threads[name] = self._slack.say(self._channel, name, deliver=False)
        return self._threads[name]

    async def _taken(self, key: str) -> None:
        """Wait until the bot has a message. Raises BadInput when it told its writer that it takes it not."""
        async with asyncio.timeout(10):
            while await self.bot.store.inbox.state(key) is None:
                refused = self._slack.ephemerals(self._channel)
                if len(refused) > self._refused:
                    self._refused = len(refused)
                    raise BadInput(html.unescape(refused[-1].text))
                await asyncio.sleep(0.01)


def _control(blocks: tuple[Any, ...], label: str) -> tuple[Any, Any]:
    """The element with a label, and the option of it that has the label."""
    for element in (each for block in blocks if block["type"] == "actions" for each in block["elements"]):
        if element["type"] == "button" and element["text"]["text"] == label:
            return element, None
        for option in element.get("options", ()):
            if option["text"]["text"] == label:
                return element, option
    raise LookupError(f"there is no {label!r} to press")


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[SlackDriver]:
    async with FakeSlack().serving() as slack:
        given = SlackSettings(
            bot_token=SecretStr(slack.bot_token),
            app_token=SecretStr(slack.app_token),
            api_url=slack.api_url,
        )
        settings = platform_settings(tmp_path).model_copy(update={"slack": given})
        connector, models = SlackConnector(settings, posts=Pace(1000, 100)), FakeModels()
        async with open_database(settings) as store, open_library(settings, store, models) as library:
            bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
            running = asyncio.create_task(bot.run())
            yield SlackDriver(slack, bot)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        assert slack.violations == []


class TestConformance(Conformance):
    """Every case."""
