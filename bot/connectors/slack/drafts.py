"""Answers that appear while they are written, as Slack's streams. The finished answer replaces them."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass

from bot.connectors.slack.markup import escaped
from bot.connectors.slack.places import Place
from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import DeliveryError, Refused, RetryLater, SignInRefused
from bot.message import Message
from storage.notes import Notes

log = logging.getLogger(__name__)

APART_SECONDS = 1.0
LONGEST = 10_000
STALE_SECONDS = 1800.0
CLOCKS_APART = 60.0


@dataclass(slots=True)
class Draft:
    """A stream that is open. `shown` is what people see of it, None where that is not known.

    Without `ts` it is not known either whether it began, at `grown_at` on the clock, in `thread`.
    """

    team: str
    channel: str
    ts: str
    shown: str | None
    grown_at: float = 0.0
    thread: str = ""


class Drafts:
    """The open streams, by the key of the part they will become; their places outlive the process."""

    def __init__(self, workspaces: Workspaces, notes: Notes, area: str) -> None:
        self._workspaces = workspaces
        self._notes = notes
        self._area = f"{area}:drafts"
        self._open: dict[str, Draft] = {}
        self._refused: set[str] = set()

    async def recall(self) -> None:
        """Take over the streams that the process before left open; what is too old is closed."""
        for key, value in (await self._notes.read(self._area)).items():
            begun, team, channel, ts, *thread = json.loads(value)
            self._open[key] = Draft(team, channel, ts, None, begun, *thread)
            if time.time() - begun > STALE_SECONDS:
                await self.finish(key)
                await self.done(key)

    async def show(self, message: Message, text: str, key: str) -> None:
        """Let the draft grow, as often as Slack's limits let it; what does not fit comes with the answer."""
        place = Place.of(message.channel)
        workspace = self._workspaces.get(place.team)
        if workspace is None or place.thread is None or place.team in self._refused:
            return
        draft, safe = self._open.get(key), escaped(text)[:LONGEST]
        if draft is None:
            if workspace.api.free("chat.startStream"):
                await self._begin(message, place, safe, key)
        elif draft.shown is not None and safe.startswith(draft.shown) and safe != draft.shown:
            late = time.monotonic() - draft.grown_at >= APART_SECONDS
            if late and workspace.api.free("chat.appendStream"):
                await self._grow(draft, safe)

    async def finish(self, key: str) -> Draft | None:
        """Close the stream of a part, if there is one; where it stands, so that the answer replaces it."""
        draft = self._open.get(key)
        if draft is None or (workspace := self._workspaces.get(draft.team)) is None:
            return None
        if not draft.ts and not await self._found(draft, workspace):
            await self.done(key)
            return None
        try:
            await workspace.api.call("chat.stopStream", channel=draft.channel, ts=draft.ts)
        except Refused as error:
            log.info("the draft of part %s was closed before: %s", key, error)
        return draft

    async def done(self, key: str) -> None:
        """Forget the stream of a part: the answer stands in its place."""
        if self._open.pop(key, None) is not None:
            await self._notes.write(self._area, {key: None})

    async def drop(self, event: str) -> None:
        """Take back the drafts of an event that nobody wants an answer to any more."""
        for key in [each for each in self._open if each.startswith(f"{event}|")]:
            if draft := await self.finish(key):
                workspace = self._workspaces.require(draft.team)
                await workspace.api.call("chat.delete", channel=draft.channel, ts=draft.ts)
            await self.done(key)

    async def _begin(self, message: Message, place: Place, text: str, key: str) -> None:
        """Noted before Slack is asked: after a crash meanwhile it is looked for, and replaced."""
        workspace = self._workspaces.require(place.team)
        await self._note(key, Draft(place.team, place.channel, "", None, time.time(), str(place.thread)))
        try:
            begun = await workspace.api.call_now(
                "chat.startStream",
                channel=place.channel,
                thread_ts=place.thread,
                recipient_team_id=place.team,
                recipient_user_id=message.author.id.partition(".")[2],
                chunks=_chunks(text),
            )
        except Refused as error:
            log.info("workspace %s shows no drafts: %s", place.team, error)
            self._refused.add(place.team)
            await self.done(key)
            return
        except (RetryLater, SignInRefused):
            await self.done(key)
            raise
        channel, ts = str(begun.get("channel") or place.channel), str(begun["ts"])
        await self._note(key, Draft(place.team, channel, ts, text, time.monotonic(), str(place.thread)))

    async def _note(self, key: str, draft: Draft) -> None:
        self._open[key] = draft
        kept = [time.time(), draft.team, draft.channel, draft.ts, draft.thread]
        await self._notes.write(self._area, {key: json.dumps(kept)})

    async def _found(self, draft: Draft, workspace: Workspace) -> bool:
        """Look for a stream of which Slack did not say whether it began: ours, in the thread, no answer."""
        found = await workspace.api.call(
            "conversations.replies",
            channel=draft.channel,
            ts=draft.thread,
            oldest=f"{draft.grown_at - CLOCKS_APART:.6f}",
            include_all_metadata=True,
        )
        known = {each.ts for each in self._open.values()}
        for each in found.get("messages") or ():
            ours = workspace.wrote(each.get("user"), each.get("bot_id")) and each["ts"] != draft.thread
            if ours and not each.get("metadata") and each["ts"] not in known:
                draft.ts = str(each["ts"])
        return bool(draft.ts)

    async def _grow(self, draft: Draft, text: str) -> None:
        workspace = self._workspaces.require(draft.team)
        more, draft.grown_at = text[len(draft.shown or "") :], time.monotonic()
        try:
            await workspace.api.call_now(
                "chat.appendStream", channel=draft.channel, ts=draft.ts, chunks=_chunks(more)
            )
        except DeliveryError:
            draft.shown = None  # what people see is not known any more
            raise
        draft.shown = text


def _chunks(text: str) -> list[dict[str, str]]:
    return [{"type": "markdown_text", "text": text}]
