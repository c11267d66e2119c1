"""What happened on Discord, as the bot's own messages. Payloads come as the gateway and REST tell them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.connectors.discord.places import FORUM, MEDIA, Place, Places
from bot.connectors.discord.rest import Json
from bot.message import Attachment, Author, Channel, EventKind, Message, now

PLATFORM = "discord"
EPOCH_MILLISECONDS = 1_420_070_400_000
WRITTEN, REPLY = 0, 19
FORWARDED = 1
VOICE = 1 << 13
STARTS_THREAD = json.dumps({"start": True})
USER, ROLE, PLACE_MENTION = re.compile(r"<@!?(\d+)>"), re.compile(r"<@&(\d+)>"), re.compile(r"<#(\d+)>")
EMOJI = re.compile(r"<a?(:\w+:)\d+>")


@dataclass(slots=True)
class Self:
    """Who the bot is: its user, its application, and the roles that Discord made for it, one per guild."""

    user: str
    application: str
    roles: dict[str, str] = field(default_factory=dict)

    def is_named_in(self, payload: Json) -> bool:
        """Whether a message mentions the bot or its role, or replies to it."""
        if any(str(each["id"]) == self.user for each in payload.get("mentions") or ()):
            return True
        if any(str(each) in self.roles.values() for each in payload.get("mention_roles") or ()):
            return True
        replied = payload.get("referenced_message") or {}
        is_reply = payload.get("type") == REPLY
        return bool(is_reply and str((replied.get("author") or {}).get("id")) == self.user)


class Reading:
    """Turns payloads into messages; None for what is nothing to the bot."""

    def __init__(self, me: Self, places: Places, *, in_threads: bool, prefix: str, content: bool) -> None:
        self._me = me
        self._places = places
        self._in_threads = in_threads
        self._prefix = prefix
        self._content = content

    async def message(self, payload: Json, kind: EventKind = EventKind.CREATED) -> Message | None:
        """A message somebody wrote. Raises RetryLater or Uncertain when its place cannot be asked for."""
        author = payload["author"]
        if str(author["id"]) == self._me.user or payload.get("type", WRITTEN) not in (WRITTEN, REPLY):
            return None
        place = await self._place(payload)
        addressed = self._me.is_named_in(payload)
        files = _files(payload)
        text = self._text(payload, place)
        if not (text or files or addressed or place is None or self._content):
            return None
        is_bot = bool(author.get("bot")) or "webhook_id" in payload
        begins = self._begins_thread(place, addressed=addressed and not is_bot)
        return Message(
            key=key_of(payload["id"]),
            channel=_channel(payload, place, thread=str(payload["id"]) if begins else None),
            author=Author(str(author["id"]), _name(payload), is_bot),
            text=text,
            sent_at=datetime.fromisoformat(payload["timestamp"]),
            kind=kind,
            mentions_bot=addressed,
            reply_to=_replied(payload),
            attachments=files,
            return_address=STARTS_THREAD if begins else "",
        )

    async def edit(self, payload: Json) -> Message | None:
        """A message's new text; previews that Discord adds are no edits."""
        edited = payload.get("edited_timestamp")
        if not edited or "author" not in payload or "content" not in payload:
            return None
        message = await self.message(payload, EventKind.EDITED)
        if message is None:
            return None
        return Message(
            key=f"{message.key}:edit:{edited}",
            channel=message.channel,
            author=message.author,
            text=message.text,
            sent_at=datetime.fromisoformat(edited),
            kind=EventKind.EDITED,
            mentions_bot=message.mentions_bot,
            target=message.key,
        )

    async def deletion(self, payload: Json, message_id: str) -> Message:
        """A message is gone; Discord does not say whose it was."""
        key = key_of(message_id)
        channel = _channel(payload, await self._place(payload))
        return Message(f"{key}:delete", channel, Author(""), "", now(), EventKind.DELETED, target=key)

    async def reaction(self, payload: Json, kind: EventKind, mark: str) -> Message | None:
        """A reaction that came or went. `mark` tells a second one from the same told twice."""
        user = str(payload["user_id"])
        if user == self._me.user:
            return None
        emoji = payload["emoji"]
        name = str(emoji.get("name") or "")
        shown = f":{name}:" if emoji.get("id") else name
        target = key_of(payload["message_id"])
        verb = "react" if kind is EventKind.REACTED else "unreact"
        member = payload.get("member") or {}
        return Message(
            key=f"{target}:{verb}:{user}:{emoji.get('id') or name}:{mark}",
            channel=_channel(payload, await self._place(payload)),
            author=Author(user, _name(payload), bool((member.get("user") or {}).get("bot"))),
            text=shown,
            sent_at=now(),
            kind=kind,
            target=target,
        )

    async def _place(self, payload: Json) -> Place | None:
        """Where it happened; None in direct messages."""
        guild = payload.get("guild_id")
        return None if guild is None else await self._places.find(str(payload["channel_id"]), str(guild))

    def _begins_thread(self, place: Place | None, *, addressed: bool) -> bool:
        return self._in_threads and addressed and place is not None and place.can_thread

    def _text(self, payload: Json, place: Place | None) -> str:
        text = self._readable(_content(payload), payload, place)
        if place is None or not self._opens_post(payload, place) or text.startswith(self._prefix):
            return text
        return f"{place.name}\n\n{text}".strip()

    def _opens_post(self, payload: Json, place: Place) -> bool:
        parent = self._places.known(place.parent)
        in_forum = parent is not None and parent.kind in (FORUM, MEDIA)
        return in_forum and str(payload["id"]) == place.id

    def _readable(self, text: str, payload: Json, place: Place | None) -> str:
        """Text with names in place of numbers, without a mention of the bot at its ends."""
        if "<" not in text:
            return text
        own = [f"<@!?{self._me.user}>"]
        if place is not None and (role := self._me.roles.get(place.guild)):
            own.append(f"<@&{role}>")
        mention = "|".join(own)
        text = re.sub(rf"^(?:\s*(?:{mention})[\s,:]*)+|(?:\s*(?:{mention}))+\s*$", "", text)
        people = {str(each["id"]): _user_name(each) for each in payload.get("mentions") or ()}
        text = USER.sub(lambda found: _named("@", people.get(found[1]), found), text)
        text = PLACE_MENTION.sub(lambda found: _named("#", self._place_name(found[1]), found), text)
        return EMOJI.sub(r"\1", ROLE.sub("@role", text))

    def _place_name(self, channel: str) -> str | None:
        place = self._places.known(channel)
        return place.name if place else None


def key_of(message_id: object) -> str:
    """The key of a message or an interaction."""
    return f"{PLATFORM}:{message_id}"


def id_in(key: str) -> str:
    """The id in the key of a message or an interaction; empty for keys of other kinds."""
    platform, _, number = key.partition(":")
    return number if platform == PLATFORM and number.isdecimal() else ""


def moment_of(snowflake: str) -> float:
    """When an id was made, in seconds since 1970."""
    return ((int(snowflake) >> 22) + EPOCH_MILLISECONDS) / 1000


def snowflake_at(moment: float) -> int:
    """The least id that can have been made at a moment, in seconds since 1970."""
    return max(0, int(moment * 1000) - EPOCH_MILLISECONDS) << 22


def channel_of_interaction(payload: Json, places: Places) -> Channel:
    """Where something was asked: interactions carry their channel."""
    channel = payload.get("channel") or {"id": payload["channel_id"]}
    if "guild_id" not in payload:
        return Channel(PLATFORM, str(channel["id"]), is_direct=True)
    known = places.known(str(channel["id"]))
    place = known or places.learn(channel, str(payload["guild_id"]))
    return _channel({"channel_id": place.id}, place)


def author_of_interaction(payload: Json) -> Author:
    """Who asked."""
    user = (payload.get("member") or {}).get("user") or payload["user"]
    return Author(str(user["id"]), _name(payload | {"author": user}))


def sent_at(snowflake: str) -> datetime:
    """When an id was made."""
    return datetime.fromtimestamp(moment_of(snowflake), UTC)


def _channel(payload: Mapping[str, object], place: Place | None, thread: str | None = None) -> Channel:
    number = str(payload["channel_id"])
    if place is None:
        return Channel(PLATFORM, number, is_direct=True)
    if place.is_thread and place.parent:
        return Channel(PLATFORM, place.parent, place.id, name=place.name)
    return Channel(PLATFORM, number, thread, name=place.name)


def _content(payload: Json) -> str:
    """What was written, or what was forwarded."""
    text = str(payload.get("content") or "")
    forwarded = [str(each.get("content") or "") for each in _snapshots(payload)]
    return "\n\n".join(each for each in (text, *forwarded) if each)


def _snapshots(payload: Json) -> list[Json]:
    return [each.get("message") or {} for each in payload.get("message_snapshots") or ()]


def _files(payload: Json) -> tuple[Attachment, ...]:
    found = [(payload, each) for each in payload.get("attachments") or ()]
    found += [(shot, each) for shot in _snapshots(payload) for each in shot.get("attachments") or ()]
    place = f"{payload['channel_id']}/{payload['id']}"
    return tuple(
        Attachment(
            id=f"{PLATFORM}:{each['id']}",
            name=str(each.get("filename") or "file"),
            media_type=str(each.get("content_type") or "application/octet-stream").partition(";")[0],
            size=int(each.get("size") or 0),
            source=f"{place} {each['url']}",
            is_voice=bool(int(holder.get("flags") or 0) & VOICE),
        )
        for holder, each in found
    )


def _replied(payload: Json) -> str | None:
    reference = payload.get("message_reference") or {}
    is_reply = payload.get("type") == REPLY and reference.get("type", 0) != FORWARDED
    return key_of(reference["message_id"]) if is_reply and reference.get("message_id") else None


def _name(payload: Json) -> str:
    member = payload.get("member") or {}
    user = payload.get("author") or member.get("user") or {}
    return str(member.get("nick") or _user_name(user))


def _user_name(user: Json) -> str:
    member = user.get("member") or {}
    return str(member.get("nick") or user.get("global_name") or user.get("username") or "")


def _named(sign: str, name: str | None, found: re.Match[str]) -> str:
    return f"{sign}{name}" if name else found[0]
