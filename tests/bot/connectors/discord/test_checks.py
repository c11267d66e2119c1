"""What `parley doctor` finds on a Discord in each state, and what it says to click."""

import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
from pydantic import SecretStr

from bot.connectors.discord import checks
from bot.connectors.discord.permissions import PERMISSIONS, invite_link
from bot.connectors.discord.rights import EVERYTHING, channel_rights, guild_rights, missing
from bot.connectors.findings import Finding, State
from bot.settings import DiscordSettings, Settings
from bot.testing.discord import FakeDiscord, shapes


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord().serving() as fake:
        yield fake


async def examine(fake: FakeDiscord, **settings: object) -> dict[str, Finding]:
    """The findings by what they are about; the gravest where there are several."""
    chosen = DiscordSettings(**({"token": SecretStr(fake.token)} | settings))  # type: ignore[arg-type]
    found: dict[str, Finding] = {}
    async for each in checks.check_discord(Settings(discord=chosen), connector=fake.connector()):
        assert fake.token not in f"{each.words}{each.advice}"
        if each.what not in found or each.state is State.FAILURE:
            found[each.what] = each
    return found


async def test_all_is_well(discord: FakeDiscord) -> None:
    discord.commands.append({"name": "ask"})
    found = await examine(discord)
    assert {each.state for each in found.values()} == {State.OK}
    assert "parley" in found["Discord token"].words
    assert "1000 of 1000" in found["Discord session starts"].words


async def test_wrong_token_ends_the_check_with_where_to_reset_it(discord: FakeDiscord) -> None:
    found = await examine(discord, token=SecretStr("wrong.token.here"))
    assert list(found) == ["Discord token"]
    assert found["Discord token"].state is State.FAILURE
    assert "Reset Token" in found["Discord token"].advice
    assert "PARLEY_DISCORD__TOKEN" in found["Discord token"].advice
    assert "wrong.token" not in str(found)


async def test_missing_intent_says_where_to_switch_it_on(discord: FakeDiscord) -> None:
    discord.grant_intents(0)
    finding = (await examine(discord))["Discord message content intent"]
    assert finding.state is State.FAILURE
    assert f"{discord.application_id}/bot" in finding.advice
    assert "Message Content Intent" in finding.advice


async def test_intent_that_is_not_asked_for_is_not_missed(discord: FakeDiscord) -> None:
    discord.grant_intents(0)
    found = await examine(discord, message_content=False)
    assert found["Discord message content intent"].state is State.OK


async def test_role_without_a_permission_names_it_and_the_link(
    discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = int(shapes.PERMISSIONS) & ~PERMISSIONS["Attach Files"] & ~PERMISSIONS["Add Reactions"]
    monkeypatch.setattr(shapes, "PERMISSIONS", str(left))
    finding = (await examine(discord))["Discord server Test guild"]
    assert finding.state is State.FAILURE
    assert "lacks Attach Files, Add Reactions." in finding.words
    assert invite_link(discord.application_id) in finding.advice


async def test_channel_that_takes_a_permission_away_is_named(discord: FakeDiscord) -> None:
    discord.forbid(discord.add_channel("rules"))
    finding = (await examine(discord))["Discord server Test guild, #rules"]
    assert finding.state is State.WARNING
    assert "Send Messages, Send Messages in Threads" in finding.words
    assert "Edit Channel, Permissions" in finding.advice


async def test_channels_that_cannot_be_seen_are_named_together(discord: FakeDiscord) -> None:
    for number in range(10):
        hidden = discord.add_channel(f"secret-{number}")
        discord.world.state.channels[hidden].refuses = 50001
    found = [
        each
        async for each in checks.check_discord(
            Settings(discord=DiscordSettings(token=SecretStr(discord.token))), connector=discord.connector()
        )
        if "cannot see" in each.words
    ]
    assert len(found) == 1
    assert "#secret-0" in found[0].words
    assert "and 2 more" in found[0].words


async def test_bot_without_a_server_gets_its_invite_link(discord: FakeDiscord) -> None:
    discord.world.state.guilds.clear()
    finding = (await examine(discord))["Discord servers"]
    assert finding.state is State.WARNING
    assert invite_link(discord.application_id) in finding.advice


@pytest.mark.parametrize(("left", "state"), [(49, State.WARNING), (0, State.FAILURE), (50, State.OK)])
async def test_few_session_starts_are_told(discord: FakeDiscord, left: int, state: State) -> None:
    discord.session_start_limit["remaining"] = left
    assert (await examine(discord))["Discord session starts"].state is state


async def test_clock_that_is_off_is_a_failure(discord: FakeDiscord) -> None:
    body = {"id": str(discord.bot_id), "username": "parley"}
    late = {"Date": formatdate(time.time() + 300, usegmt=True), "Content-Type": "application/json"}
    discord.fail_next("GET", "/users/@me$", 200, body, late)
    finding = (await examine(discord))["Discord clock"]
    assert finding.state is State.FAILURE
    assert "behind" in finding.words
    assert "NTP" in finding.advice


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("interactions_endpoint_url", "https://example.org/", "Discord interactions"),
        ("bot_require_code_grant", True, "Discord invite"),
    ],
)
async def test_settings_that_shut_the_bot_out_are_told(
    discord: FakeDiscord, field: str, value: object, what: str
) -> None:
    application = {"id": str(discord.application_id), "flags": 1 << 19, field: value}
    discord.fail_next("GET", "/oauth2/applications/@me$", 200, application)
    finding = (await examine(discord))[what]
    assert finding.state is State.FAILURE
    assert "Save Changes" in finding.advice


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_discord_in_trouble_is_told_as_such(discord: FakeDiscord, status: int) -> None:
    discord.fail_next("GET", "/users/@me$", status, "<html>busy</html>")
    finding = (await examine(discord))["Discord"]
    assert str(status) in finding.words
    assert "html" not in finding.words


async def test_answer_that_cannot_be_read_is_told(discord: FakeDiscord) -> None:
    discord.fail_next("GET", "/gateway/bot$", 200, "no json")
    found = await examine(discord)
    assert found["Discord token"].state is State.OK
    assert "cannot be read" in found["Discord"].words


async def test_unreachable_discord_is_told(discord: FakeDiscord) -> None:
    discord.lose_next("GET", "/users/@me$", times=5)
    finding = (await examine(discord))["Discord"]
    assert finding.state is State.FAILURE
    assert "cannot be reached" in finding.words
    assert "firewall" in finding.advice


async def test_guild_that_cannot_be_read_hides_no_other(discord: FakeDiscord) -> None:
    discord.add_guild("Second")
    discord.fail_next("GET", f"/guilds/{discord.guild_id}$", 500)
    found = await examine(discord)
    assert "500" in found["Discord server Test guild"].words
    assert found["Discord server Second"].state is State.OK


async def test_network_lost_half_way_is_told_once(discord: FakeDiscord) -> None:
    discord.add_guild("Second")
    discord.lose_next("GET", "/guilds/", times=99)
    found = await examine(discord)
    assert "cannot be reached" in found["Discord"].words
    assert not [what for what in found if what.startswith("Discord server ")]


async def test_discord_that_does_not_answer_ends_after_a_while(
    discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "REQUEST_SECONDS", 0.2)

    async def trickle() -> AsyncIterator[bytes]:
        import asyncio

        await asyncio.sleep(2)
        yield b"{}"

    discord.fail_next("GET", "/users/@me$", 200, trickle)
    assert "no answer within 0.2 s" in (await examine(discord))["Discord"].words


# --- rights ---

VIEW, SEND = PERMISSIONS["View Channels"], PERMISSIONS["Send Messages"]
MEMBER = {"user": {"id": "7"}, "roles": ["2"]}
GUILD = {
    "id": "1",
    "owner_id": "9",
    "roles": [{"id": "1", "permissions": str(VIEW)}, {"id": "2", "permissions": str(SEND)}],
}


def overwrite(whose: str, *, allow: int = 0, deny: int = 0) -> dict[str, str]:
    return {"id": whose, "allow": str(allow), "deny": str(deny)}


def test_roles_add_up() -> None:
    assert guild_rights(GUILD, MEMBER) == VIEW | SEND


def test_owner_and_administrator_may_everything() -> None:
    assert guild_rights(GUILD | {"owner_id": "7"}, MEMBER) == EVERYTHING
    roles = [*GUILD["roles"], {"id": "3", "permissions": str(1 << 3)}]  # type: ignore[misc]
    assert guild_rights(GUILD | {"roles": roles}, MEMBER | {"roles": ["3"]}) == EVERYTHING
    assert missing(EVERYTHING) == []


@pytest.mark.parametrize(
    ("overwrites", "left"),
    [
        ([], VIEW | SEND),
        ([overwrite("1", deny=VIEW)], 0),
        ([overwrite("1", deny=SEND), overwrite("2", allow=SEND)], VIEW | SEND),
        ([overwrite("2", deny=SEND), overwrite("7", allow=SEND)], VIEW | SEND),
        ([overwrite("7", deny=SEND), overwrite("2", allow=SEND)], VIEW),
        ([overwrite("3", deny=SEND)], VIEW | SEND),
    ],
)
def test_overwrites_apply_in_discords_order(overwrites: list[dict[str, str]], left: int) -> None:
    channel = {"permission_overwrites": overwrites}
    assert channel_rights(VIEW | SEND, channel, GUILD, MEMBER) == left


def test_invite_link_asks_for_every_permission() -> None:
    link = invite_link(42)
    assert "client_id=42" in link
    assert f"permissions={sum(PERMISSIONS.values())}" in link
    assert "scope=bot+applications.commands" in link
