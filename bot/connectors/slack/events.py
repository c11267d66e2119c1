"""From an event of Slack's to the message the core knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bot.connectors.slack.emoji import emoji
from bot.connectors.slack.markup import mentions, named_ids, plain, without_mention
from bot.connectors.slack.names import Names
from bot.connectors.slack.workspaces import Workspace
from bot.message import Attachment, Author, Channel, EventKind, Message

Event: TypeAlias = Mapping[str, Any]

SAID = frozenset({None, "bot_message", "file_share", "me_message", "thread_broadcast"})
REACTIONS = {"reaction_added": EventKind.REACTED, "reaction_removed": EventKind.UNREACTED}


async def read_event(event: Event, workspace: Workspace, names: Names) -> Message | None:
    """The message an event stands for; None for the bot's own and for what is no message of anyone."""
    kind = event.get("type")
    if kind in REACTIONS:
        return _reaction(event, workspace)
    if kind not in ("message", "app_mention"):
        return None
    subtype = event.get("subtype")
    if subtype == "message_changed":
        return await _change(event, workspace, names)
    if subtype == "message_deleted":
        return _deletion(event, workspace, event["deleted_ts"])
    if subtype in SAID:
        return await read_said(event, event["channel"], workspace, names)
    return None


async def read_said(
    said: Event, channel: str, workspace: Workspace, names: Names, kind: EventKind = EventKind.CREATED
) -> Message | None:
    """A message as it is written; None for the bot's own."""
    user, bot = said.get("user"), said.get("bot_id")
    if workspace.wrote(user, bot):
        return None
    written = str(said.get("text") or "")
    text, mentioned = without_mention(written, workspace.bot_user), mentions(written, workspace.bot_user)
    is_direct, person = channel.startswith("D"), str(user or bot or "")
    known = await names.of(workspace, {person, *([] if is_direct else [channel]), *named_ids(text)})
    answers_bot = said.get("parent_user_id") == workspace.bot_user
    thread = said.get("thread_ts")
    return Message(
        key=workspace.key(channel, said["ts"]),
        channel=Channel(
            platform="slack",
            id=f"{workspace.team}.{channel}",
            thread=_thread(said, addressed=is_direct or mentioned),
            is_direct=is_direct,
            name="" if is_direct else known.get(channel, ""),
        ),
        author=Author(
            id=f"{workspace.team}.{person}",
            name=known.get(person) or str(said.get("username") or ""),
            is_bot=bool(bot) or person in ("", "USLACKBOT"),
        ),
        text=plain(text, known) or _fallback(said),
        sent_at=moment(said["ts"]),
        kind=kind,
        mentions_bot=mentioned or answers_bot,
        reply_to=workspace.key(channel, thread) if thread and thread != said["ts"] else None,
        attachments=_attachments(said, workspace),
    )


def moment(ts: object) -> datetime:
    """The moment a ts stands for."""
    return datetime.fromtimestamp(float(str(ts)), UTC)


def _thread(said: Event, *, addressed: bool) -> str | None:
    """The thread a message stands in, or the one it opens; None for one that nobody answers."""
    thread = said.get("thread_ts")
    if thread and thread != said["ts"]:
        return str(thread)
    return str(said["ts"]) if addressed else None


def _fallback(said: Event) -> str:
    """The words of an app's message that has none of its own."""
    attached = said.get("attachments") or ()
    return "\n".join(str(each.get("fallback") or "") for each in attached) if said.get("bot_id") else ""


def _attachments(said: Event, workspace: Workspace) -> tuple[Attachment, ...]:
    spoken = not str(said.get("text") or "").strip()
    files = [each for each in said.get("files") or () if each.get("mode") != "tombstone"]
    return tuple(_attachment(each, workspace, spoken=spoken) for each in files)


def _attachment(file: Event, workspace: Workspace, *, spoken: bool) -> Attachment:
    """Where it lies is asked when it is read: an address in an event is no promise of who owns it."""
    media_type = str(file.get("mimetype") or "application/octet-stream")
    return Attachment(
        id=f"slack:{workspace.team}:{file['id']}",
        name=str(file.get("name") or file.get("title") or file["id"]),
        media_type=media_type,
        size=int(file.get("size") or 0),
        source=f"{workspace.team}.{file['id']}",
        is_voice=file.get("subtype") == "slack_audio" or (spoken and media_type.startswith("audio/")),
    )


async def _change(event: Event, workspace: Workspace, names: Names) -> Message | None:
    """A real edit. A message also changes when a preview or a reply is added: that is none."""
    said, before = event["message"], event.get("previous_message") or {}
    if said.get("subtype") == "tombstone":
        return _deletion(event, workspace, said["ts"])
    edited = said.get("edited")
    if not edited or edited.get("ts") == (before.get("edited") or {}).get("ts"):
        return None
    return await read_edit(said, event["channel"], workspace, names)


async def read_edit(said: Event, channel: str, workspace: Workspace, names: Names) -> Message | None:
    """The edit that made a message what it is; None where there was none."""
    edited = (said.get("edited") or {}).get("ts")
    message = await read_said(said, channel, workspace, names) if edited else None
    if message is None:
        return None
    return Message(
        key=f"{message.key}:edit:{edited}",
        channel=message.channel,
        author=message.author,
        text=message.text,
        sent_at=moment(edited),
        kind=EventKind.EDITED,
        target=message.key,
    )


def _deletion(event: Event, workspace: Workspace, ts: str) -> Message | None:
    before = event.get("previous_message") or {}
    if workspace.wrote(before.get("user"), before.get("bot_id")):
        return None
    channel = event["channel"]
    addressed = channel.startswith("D") or mentions(str(before.get("text") or ""), workspace.bot_user)
    target = workspace.key(channel, ts)
    return Message(
        key=f"{target}:delete",
        channel=Channel(
            "slack",
            f"{workspace.team}.{channel}",
            _thread({**before, "ts": ts}, addressed=addressed),
            is_direct=channel.startswith("D"),
        ),
        author=Author(f"{workspace.team}.{before.get('user') or ''}"),
        text="",
        sent_at=moment(event["event_ts"]),
        kind=EventKind.DELETED,
        target=target,
    )


def _reaction(event: Event, workspace: Workspace) -> Message | None:
    item, user = event.get("item") or {}, event["user"]
    if item.get("type") != "message" or workspace.wrote(user, None):
        return None
    kind = REACTIONS[event["type"]]
    target = workspace.key(item["channel"], item["ts"])
    mark = "react" if kind is EventKind.REACTED else "unreact"
    return Message(
        key=f"{target}:{mark}:{user}:{event['reaction']}:{event['event_ts']}",
        channel=Channel(
            "slack", f"{workspace.team}.{item['channel']}", is_direct=item["channel"].startswith("D")
        ),
        author=Author(f"{workspace.team}.{user}"),
        text=emoji(event["reaction"]),
        sent_at=moment(event["event_ts"]),
        kind=kind,
        target=target,
    )
