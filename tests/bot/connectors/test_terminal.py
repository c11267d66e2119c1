"""The terminal: what stands under an answer is said by its number."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot import Choice, Menu, Reply
from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.cli.chat import _fields, _listed, _plain, _saved
from bot.connectors.terminal import Exchange, TerminalConnector
from bot.loader import load_plugins
from bot.settings import RouterSettings, Settings
from bot.testing import FakeModels
from bot.testing.platform import platform_settings


class Talk:
    """One person at the terminal."""

    def __init__(self, bot: Bot, terminal: TerminalConnector) -> None:
        self.bot = bot
        self.terminal = terminal

    async def ask(self, line: str) -> Exchange:
        return await self.terminal.ask(self.bot, line)

    async def say(self, line: str) -> str:
        return (await self.ask(line)).reply.text


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[Talk]:
    models, terminal = FakeModels(), TerminalConnector("mine")
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [terminal])
        running = asyncio.create_task(bot.run())
        yield Talk(bot, terminal)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(platform_settings(tmp_path)) as found:
        yield found


async def test_controls_are_listed_with_numbers(talk: Talk) -> None:
    offered = await talk.ask("/offer")
    assert _listed(offered.offers) == [
        "[1] Say hello  [2] Say something (/echo TEXT…)",
        "Say a number:  [3] One  [4] Two",
    ]
    assert _plain(offered) == (
        "What shall I say?  [1] Say hello  [2] Say something (/echo TEXT…)  Say a number:  [3] One  [4] Two"
    )
    assert _plain(Exchange(Reply("Nothing more."), 0.0)) == "Nothing more."


async def test_json_lists_label_and_command(talk: Talk) -> None:
    offered = await talk.ask("/offer")
    assert _fields(offered, "terminal:mine")["controls"] == [
        {"label": "Say hello", "command": "/echo hello"},
        {"label": "Say something", "command": "/echo", "usage": "/echo TEXT…"},
        {"label": "One", "command": "/echo 1", "menu": "Say a number"},
        {"label": "Two", "command": "/echo 2", "menu": "Say a number"},
    ]
    assert "controls" not in _fields(await talk.ask("/echo x"), "terminal:mine")


@pytest.mark.parametrize(("number", "text"), [("1", "hello"), (" 3 ", "1"), ("4", "2")])
async def test_a_number_says_what_stands_there(talk: Talk, number: str, text: str) -> None:
    await talk.ask("/offer")
    assert await talk.say(number) == text


async def test_a_number_stands_for_the_last_answer_alone(talk: Talk) -> None:
    await talk.ask("/offer")
    await talk.ask("/echo in between")
    before = await talk.say("plainly no command")
    assert await talk.say("1") == before


@pytest.mark.parametrize("line", ["0", "5", "999", "1000", "-1", "1.", "one", "٣"])
async def test_other_lines_are_what_they_are(talk: Talk, line: str) -> None:
    plain = await talk.say(line)
    await talk.ask("/offer")
    assert await talk.say(line) == plain


async def test_a_button_that_asks_shows_what_to_fill_in(talk: Talk) -> None:
    await talk.ask("/offer")
    asked = await talk.ask("2")
    assert (asked.reply.text, asked.begun) == ("Fill in: /echo TEXT…", "/echo ")
    assert await talk.say("1") == "hello", "nothing was said, so the numbers stand"


async def test_numbers_stand_after_a_restart(tmp_path: Path) -> None:
    settings = platform_settings(tmp_path)
    async with talking(settings) as talk:
        await talk.ask("/offer")
    async with talking(settings) as talk:
        assert await talk.say("4") == "2"


async def test_commands_begin_as_the_operator_chose(tmp_path: Path) -> None:
    settings = platform_settings(tmp_path).model_copy(update={"router": RouterSettings(prefix="!")})
    async with talking(settings) as talk:
        offered = await talk.ask("!offer")
        assert [each.command for each in offered.offers] == ["!echo hello", "!echo", "!echo 1", "!echo 2"]
        assert offered.offers[1].usage == "!echo TEXT…"
        assert await talk.say("1") == "hello"


async def test_a_long_menu_is_cut(talk: Talk) -> None:
    menu = Menu("Many", tuple(Choice(f"Line {number}", f"/echo {number}") for number in range(40)))
    assert len(talk.terminal.offers(talk.bot, Reply("", controls=(menu,)))) == 25


async def test_files_of_an_answer_are_saved_where_one_stands_and_none_is_lost(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    exchange = await talk.ask("/parcel ../../notes.de.md")
    assert exchange.reply.text == "Here is ../../notes.de.md."
    assert _saved(exchange.reply.files) == [Path("notes.de.md")]
    assert _saved(exchange.reply.files) == [Path("notes.de-2.md")]
    assert (folder / "notes.de.md").read_text("utf-8") == "the content of ../../notes.de.md 你好"
    assert sorted(each.name for each in folder.iterdir()) == ["notes.de-2.md", "notes.de.md"]
    assert (await talk.ask("/echo hi")).reply.files == ()
