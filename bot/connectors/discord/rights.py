"""What the bot may do in a guild and in a channel, worked out from what REST tells of both.

The order of overwrites is Discord's: everyone's, then all of its roles' together, then its own.
"""

from __future__ import annotations

from typing import Any

from bot.connectors.discord.permissions import PERMISSIONS

ADMINISTRATOR = 1 << 3
VIEW = 1 << 10
EVERYTHING = (1 << 64) - 1


def guild_rights(guild: dict[str, Any], member: dict[str, Any]) -> int:
    """The bits the bot's roles give it in a guild."""
    if guild["owner_id"] == member["user"]["id"]:
        return EVERYTHING
    held = {guild["id"], *member["roles"]}
    bits = 0
    for role in guild["roles"]:
        if role["id"] in held:
            bits |= int(role["permissions"])
    return EVERYTHING if bits & ADMINISTRATOR else bits


def channel_rights(bits: int, channel: dict[str, Any], guild: dict[str, Any], member: dict[str, Any]) -> int:
    """The bits left in a channel; none where the bot cannot see it."""
    if bits == EVERYTHING:
        return bits
    overwrites = {each["id"]: each for each in channel.get("permission_overwrites") or ()}
    for group in ([guild["id"]], member["roles"], [member["user"]["id"]]):
        found = [overwrites[each] for each in group if each in overwrites]
        denied = allowed = 0
        for each in found:
            denied |= int(each["deny"])
            allowed |= int(each["allow"])
        bits = bits & ~denied | allowed
    return bits if bits & VIEW else 0


def missing(bits: int) -> list[str]:
    """The permissions the bot needs and lacks, under the names Discord shows."""
    return [name for name, bit in PERMISSIONS.items() if not bits & bit]
