"""What the fake Discord remembers, in the shapes Discord sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.testing.discord.state import (
    APPLICATION_ID,
    Channel,
    File,
    Flag,
    Guild,
    Json,
    Kind,
    Post,
    State,
    User,
)

JOINED_AT = datetime(2024, 1, 1, tzinfo=UTC)
CDN = "https://cdn.discordapp.com"
# View, send, read history, attach, embed, react, mention everyone, threads, commands, voice messages.
PERMISSIONS = str(
    1 << 6 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 31 | 1 << 34 | 1 << 35
    | 1 << 36 | 1 << 38 | 1 << 46
)  # fmt: skip
SENDING = str(1 << 11 | 1 << 38)
VIEWING = str(1 << 10)


def timestamp(moment: datetime) -> str:
    """A moment as Discord writes it."""
    return moment.isoformat(timespec="microseconds")


def user_json(user: User) -> Json:
    """A person or a bot."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.is_bot else user.name,
        "avatar": None,
        "discriminator": "0000" if user.is_bot else "0",
        "public_flags": 0,
        "flags": 0,
        "bot": user.is_bot,
        "primary_guild": None,
    }


def partial_member_json(user: User, guild_id: int) -> Json:
    """Somebody's membership, without saying whose."""
    return {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": timestamp(JOINED_AT),
        "nick": None,
        "pending": False,
        "premium_since": None,
        "roles": [str(guild_id + 1)] if user.is_bot else [],
        "mute": False,
        "deaf": False,
    }


def member_json(user: User, guild_id: int) -> Json:
    """Somebody's membership in a guild."""
    return partial_member_json(user, guild_id) | {"user": user_json(user)}


def role_json(role_id: int, name: str, *, managed: bool = False) -> Json:
    """A role that may do what the bot needs."""
    colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    role = {
        "id": str(role_id),
        "name": name,
        "description": None,
        "permissions": PERMISSIONS,
        "position": int(managed),
        "color": 0,
        "colors": colors,
        "hoist": False,
        "managed": managed,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    return role | ({"tags": {"bot_id": str(APPLICATION_ID)}} if managed else {})


def guild_json(guild: Guild, state: State) -> Json:
    """A guild as GUILD_CREATE tells it, with channels, threads and the bot's own member."""
    places = state.of_guild(guild.id)
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": str(guild.owner.id),
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role_json(guild.id, "@everyone"), role_json(guild.id + 1, "parley", managed=True)],
        "emojis": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw": False,
        "nsfw_level": 0,
        "safety_alerts_channel_id": None,
        "stickers": [],
        "joined_at": timestamp(JOINED_AT),
        "large": False,
        "unavailable": False,
        "member_count": len(state.users),
        "voice_states": [],
        "members": [member_json(state.bot, guild.id), member_json(guild.owner, guild.id)],
        "channels": [channel_json(each, state) for each in places if not each.is_thread],
        "threads": [channel_json(each, state) for each in places if each.is_thread and not each.archived],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def channel_json(channel: Channel, state: State) -> Json:
    """A channel, a thread or a direct channel."""
    shape: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "last_message_id": None if channel.last_message_id is None else str(channel.last_message_id),
    }
    if channel.recipient is not None:
        return shape | {"recipients": [user_json(channel.recipient)]}
    shape |= {"guild_id": str(channel.guild_id), "name": channel.name, "rate_limit_per_user": 0}
    if channel.is_thread:
        return shape | _thread_part(channel, state)
    return shape | _channel_part(channel, state)


def _thread_part(channel: Channel, state: State) -> Json:
    created = Post(channel.id, channel.id, state.bot).created_at
    others = channel.joined and channel.owner_id != state.bot.id
    member = {"member": thread_member_json(channel, state.bot)} if channel.joined else {}
    return member | {
        "parent_id": str(channel.parent_id),
        "owner_id": str(channel.owner_id),
        "thread_metadata": {
            "archived": channel.archived,
            "archive_timestamp": timestamp(created),
            "auto_archive_duration": 1440,
            "locked": channel.locked,
            "create_timestamp": timestamp(created),
        },
        "message_count": channel.count,
        "member_count": 1 + others,
        "total_message_sent": channel.count,
        "applied_tags": [],
    }


def thread_member_json(channel: Channel, user: User) -> Json:
    """Somebody's place in a thread."""
    joined = Post(channel.id, channel.id, user).created_at
    return {
        "id": str(channel.id),
        "user_id": str(user.id),
        "join_timestamp": timestamp(joined),
        "flags": 0,
    }


def _channel_part(channel: Channel, state: State) -> Json:
    part: Json = {
        "parent_id": None,
        "position": 0,
        "topic": None,
        "nsfw": False,
        "permission_overwrites": _overwrites(channel, state),
    }
    if channel.kind is Kind.VOICE:
        part |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    if channel.kind is Kind.FORUM:
        part |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
        part |= {"default_forum_layout": 0}
    return part


def _overwrites(channel: Channel, state: State) -> list[Json]:
    if channel.refuses is None:
        return []
    denied = VIEWING if channel.refuses == 50001 else SENDING
    return [{"id": str(state.bot.id), "type": 1, "allow": "0", "deny": denied}]


def file_json(file: File, channel_id: int) -> Json:
    """An attachment, with the address of its bytes."""
    url = f"{CDN}/attachments/{channel_id}/{file.id}/{file.name}?ex=7fffffff&is=60000000&hm=00"
    return {
        "id": str(file.id),
        "filename": file.name,
        "size": len(file.content),
        "url": url,
        "proxy_url": url.replace(CDN, "https://media.discordapp.net"),
        "content_type": file.media_type,
    } | file.extra


def post_json(post: Post, state: State, *, nested: bool = False) -> Json:
    """A message as history shows it; a nested one does not show what it refers to."""
    shape: Json = {
        "id": str(post.id),
        "channel_id": str(post.channel_id),
        "type": int(post.kind),
        "author": user_json(post.author),
        "content": post.content,
        "timestamp": timestamp(post.created_at),
        "edited_timestamp": None if post.edited_at is None else timestamp(post.edited_at),
        "tts": False,
        "mention_everyone": "everyone" in post.pinged or "here" in post.pinged,
        "mentions": [user_json(each) for each in post.mentions],
        "mention_roles": [each.removeprefix("role:") for each in post.pinged if each.startswith("role:")],
        "attachments": [file_json(each, post.channel_id) for each in post.files],
        "embeds": [] if post.flags & Flag.SUPPRESS_EMBEDS else post.embeds,
        "components": post.components,
        "pinned": False,
        "flags": post.flags,
    }
    if post.reactions:
        shape["reactions"] = [_reaction(emoji, ids, state) for emoji, ids in post.reactions.items()]
    if post.interaction is not None:
        shape |= {"application_id": str(APPLICATION_ID), "webhook_id": str(APPLICATION_ID)}
        shape["interaction_metadata"] = post.interaction
    if post.thread_id in state.channels:
        shape["thread"] = channel_json(state.channels[post.thread_id], state)
    return shape if post.reference is None else shape | _reference_part(post, state, nested)


def _reference_part(post: Post, state: State, nested: bool) -> Json:
    reference = post.reference or {}
    if nested or "message_id" not in reference:
        return {"message_reference": reference}
    try:
        target = state.post(int(reference["message_id"]))
    except LookupError:
        return {"message_reference": reference, "referenced_message": None}
    return {"message_reference": reference, "referenced_message": post_json(target, state, nested=True)}


def _reaction(emoji: str, people: list[int], state: State) -> Json:
    return {
        "emoji": emoji_json(emoji),
        "count": len(people),
        "count_details": {"burst": 0, "normal": len(people)},
        "burst_colors": [],
        "me_burst": False,
        "me": state.bot.id in people,
        "burst_me": False,
        "burst_count": 0,
    }


def emoji_json(emoji: str) -> dict[str, Any]:
    """A reaction's emoji: one of Unicode's, or a guild's own written `name:id`."""
    name, _, number = emoji.partition(":")
    return {"id": number or None, "name": name}
