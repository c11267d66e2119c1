"""Which gateway events a session asked for, and what a message holds without the content intent."""

from __future__ import annotations

from bot.testing.discord.state import Json

GUILD_MEMBERS = 1 << 1
PRESENCES = 1 << 8
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | PRESENCES | MESSAGE_CONTENT
HIDDEN: Json = {"content": "", "attachments": [], "embeds": [], "components": []}

# An event's own intent in guilds and in direct messages; what is not listed always comes.
_WANTED = {
    "MESSAGE_CREATE": (1 << 9, 1 << 12),
    "MESSAGE_UPDATE": (1 << 9, 1 << 12),
    "MESSAGE_DELETE": (1 << 9, 1 << 12),
    "MESSAGE_REACTION_ADD": (1 << 10, 1 << 13),
    "MESSAGE_REACTION_REMOVE": (1 << 10, 1 << 13),
    "TYPING_START": (1 << 11, 1 << 14),
    "GUILD_CREATE": (1 << 0, 0),
    "CHANNEL_CREATE": (1 << 0, 0),
    "CHANNEL_UPDATE": (1 << 0, 0),
    "THREAD_CREATE": (1 << 0, 0),
    "THREAD_UPDATE": (1 << 0, 0),
}


def wants(intents: int, event: str, *, direct: bool) -> bool:
    """Whether a session with these intents gets the event."""
    needed = _WANTED.get(event)
    return needed is None or bool(intents & needed[direct])


def visible(body: Json, intents: int, bot_id: int) -> Json:
    """A message's body as these intents show it: content is always shown in what is for or by the bot."""
    if intents & MESSAGE_CONTENT or "content" not in body or "guild_id" not in body:
        return body
    is_for_bot = any(int(each["id"]) == bot_id for each in body["mentions"])
    return body if is_for_bot or int(body["author"]["id"]) == bot_id else body | HIDDEN


def flags_of(granted: int) -> int:
    """An application's flags that tell which privileged intents its owner switched on."""
    pairs = ((GUILD_MEMBERS, 1 << 15), (PRESENCES, 1 << 13), (MESSAGE_CONTENT, 1 << 19))
    return sum(flag for intent, flag in pairs if granted & intent)
