"""Posts the parts of replies, each once as far as Slack lets one know."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePath
from typing import Any

from bot.connector import Outgoing
from bot.connectors.slack.drafts import Drafts
from bot.connectors.slack.markup import escaped
from bot.connectors.slack.parts import PART_CHARACTERS
from bot.connectors.slack.places import Place
from bot.connectors.slack.rendering import Rendered, render
from bot.connectors.slack.responses import ResponseUrls
from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import Refused, RetryLater, Uncertain
from bot.message import Message, ReplyFile

log = logging.getLogger(__name__)

EVENT_TYPE = "parley_part"
CLOCKS_APART = 300.0  # how far Slack's clock and this one may be from each other
PAGE, PAGES = 200, 10
LONGEST_PAUSE = 60.0
SILENT: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none"}
NOT_THERE = frozenset({"channel_not_found", "not_in_channel", "user_not_in_channel", "restricted_action"})
UNREADABLE = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})


class Poster:
    """The way out to all workspaces."""

    def __init__(self, workspaces: Workspaces, drafts: Drafts, responses: ResponseUrls) -> None:
        self._workspaces = workspaces
        self._drafts = drafts
        self._responses = responses

    async def send(self, outgoing: Outgoing) -> str:
        """Post one part and return the key its message has here."""
        place = Place.of(outgoing.channel)
        workspace = self._workspaces.require(place.team)
        if outgoing.reply.files:
            place = await self._place_for_file(outgoing, place, workspace)
            return await self._share_file(outgoing, place, workspace, outgoing.reply.files[0])
        if _is_for_one(outgoing):
            return await self._whisper(outgoing, place, workspace)
        if len(outgoing.reply.text) > PART_CHARACTERS:
            whole = ReplyFile("answer.md", "text/markdown", outgoing.reply.text.encode())
            return await self._share_file(outgoing, place, workspace, whole)
        rendered = render(outgoing.reply, outgoing.key, feedback=_asks_feedback(outgoing))
        if draft := await self._drafts.finish(outgoing.key):
            return await self._replace(outgoing.key, rendered, workspace, draft.channel, draft.ts)
        return await self._post(outgoing, place, workspace, rendered)

    async def find(self, outgoing: Outgoing) -> str | None:
        """The key of the message that shows this part, or None; asks until Slack's history answers."""
        place = Place.of(outgoing.channel)
        workspace = self._workspaces.require(place.team)
        pause = 1.0
        while True:
            try:
                return await self._look_up(outgoing, place, workspace)
            except Refused as error:
                log.info("part %s cannot be looked up: %s", outgoing.key, error)
                return None
            except (RetryLater, Uncertain) as error:
                log.info("part %s is looked up again: %s", outgoing.key, error)
                await asyncio.sleep(min(max(pause, getattr(error, "seconds", 0.0)), LONGEST_PAUSE))
                pause *= 2

    async def tell(self, message: Message, text: str) -> None:
        """Tell the writer of a message something, alone; nothing is promised."""
        place = Place.of(message.channel)
        workspace = self._workspaces.require(place.team)
        await self._to_one(message, place, workspace, {"text": escaped(text)})

    async def _post(self, outgoing: Outgoing, place: Place, workspace: Workspace, rendered: Rendered) -> str:
        """Where the bot may not write, an answer finds its way by the address its question came with."""
        address = "" if outgoing.reply.to else self._responses.of(outgoing.message)
        try:
            return await self._post_message(outgoing.key, place, workspace, rendered)
        except Refused as error:
            if not address or str(error) not in NOT_THERE:
                raise
        await self._responses.post(address, _body(rendered), visible=True)
        return _unseen(outgoing.key, place)

    async def _post_message(self, key: str, place: Place, workspace: Workspace, rendered: Rendered) -> str:
        arguments = {"channel": place.channel, **SILENT, "metadata": _metadata(key)}
        if place.thread is not None:
            arguments["thread_ts"] = place.thread
        posted = await _readable(workspace, "chat.postMessage", rendered, arguments)
        return workspace.key(str(posted.get("channel") or place.channel), str(posted["ts"]))

    async def _replace(
        self, key: str, rendered: Rendered, workspace: Workspace, channel: str, ts: str
    ) -> str:
        """Make a draft the answer. Doing it twice shows the same."""
        arguments = {"channel": channel, "ts": ts, "metadata": _metadata(key)}
        await _readable(
            workspace, "chat.update", rendered, arguments | {"parse": "none", "link_names": False}
        )
        await self._drafts.done(key)
        return workspace.key(channel, ts)

    async def _whisper(self, outgoing: Outgoing, place: Place, workspace: Workspace) -> str:
        rendered = render(outgoing.reply, outgoing.key)
        ts = await self._to_one(outgoing.message, place, workspace, _body(rendered))
        return workspace.key(place.channel, ts) if ts else _unseen(outgoing.key, place)

    async def _to_one(
        self, message: Message, place: Place, workspace: Workspace, body: dict[str, Any]
    ) -> str:
        """Say something to the asker alone: by the question's address, in the channel, or in private."""
        user = message.author.id.partition(".")[2]
        if address := self._responses.of(message):
            try:
                await self._responses.post(address, body)
            except Refused as error:
                log.info("event %s: %s", message.key, error)
            else:
                return ""
        try:
            thread = {"thread_ts": place.thread} if place.thread and not _opened(message) else {}
            said = {"channel": place.channel, "user": user, **body, **thread}
            posted = await workspace.api.call("chat.postEphemeral", **said, link_names=False, parse="none")
            return str(posted.get("message_ts") or "")
        except Refused as error:
            if str(error) not in NOT_THERE:
                raise
        channel = await _directly(workspace, user)
        posted = await workspace.api.call("chat.postMessage", channel=channel, **body, **SILENT)
        return str(posted["ts"])

    async def _place_for_file(self, outgoing: Outgoing, place: Place, workspace: Workspace) -> Place:
        """Where a file goes: one for the asker alone into the direct messages, for files are seen by all."""
        if not _is_for_one(outgoing):
            return place
        user = outgoing.message.author.id.partition(".")[2]
        return Place(place.team, await _directly(workspace, user))

    async def _share_file(
        self, outgoing: Outgoing, place: Place, workspace: Workspace, file: ReplyFile
    ) -> str:
        """A file; its name carries a mark, so that it is found again, its title does not."""
        sharing = {
            "filename": _file_name(file.name, outgoing.key),
            "title": file.name,
            "content": file.content,
            "channel": place.channel,
            "thread_ts": place.thread,
        }
        await workspace.api.call_now("files_upload_v2", **sharing)
        try:
            found = await self._look_up(outgoing, place, workspace)
        except (Refused, RetryLater, Uncertain):
            found = None
        return found or _unseen(outgoing.key, place)

    async def _look_up(self, outgoing: Outgoing, place: Place, workspace: Workspace) -> str | None:
        if outgoing.reply.files:
            place = await self._place_for_file(outgoing, place, workspace)
        elif _is_for_one(outgoing):
            return None  # what one person sees, no history keeps
        names = {_file_name(each.name, outgoing.key) for each in outgoing.reply.files}
        names.add(_file_name("answer.md", outgoing.key))
        since = (outgoing.tried_at or outgoing.written_at).timestamp() - CLOCKS_APART
        async for said in _history(place, workspace, since):
            metadata = said.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            is_it = metadata.get("event_type") == EVENT_TYPE and payload.get("k") == outgoing.key
            if is_it or any(file.get("name") in names for file in said.get("files") or ()):
                return workspace.key(place.channel, str(said["ts"]))
        return None


async def _history(place: Place, workspace: Workspace, since: float) -> AsyncIterator[Mapping[str, Any]]:
    """The messages of a place from a moment on, at most some pages."""
    arguments: dict[str, Any] = {
        "channel": place.channel,
        "oldest": f"{since:.6f}",
        "limit": PAGE,
        "include_all_metadata": True,
    }
    method = "conversations.history" if place.thread is None else "conversations.replies"
    if place.thread is not None:
        arguments["ts"] = place.thread
    for _ in range(PAGES):
        page = await workspace.api.call(method, **arguments)
        for each in page.get("messages") or ():
            yield each
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
        arguments["cursor"] = cursor


async def _readable(
    workspace: Workspace, method: str, rendered: Rendered, arguments: dict[str, Any]
) -> Mapping[str, Any]:
    """Post with blocks; where Slack will not take these, the text alone."""
    try:
        return await workspace.api.call(method, **arguments, **_body(rendered))
    except Refused as error:
        if str(error) not in UNREADABLE:
            raise
        log.warning("Slack takes the blocks of an answer not: %s; its text is posted alone", error)
    return await workspace.api.call(method, **arguments, text=rendered.text)


def _body(rendered: Rendered) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": list(rendered.blocks)}


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"k": key}}


def _asks_feedback(outgoing: Outgoing) -> bool:
    """Under the first part of a skill's answer that the history keeps."""
    return bool(outgoing.reply.skill) and outgoing.key.endswith("|1") and not outgoing.reply.to


def _opened(message: Message) -> bool:
    """Whether a message is not in a thread yet: a word to its writer alone would not be seen in there."""
    return message.key.endswith(f":{message.channel.thread}")


def _file_name(name: str, key: str) -> str:
    path = PurePath(name)
    return f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}{path.suffix}"


def _is_for_one(outgoing: Outgoing) -> bool:
    """Whether the asker alone may see it, where others are."""
    return outgoing.reply.to_asker and not outgoing.channel.is_direct and not outgoing.reply.to


async def _directly(workspace: Workspace, user: str) -> str:
    """The channel of direct messages with somebody."""
    opened = await workspace.api.call("conversations.open", users=user)
    return str((opened.get("channel") or {})["id"])


def _unseen(key: str, place: Place) -> str:
    """A key for what has no message of its own that could be read again."""
    return f"slack:{place.team}:{place.channel}:part-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
