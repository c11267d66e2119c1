"""The endpoints of the application itself: who it is, its commands, and where its gateway stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.testing.discord import intents
from bot.testing.discord.api import NO_CONTENT, Call, Denied, invalid
from bot.testing.discord.shapes import user_json
from bot.testing.discord.state import APPLICATION_ID, Json

if TYPE_CHECKING:
    from bot.testing.discord.api import Endpoint

COMMANDS = {1: 100, 2: 15, 3: 15}


async def get_my_user(call: Call) -> tuple[int, Any]:
    """The bot."""
    more = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}
    return 200, user_json(call.world.state.bot) | more


async def get_my_application(call: Call) -> tuple[int, Any]:
    """The application; its flags tell which privileged intents are switched on."""
    state = call.world.state
    flags = intents.flags_of(call.world.gateway.granted_intents)
    return 200, {
        "id": str(APPLICATION_ID),
        "name": state.bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_json(state.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user_json(state.person("owner")),
        "approximate_guild_count": len(state.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
    }


async def get_gateway(call: Call) -> tuple[int, Any]:
    """Where the gateway is."""
    return 200, {"url": "wss://gateway.discord.gg"}


async def get_bot_gateway(call: Call) -> tuple[int, Any]:
    """Where the gateway is, and how many sessions may still be started."""
    limit = dict(call.world.gateway.session_start_limit)
    return 200, {
        "url": "wss://gateway.discord.gg",
        "shards": call.world.gateway.shards,
        "session_start_limit": limit,
    }


async def list_my_guilds(call: Call) -> tuple[int, Any]:
    """The guilds the bot is in."""
    guilds = call.world.state.guilds.values()
    more: Json = {"icon": None, "banner": None, "owner": False, "permissions": "0", "features": []}
    return 200, [{"id": str(each.id), "name": each.name} | more for each in guilds]


async def list_commands(call: Call) -> tuple[int, Any]:
    """The global commands."""
    check_application(call)
    return 200, call.world.state.commands


async def set_commands(call: Call) -> tuple[int, Any]:
    """All global commands at once; one that stays keeps its id."""
    check_application(call)
    _check_commands(call.body)
    known = {(each["type"], each["name"]): each["id"] for each in call.world.state.commands}
    call.world.state.commands[:] = [_command(call, each, known) for each in call.body]
    return 200, call.world.state.commands


async def create_command(call: Call) -> tuple[int, Any]:
    """One global command, in place of one of the same name."""
    check_application(call)
    commands = call.world.state.commands
    known = {(each["type"], each["name"]): each["id"] for each in commands}
    command = _command(call, call.body, known)
    others = [each for each in commands if each["id"] != command["id"]]
    _check_commands([*others, call.body])
    commands[:] = [*others, command]
    return 201 if len(others) == len(known) else 200, command


async def delete_command(call: Call) -> tuple[int, Any]:
    """One global command taken away."""
    check_application(call)
    left = [each for each in call.world.state.commands if each["id"] != call.path["command_id"]]
    if len(left) == len(call.world.state.commands):
        raise Denied(404, 10063, "Unknown application command")
    call.world.state.commands[:] = left
    return NO_CONTENT


def check_application(call: Call) -> None:
    """Refuse to speak for another application."""
    if call.number("application_id") != APPLICATION_ID:
        raise Denied(403, 20012, "You are not authorized to perform this action on this application")


def _check_commands(commands: list[Json]) -> None:
    names = [(each.get("type") or 1, each["name"]) for each in commands]
    if len(set(names)) < len(names):
        raise invalid("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Names must be unique.")
    for kind, most in COMMANDS.items():
        if sum(each[0] == kind for each in names) > most:
            raise Denied(400, 30032, f"Maximum number of application commands reached ({most})")


def _command(call: Call, asked: Json, known: dict[tuple[int, str], str]) -> Json:
    kind = asked.get("type") or 1
    number = known.get((kind, asked["name"])) or str(call.world.state.snowflake())
    given = {key: value for key, value in asked.items() if value is not None}
    return given | {
        "id": number,
        "application_id": str(APPLICATION_ID),
        "version": str(call.world.state.snowflake()),
        "type": kind,
        "description": asked.get("description") or "",
        "default_member_permissions": _text_or_none(asked.get("default_member_permissions")),
        "contexts": asked.get("contexts"),
        "nsfw": bool(asked.get("nsfw")),
    }


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


_COMMANDS = "/applications/{application_id}/commands"

ROUTES: dict[tuple[str, str], Endpoint] = {
    ("GET", "/users/@me"): get_my_user,
    ("GET", "/users/@me/guilds"): list_my_guilds,
    ("GET", "/oauth2/applications/@me"): get_my_application,
    ("GET", "/applications/@me"): get_my_application,
    ("GET", "/gateway"): get_gateway,
    ("GET", "/gateway/bot"): get_bot_gateway,
    ("GET", _COMMANDS): list_commands,
    ("PUT", _COMMANDS): set_commands,
    ("POST", _COMMANDS): create_command,
    ("DELETE", f"{_COMMANDS}/{{command_id}}"): delete_command,
}
