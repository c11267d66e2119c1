"""The endpoints of messages: history, posts, edits, deletions, reactions and typing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from bot.testing.discord.api import NO_CONTENT, Call, Denied, invalid
from bot.testing.discord.drafts import draft, revise
from bot.testing.discord.shapes import post_json
from bot.testing.discord.state import Channel, Flag, Kind, Post

if TYPE_CHECKING:
    from bot.testing.discord.api import Endpoint

HISTORY = 100
REFUSALS = {50001: "Missing Access", 50007: "Cannot send messages to this user", 50013: "Missing Permissions"}


async def create_message(call: Call) -> tuple[int, Any]:
    """A message of the bot; with a nonce used lately in the channel, the message it made then."""
    channel = call.channel
    check_open(channel)
    if not isinstance(call.body, dict):
        raise Denied(400, 50006, "Cannot send an empty message")
    if (earlier := _earlier(call, channel)) is not None:
        return 200, _answered(call, earlier)
    post = draft(call, channel.id, call.body)
    post.flags &= ~int(Flag.EPHEMERAL)
    if post.nonce is not None:
        channel.nonces[str(post.nonce)] = (time.monotonic(), post.id)
    call.world.created += 1
    call.world.publish(post)
    return 200, _answered(call, post)


def check_open(channel: Channel) -> None:
    """Refuse what cannot be written to. Raises Denied."""
    if channel.refuses is not None:
        raise Denied(403, channel.refuses, REFUSALS.get(channel.refuses, "Missing Permissions"))
    if channel.locked:
        raise Denied(400, 50083, "Thread is archived")
    if channel.kind is Kind.FORUM:
        raise Denied(400, 50008, "Cannot send messages in a non-text channel")


def _earlier(call: Call, channel: Channel) -> Post | None:
    nonce = call.body.get("nonce")
    if nonce is None or not call.body.get("enforce_nonce"):
        return None
    moment, post_id = channel.nonces.get(str(nonce), (0.0, 0))
    if not post_id or time.monotonic() - moment > call.world.nonce_seconds:
        return None
    if post_id not in channel.posts:
        raise Denied(404, 10008, "Unknown Message")
    return channel.posts[post_id]


def _answered(call: Call, post: Post) -> Any:
    shape = post_json(post, call.world.state)
    return shape if post.nonce is None else shape | {"nonce": post.nonce}


async def list_messages(call: Call) -> tuple[int, Any]:
    """History, newest first."""
    limit = int(call.query.get("limit", 50))
    if limit not in range(1, HISTORY + 1):
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    marks = {name: int(call.query[name]) for name in ("before", "after", "around") if name in call.query}
    return 200, [post_json(each, call.world.state) for each in call.channel.history(limit, **marks)]


async def get_message(call: Call) -> tuple[int, Any]:
    """One message."""
    return 200, post_json(call.post, call.world.state)


async def update_message(call: Call) -> tuple[int, Any]:
    """An edit of the bot's own message."""
    post = call.post
    if post.author is not call.world.state.bot:
        raise Denied(403, 50005, "Cannot edit a message authored by another user")
    check_open(call.channel)
    revise(call, post, call.body or {})
    call.world.rewrite(post)
    return 200, post_json(post, call.world.state)


async def delete_message(call: Call) -> tuple[int, Any]:
    """A deletion."""
    call.world.delete(call.post)
    return NO_CONTENT


async def add_my_reaction(call: Call) -> tuple[int, Any]:
    """A reaction of the bot."""
    check_open(call.channel)
    call.world.react(call.post, call.path["emoji_name"], call.world.state.bot)
    return NO_CONTENT


async def delete_my_reaction(call: Call) -> tuple[int, Any]:
    """A reaction of the bot taken back."""
    call.world.unreact(call.post, call.path["emoji_name"], call.world.state.bot)
    return NO_CONTENT


async def delete_user_reaction(call: Call) -> tuple[int, Any]:
    """Somebody's reaction taken away."""
    user = call.world.state.users.get(call.number("user_id"))
    if user is None:
        raise Denied(404, 10013, "Unknown User")
    call.world.unreact(call.post, call.path["emoji_name"], user)
    return NO_CONTENT


async def trigger_typing(call: Call) -> tuple[int, Any]:
    """The bot is seen typing."""
    check_open(call.channel)
    call.world.typing.append((call.channel.id, asyncio.get_running_loop().time()))
    return NO_CONTENT


_MESSAGES = "/channels/{channel_id}/messages"
_REACTION = f"{_MESSAGES}/{{message_id}}/reactions/{{emoji_name}}"

ROUTES: dict[tuple[str, str], Endpoint] = {
    ("GET", _MESSAGES): list_messages,
    ("POST", _MESSAGES): create_message,
    ("GET", f"{_MESSAGES}/{{message_id}}"): get_message,
    ("PATCH", f"{_MESSAGES}/{{message_id}}"): update_message,
    ("DELETE", f"{_MESSAGES}/{{message_id}}"): delete_message,
    ("PUT", f"{_REACTION}/@me"): add_my_reaction,
    ("DELETE", f"{_REACTION}/@me"): delete_my_reaction,
    ("DELETE", f"{_REACTION}/{{user_id}}"): delete_user_reaction,
    ("POST", "/channels/{channel_id}/typing"): trigger_typing,
}
