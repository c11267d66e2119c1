"""The conformance cases on the chat page, as its visitors meet them."""

import html
import json
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.errors import TooLarge
from bot.settings import PluginsSettings
from bot.testing.conformance import Conformance
from bot.testing.platform import SKILLS
from tests.bot.connectors.web.conftest import Running, Visitor, open_site, site_settings, visit

TEXT = re.compile(r' data-text="([^"]*)"')
PRESS = re.compile(r"data-press='([^']*)'[^>]*>([^<]*)<")


class WebDriver:
    """A visitor with several conversations."""

    can_edit = True
    can_delete = True
    can_thread = False
    can_press = True

    def __init__(self, running: Running, visitor: Visitor) -> None:
        self.bot = running.bot
        self._running = running
        self._visitor = visitor
        self._rooms: dict[str, str] = {}

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        short = key.rpartition(":")[2] if key else None
        response = await self._visitor.post(text, self._conversation(room), key=short)
        if response.status_code == 413:
            raise TooLarge(response.json()["error"])
        assert response.status_code in (200, 202), response.text
        posted: str = response.json()["key"]
        return posted

    async def press(self, key: str, label: str) -> str:
        found = await self._visitor.messages(key.split(":")[1])
        (answer,) = [each["html"] for each in found if str(each["key"]).startswith(f"{key}|")]
        shown = {
            text.partition(" · ")[0]: json.loads(html.unescape(what)) for what, text in PRESS.findall(answer)
        }
        return await self.post(shown[label]["text"])

    async def edit(self, key: str, text: str) -> None:
        response = await self._visitor.client.patch(
            self._address(key), json={"edit": secrets.token_hex(16), "text": text}
        )
        assert response.status_code == 202, response.text

    async def delete(self, key: str) -> None:
        response = await self._visitor.client.delete(self._address(key))
        assert response.status_code == 202, response.text

    async def answers(self, key: str) -> list[str]:
        await self._running.finished(key)
        found = await self._visitor.messages(key.split(":")[1])
        return [_text(each["html"]) for each in found if str(each["key"]).startswith(f"{key}|")]

    async def shown(self, room: str = "one") -> list[str]:
        found = await self._visitor.messages(self._conversation(room))
        return [_text(each["html"]) for each in found if each["by_bot"]]

    def _conversation(self, room: str) -> str:
        return self._rooms.setdefault(room, secrets.token_hex(16))

    def _address(self, key: str) -> str:
        return f"api/conversations/{key.split(':')[1]}/messages/{quote(key, safe='')}"


def _text(fragment: str) -> str:
    found = TEXT.search(fragment)
    assert found
    return html.unescape(found[1])


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[WebDriver]:
    settings = site_settings(tmp_path).model_copy(update={"plugins": PluginsSettings(paths=(SKILLS,))})
    async with open_site(settings) as running, visit(running) as visitor:
        yield WebDriver(running, visitor)


class TestConformance(Conformance):
    """Every case."""
