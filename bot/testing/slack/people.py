"""What people do in the fake Slack: write, edit, delete, react, share files, open the app's tabs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

from bot.testing.slack.bodies import callback, deleted_event, mention_event, message_event, snapshot
from bot.testing.slack.delivery import Delivery
from bot.testing.slack.markup import links, rich_text, typed
from bot.testing.slack.state import Json, Place, Posted, StoredFile

OTHER_BOT = "B0THEROTHER"
OTHER_APP = "A0THEROTHER"

VOICES = {
    b"RIFF": ("audio_message.wav", "audio/wav"),
    b"OggS": ("audio_message.ogg", "audio/ogg"),
    b"\x1aE\xdf\xa3": ("audio_message.webm", "audio/webm"),
}


class People(Delivery):
    """The members of the workspaces. What they do is delivered to the bot unless `deliver` is false."""

    def say(
        self,
        channel: str,
        text: str = "",
        *,
        author: str = "ann",
        thread: str | None = None,
        ts: str | None = None,
        files: Sequence[tuple[str, bytes, str]] = (),
        voice: bytes | None = None,
        remote: str | None = None,
        needs_lookup: bool = False,
        is_bot: bool = False,
        mention_bot: bool = False,
        deliver: bool = True,
    ) -> str:
        """Write a message and return its ts; a mention in a channel is delivered twice, as Slack does.

        `files` are (name, content, mimetype). `voice` is a voice clip, which comes without a text. `remote`
        is the address of a file that is kept elsewhere. With `needs_lookup` the message tells a file's id
        alone, as in shared channels, and files.info the rest.
        """
        place = self.places[channel]
        person = self.person(author, team=place.workspace.team_id)
        shared = self._shared(person.id, place, files, voice=voice, remote=remote, needs_lookup=needs_lookup)
        if mention_bot:
            text = f"<@{place.workspace.bot_user_id}> {text}"
        stored = typed(text)
        message = Posted(
            place,
            ts or self.moment(),
            person.id,
            stored,
            thread_ts=thread,
            client_msg_id=None if is_bot else self.identity("client-message-"),
            bot_id=OTHER_BOT if is_bot else None,
            app_id=OTHER_APP if is_bot else None,
            blocks=rich_text(stored, self.identity("block-")) if stored else [],
            files=shared,
        )
        place.keep(message)
        for file in shared:
            file.shares[place.id] = message.ts
        if deliver:
            self._deliver(message)
        return message.ts

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Change what a message says."""
        message = self.message(channel, ts)
        previous = snapshot(self, message)
        message.text = typed(text)
        message.blocks = rich_text(message.text, self.identity("block-"))
        message.edited = {"user": message.user, "ts": self.moment()}
        self.emit_change(message, previous)

    def unfurl(self, channel: str, ts: str) -> None:
        """Add link previews to a message: it changes without having been edited."""
        message = self.message(channel, ts)
        previous = snapshot(self, message)
        message.attachments = [
            {"id": number, "from_url": link, "original_url": link, "fallback": link, "title": "A page"}
            for number, link in enumerate(links(message.text, []), start=1)
        ]
        self.emit_change(message, previous)

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; one with replies leaves a tombstone."""
        self.remove(self.message(channel, ts))

    def remove(self, message: Posted) -> None:
        """Take a message away and tell the bot."""
        place = message.place
        previous = snapshot(self, message)
        if not message.replies:
            place.drop(message.ts)
            if place.member:
                self.emit(place.workspace, deleted_event(self, place, previous))
            return
        message.tombstone = True
        message.text, message.user = "This message was deleted.", "USLACKBOT"
        message.blocks, message.files, message.attachments = [], [], []
        self.emit_change(message, previous)

    def react(self, channel: str, ts: str, name: str, *, author: str = "ann") -> None:
        """Add a reaction to a message."""
        message = self.message(channel, ts)
        self.add_reaction(message, name, user=self.user(author, team=message.place.workspace.team_id))

    def unreact(self, channel: str, ts: str, name: str, *, author: str = "ann") -> None:
        """Take a reaction back."""
        message = self.message(channel, ts)
        self.take_reaction(message, name, user=self.user(author, team=message.place.workspace.team_id))

    def add_reaction(self, message: Posted, name: str, *, user: str) -> None:
        """Keep a reaction and tell the bot."""
        message.reactions.setdefault(name, []).append(user)
        self._emit_reaction("reaction_added", message, name, user=user)

    def take_reaction(self, message: Posted, name: str, *, user: str) -> None:
        """Forget a reaction and tell the bot."""
        message.reactions[name].remove(user)
        if not message.reactions[name]:
            del message.reactions[name]
        self._emit_reaction("reaction_removed", message, name, user=user)

    def open_home(self, author: str = "ann", tab: Literal["home", "messages"] = "home") -> None:
        """Open the app's Home or Messages tab."""
        person = self.person(author)
        event: dict[str, Any] = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": self.dm(person.id),
            "tab": tab,
            "event_ts": self.moment(),
        }
        if tab == "home" and (view := self.homes.get(person.id)):
            event["view"] = view
        self.emit(self.workspace(person.team_id), event)

    def open_messages(self, author: str = "ann", *, looking_at: str | None = None) -> None:
        """Open the Messages tab, or look at a channel beside it: app_context_changed."""
        person = self.person(author)
        if looking_at is None:
            self.open_home(author, "messages")
            return
        seen = {"type": "slack#/types/channel_id", "value": looking_at, "team_id": person.team_id}
        event = {
            "type": "app_context_changed",
            "user": person.id,
            "channel": self.dm(person.id),
            "context": {"entities": [seen]},
            "event_ts": self.moment(),
        }
        self.emit(self.workspace(person.team_id), event)

    def invite_bot(self, channel: str, *, author: str = "ann") -> None:
        """Make the bot a member of a channel."""
        place = self.places[channel]
        place.member = True
        event = {
            "type": "member_joined_channel",
            "user": place.workspace.bot_user_id,
            "channel": place.id,
            "channel_type": "G" if place.kind == "group" else "C",
            "team": place.workspace.team_id,
            "inviter": self.user(author, team=place.workspace.team_id),
            "event_ts": self.moment(),
        }
        self.emit(place.workspace, event)

    def _deliver(self, message: Posted) -> None:
        self.emit_message(message)
        place = message.place
        mentions = f"<@{place.workspace.bot_user_id}>" in message.text
        if mentions and place.member and place.kind != "im":
            self.emit(place.workspace, mention_event(self, message))

    def _emit_reaction(self, kind: str, message: Posted, name: str, *, user: str) -> None:
        place = message.place
        event = {
            "type": kind,
            "user": user,
            "item": {"type": "message", "channel": place.id, "ts": message.ts},
            "reaction": name,
            "item_user": message.user,
            "event_ts": self.moment(),
        }
        if place.member:
            self.emit(place.workspace, event)

    def _shared(
        self,
        user: str,
        place: Place,
        files: Sequence[tuple[str, bytes, str]],
        *,
        voice: bytes | None,
        remote: str | None,
        needs_lookup: bool,
    ) -> list[StoredFile]:
        shared = [self.store_file(user, name, content, mimetype) for name, content, mimetype in files]
        if voice is not None:
            name, mimetype = VOICES.get(voice[:4], ("audio_message.m4a", "audio/mp4"))
            shared.append(self.store_file(user, name, voice, mimetype))
            shared[-1].subtype = "slack_audio"
        if remote is not None:
            shared.append(self.store_file(user, remote.rsplit("/", 1)[-1], b"", "application/octet-stream"))
            shared[-1].remote = remote
        for file in shared:
            file.needs_lookup = needs_lookup
        return shared

    def store_file(self, user: str, name: str, content: bytes, mimetype: str) -> StoredFile:
        """Keep a file, under an id of its own."""
        file = StoredFile(
            self.identity("F"), name, mimetype, content, user, title=name, created=int(time.time())
        )
        self.files[file.id] = file
        return file

    def payload(self, channel: str, ts: str) -> Json:
        """The event callback of a message that is there, as it would be delivered once more."""
        message = self.message(channel, ts)
        return callback(self, message.place.workspace, message_event(self, message))
