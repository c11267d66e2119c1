"""Files come from Discord's own hosts alone, within limits, and never with the bot's token."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.app import Bot
from bot.connectors.discord import files
from bot.errors import BadInput, TooLarge
from bot.message import Attachment
from bot.testing.discord import FakeDiscord
from tests.bot.connectors.discord.conftest import finished, observed

CDN = "https://cdn.discordapp.com"


async def sent(bot: Bot, discord: FakeDiscord, content: bytes) -> Attachment:
    where = discord.dm("ann")
    number = discord.say(where, "/echo file", files=[("a.txt", content, "text/plain; charset=utf-8")])
    await finished(bot, f"discord:{number}")
    [file] = next(each for each in observed() if each.key == f"discord:{number}").attachments
    return file


async def test_a_file_is_fetched_without_the_token(bot: Bot, discord: FakeDiscord) -> None:
    file = await sent(bot, discord, b"content")
    assert (file.name, file.media_type, file.size) == ("a.txt", "text/plain", 7)
    seen = []
    session = bot.connectors["discord"]._term.rest.session  # type: ignore[attr-defined]
    get = session.get

    def watched(*arguments: object, **options: object) -> object:
        seen.append(options.get("headers"))
        return get(*arguments, **options)

    session.get = watched
    assert await bot.connectors["discord"].fetch(file, 100) == b"content"
    assert seen == [None]
    assert "Authorization" not in session.headers


async def test_an_expired_address_is_renewed(bot: Bot, discord: FakeDiscord) -> None:
    file = await sent(bot, discord, b"content")
    discord.fail_next("GET", "^/attachments/", 404, "gone")
    assert await bot.connectors["discord"].fetch(file, 100) == b"content"
    discord.fail_next("GET", "^/attachments/", 404, "gone", times=2)
    with pytest.raises(BadInput, match="not there any more"):
        await bot.connectors["discord"].fetch(file, 100)


async def test_a_file_whose_message_is_gone_is_gone(bot: Bot, discord: FakeDiscord) -> None:
    file = await sent(bot, discord, b"content")
    discord.delete(int(file.source.partition(" ")[0].rpartition("/")[2]))
    discord.fail_next("GET", "^/attachments/", 404, "gone")
    with pytest.raises(BadInput, match="not there any more"):
        await bot.connectors["discord"].fetch(file, 100)


async def test_a_large_file_is_refused_before_and_while_it_comes(bot: Bot, discord: FakeDiscord) -> None:
    file = await sent(bot, discord, b"x" * 1000)
    requests = len(discord.requests)
    with pytest.raises(TooLarge):
        await bot.connectors["discord"].fetch(file, 999)
    assert len(discord.requests) == requests

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    discord.fail_next("GET", "^/attachments/", 200, endless)
    with pytest.raises(TooLarge):
        await bot.connectors["discord"].fetch(file, 2_000_000)


async def test_a_dripping_file_is_given_up(
    bot: Bot, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await sent(bot, discord, b"content")
    monkeypatch.setattr(files, "FETCH_SECONDS", 0.3)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    discord.fail_next("GET", "^/attachments/", 200, drip)
    with pytest.raises(BadInput, match="takes too long"):
        await bot.connectors["discord"].fetch(file, 2_000_000)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/file",
        "http://cdn.discordapp.com/file",
        "https://cdn.discordapp.com.evil.example/file",
        "https://cdn.discordapp.com@evil.example/file",
        "https://cdn.discordapp.com:8443/file",
        "file:///etc/passwd",
    ],
)
async def test_a_file_elsewhere_is_not_fetched(bot: Bot, discord: FakeDiscord, address: str) -> None:
    file = Attachment("discord:1", "a.txt", "text/plain", 1, f"1/2 {address}")
    requests = len(discord.requests)
    with pytest.raises(BadInput, match="does not stand at Discord"):
        await bot.connectors["discord"].fetch(file, 100)
    assert len(discord.requests) == requests


async def test_a_redirect_is_not_followed(bot: Bot, discord: FakeDiscord) -> None:
    file = await sent(bot, discord, b"content")
    discord.fail_next("GET", "^/attachments/", 302, "", {"Location": "https://evil.example/"})
    with pytest.raises(BadInput, match="could not be fetched"):
        await bot.connectors["discord"].fetch(file, 100)
