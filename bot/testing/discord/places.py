"""The endpoints of places: channels, threads, forum posts and direct channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.testing.discord.api import NO_CONTENT, Call, Denied, invalid
from bot.testing.discord.drafts import draft
from bot.testing.discord.messages import check_open
from bot.testing.discord.shapes import (
    channel_json,
    guild_json,
    member_json,
    post_json,
    thread_member_json,
    user_json,
)
from bot.testing.discord.state import Channel, Guild, Kind, User

if TYPE_CHECKING:
    from bot.testing.discord.api import Endpoint

NAME_CHARACTERS = 100
# What of a guild the gateway alone tells.
OF_GATEWAY = {
    "channels",
    "threads",
    "members",
    "member_count",
    "presences",
    "voice_states",
    "joined_at",
    "large",
    "unavailable",
    "stage_instances",
    "guild_scheduled_events",
    "soundboard_sounds",
}


async def get_channel(call: Call) -> tuple[int, Any]:
    """One channel or thread."""
    return 200, channel_json(call.channel, call.world.state)


async def update_channel(call: Call) -> tuple[int, Any]:
    """A new name, or a thread put away or brought back."""
    channel, body = call.channel, call.body or {}
    channel.name = body.get("name") or channel.name
    if channel.is_thread:
        archived = body.get("archived", channel.archived)
        call.world.archive(channel, archived=archived, locked=body.get("locked", channel.locked))
    return 200, channel_json(channel, call.world.state)


async def create_thread_from_message(call: Call) -> tuple[int, Any]:
    """A thread that grows from a message; it has the message's id."""
    post = call.post
    check_open(call.channel)
    if post.thread_id is not None:
        raise Denied(400, 160004, "A thread has already been created for this message")
    if call.channel.kind is not Kind.TEXT:
        raise Denied(400, 50024, "Cannot execute action on this channel type")
    thread = call.world.grow(post, _name(call), call.world.state.bot)
    return 201, channel_json(thread, call.world.state)


async def create_thread(call: Call) -> tuple[int, Any]:
    """A thread of its own, or a forum post with its first message."""
    channel, world = call.channel, call.world
    if channel.kind is not Kind.FORUM:
        check_open(channel)
        return 201, channel_json(world.thread(channel, _name(call), world.state.bot), world.state)
    if channel.refuses is not None:
        raise Denied(403, 50013, "Missing Permissions")
    number = world.state.snowflake()
    post = draft(call, number, call.body["message"] | {"message_reference": None})
    post.id = number
    thread = world.thread(channel, _name(call), world.state.bot, number=number)
    world.created += 1
    world.publish(post)
    return 201, channel_json(thread, world.state) | {"message": post_json(post, world.state)}


def _name(call: Call) -> str:
    name = (call.body or {}).get("name") or ""
    if len(name) not in range(1, NAME_CHARACTERS + 1):
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {NAME_CHARACTERS} in length.")
    return str(name)


async def join_thread(call: Call) -> tuple[int, Any]:
    """The bot joins; it sees public threads anyway."""
    if not call.channel.is_thread:
        raise Denied(400, 50024, "Cannot execute action on this channel type")
    call.channel.joined = True
    return NO_CONTENT


async def list_active_threads(call: Call) -> tuple[int, Any]:
    """A guild's threads that are not put away."""
    places = call.world.state.of_guild(_guild(call).id)
    return 200, _threads(call, [each for each in places if each.is_thread and not each.archived])


async def list_archived_threads(call: Call) -> tuple[int, Any]:
    """A channel's threads that are put away."""
    guild_id = call.channel.guild_id
    places = [] if guild_id is None else call.world.state.of_guild(guild_id)
    found = [each for each in places if each.parent_id == call.channel.id and each.archived]
    return 200, _threads(call, found)


def _threads(call: Call, threads: list[Channel]) -> dict[str, Any]:
    state = call.world.state
    members = [thread_member_json(each, state.bot) for each in threads]
    shown = [channel_json(each, state) for each in threads]
    return {"threads": shown, "members": members, "has_more": False}


async def create_dm(call: Call) -> tuple[int, Any]:
    """The direct channel with somebody."""
    person = call.world.state.users.get(int(call.body["recipient_id"]))
    if person is None or person is call.world.state.bot:
        raise Denied(400, 50033, "Invalid Recipient(s)")
    return 200, channel_json(call.world.state.direct(person), call.world.state)


async def get_user(call: Call) -> tuple[int, Any]:
    """Somebody."""
    return 200, user_json(_user(call, 10013, "Unknown User"))


def _user(call: Call, code: int, message: str) -> User:
    user = call.world.state.users.get(call.number("user_id"))
    if user is None:
        raise Denied(404, code, message)
    return user


async def get_guild(call: Call) -> tuple[int, Any]:
    """One guild."""
    shape = guild_json(_guild(call), call.world.state)
    return 200, {key: value for key, value in shape.items() if key not in OF_GATEWAY}


async def list_guild_channels(call: Call) -> tuple[int, Any]:
    """A guild's channels."""
    places = call.world.state.of_guild(_guild(call).id)
    return 200, [channel_json(each, call.world.state) for each in places if not each.is_thread]


async def get_guild_member(call: Call) -> tuple[int, Any]:
    """Somebody in a guild."""
    return 200, member_json(_user(call, 10007, "Unknown Member"), _guild(call).id)


def _guild(call: Call) -> Guild:
    guild = call.world.state.guilds.get(call.number("guild_id"))
    if guild is None:
        raise Denied(404, 10004, "Unknown Guild")
    return guild


_CHANNEL = "/channels/{channel_id}"

ROUTES: dict[tuple[str, str], Endpoint] = {
    ("GET", _CHANNEL): get_channel,
    ("PATCH", _CHANNEL): update_channel,
    ("POST", f"{_CHANNEL}/messages/{{message_id}}/threads"): create_thread_from_message,
    ("POST", f"{_CHANNEL}/threads"): create_thread,
    ("PUT", f"{_CHANNEL}/thread-members/@me"): join_thread,
    ("GET", f"{_CHANNEL}/threads/archived/public"): list_archived_threads,
    ("GET", "/guilds/{guild_id}/threads/active"): list_active_threads,
    ("POST", "/users/@me/channels"): create_dm,
    ("GET", "/users/{user_id}"): get_user,
    ("GET", "/guilds/{guild_id}"): get_guild,
    ("GET", "/guilds/{guild_id}/channels"): list_guild_channels,
    ("GET", "/guilds/{guild_id}/members/{user_id}"): get_guild_member,
}
