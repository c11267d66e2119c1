"""Send one part of a reply to where it belongs, shown once however often it is tried."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from bot.connector import Outgoing
from bot.connectors.discord.abuse import Abuse
from bot.connectors.discord.drafts import Drafts
from bot.connectors.discord.events import Self, id_in, key_of, snowflake_at
from bot.connectors.discord.rendering import (
    DRAFT_MARK,
    Rendered,
    is_same,
    nonce_of,
    render,
    render_words,
)
from bot.connectors.discord.rest import Denied, Json, Rest
from bot.connectors.discord.threads import Spot, Threads
from bot.message import Message
from storage import Store

log = logging.getLogger(__name__)

NONCE_SECONDS = 120.0  # Discord remembers a nonce for "a few minutes"
UNKNOWN_MESSAGE, NOT_TO_USER, NO_COMMON_SERVER = 10008, 50007, 50278
DIRECTS_CLOSED = (NOT_TO_USER, NO_COMMON_SERVER)
HISTORY = 100
MOST_KEPT = 10_000
CLOSED_WORDS = (
    "I have an answer for you alone, but you take no direct messages from this server. "
    "Allow them in its privacy settings and ask again."
)
ALONE_WORDS = "*I answered you in a direct message.*"
MESSAGES = "/channels/{channel_id}/messages"


@dataclass(frozen=True, slots=True)
class Asked:
    """The interaction that a message came by; `hidden` when the asker alone sees its answer."""

    token: str
    hidden: bool = False

    @classmethod
    def by(cls, message: Message) -> Asked | None:
        """Read from a message's return address; None when it was simply written."""
        address = json.loads(message.return_address) if message.return_address else {}
        if "token" not in address:
            return None
        return cls(address["token"], address["hidden"])

    def address(self) -> str:
        """The return address to be read again."""
        return json.dumps({"token": self.token, "hidden": self.hidden})


class Posting:
    """Knows every way out. `began` is when this process was the first that could have sent anything."""

    def __init__(
        self,
        *,
        rest: Rest,
        abuse: Abuse,
        threads: Threads,
        drafts: Drafts,
        store: Store,
        me: Self,
        began: float,
    ) -> None:
        self._rest = rest
        self._abuse = abuse
        self._threads = threads
        self._drafts = drafts
        self._store = store
        self._me = me
        self._began = began
        self._first_tried: dict[str, float] = {}
        self._directs: dict[str, str] = {}

    async def send(self, outgoing: Outgoing) -> str:
        """Deliver one part; the key of the message it became."""
        rendered = render(outgoing.reply, outgoing.key)
        shown = await self._answer(outgoing, rendered) if answers_interaction(outgoing) else None
        if shown is None:
            shown = await self._post_somewhere(outgoing, rendered)
        self._first_tried.pop(outgoing.key, None)
        self._drafts.done(outgoing.key)
        return key_of(shown)

    async def show(self, message: Message, key: str, rendered: Rendered, posted: str | None) -> str | None:
        """Show a draft where the answer will stand; the id of its message."""
        asked = Asked.by(message)
        if asked is not None:
            await self._edit_original(asked, rendered)
            return None
        spot = await self._threads.spot(message.channel, message, number=1)
        if posted is not None:
            await self._patch(spot.channel, posted, rendered)
            return posted
        self._note_try(key)
        return str((await self._create(spot, rendered, nonce_of(key)))["id"])

    async def edit_original(self, asked: Asked, words: str) -> None:
        """Put a sentence in place of an interaction's answer."""
        await self._edit_original(asked, render_words(words))

    async def remove(self, channel: str, message: str) -> None:
        """Take one of the bot's messages back."""
        await self._rest.ask("DELETE", f"{MESSAGES}/{{message_id}}", channel_id=channel, message_id=message)

    async def say(self, message: Message, words: str) -> None:
        """Answer a message with a sentence, outside the order of answers."""
        spot = await self._threads.spot(message.channel, message, number=1)
        await self._create(spot, render_words(words), nonce_of(f"{message.key}|said"))

    async def _answer(self, outgoing: Outgoing, rendered: Rendered) -> str | None:
        """By the interaction it was asked by; None when that is over: its token lives 15 minutes."""
        asked = Asked.by(outgoing.message)
        if asked is None:
            return None
        await self._drafts.finish(outgoing.key)
        alone = outgoing.reply.to_asker and not (asked.hidden or outgoing.message.channel.is_direct)
        try:
            shown = await self._edit_original(asked, render_words(ALONE_WORDS) if alone else rendered)
            return None if alone else str(shown["id"])
        except Denied as error:
            if error.status not in (401, 404):
                raise
            log.info("part %s goes as a message of its own: its interaction is over", outgoing.key)
            return None

    async def _edit_original(self, asked: Asked, rendered: Rendered) -> Any:
        path = f"/webhooks/{self._me.application}/{asked.token}/messages/@original"
        return await self._rest.hook("PATCH", path, body=rendered.body(), files=rendered.files)

    async def _post_somewhere(self, outgoing: Outgoing, rendered: Rendered) -> str:
        reply, message = outgoing.reply, outgoing.message
        if reply.to_asker and not reply.to and not message.channel.is_direct:
            return await self._post_privately(outgoing, rendered)
        asked_in = None if reply.to else message
        spot = await self._threads.spot(outgoing.channel, asked_in, number=number_of(outgoing.key))
        try:
            return await self._post(outgoing, spot, rendered)
        except Denied as error:
            asked = None if reply.to else Asked.by(message)
            if error.status != 403 or asked is None:
                raise
            # Not even seen by the bot: only the interaction's own way is left, which knows no nonce.
            return await self._follow_up(asked, rendered)

    async def _follow_up(self, asked: Asked, rendered: Rendered) -> str:
        path = f"/webhooks/{self._me.application}/{asked.token}"
        shown = await self._rest.hook("POST", path, body=rendered.body(), files=rendered.files)
        return str(shown["id"])

    async def _post_privately(self, outgoing: Outgoing, rendered: Rendered) -> str:
        message = outgoing.message
        try:
            direct = await self._direct(message.author.id)
            return await self._post(outgoing, Spot(direct), rendered)
        except Denied as error:
            if error.code not in DIRECTS_CLOSED:
                raise
        spot = await self._threads.spot(message.channel, message, number=1)
        note = await self._create(spot, render_words(CLOSED_WORDS), nonce_of(f"{outgoing.key}|closed"))
        return str(note["id"])

    async def _direct(self, user: str) -> str:
        if user not in self._directs:
            channel = await self._rest.ask("POST", "/users/@me/channels", body={"recipient_id": user})
            if len(self._directs) >= MOST_KEPT:
                self._directs.clear()
            self._directs[user] = str(channel["id"])
        return self._directs[user]

    async def _post(self, outgoing: Outgoing, spot: Spot, rendered: Rendered) -> str:
        draft = await self._drafts.finish(outgoing.key)
        if draft is None and self._may_be_forgotten(outgoing):
            earlier = await self._earlier(outgoing, spot, rendered)
            if earlier is not None and is_same(earlier["content"], rendered):
                return str(earlier["id"])
            draft = None if earlier is None else str(earlier["id"])
        if draft is not None:
            try:
                return await self._patch(spot.channel, draft, rendered)
            except Denied as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
        return await self._post_new(outgoing, spot, rendered)

    async def _post_new(self, outgoing: Outgoing, spot: Spot, rendered: Rendered) -> str:
        self._note_try(outgoing.key)
        nonce = nonce_of(outgoing.key)
        try:
            posted = await self._create(spot, rendered, nonce)
        except Denied as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            return f"gone:{nonce}"  # it was shown, and somebody deleted it
        if not is_same(str(posted.get("content") or ""), rendered):
            return await self._patch(spot.channel, str(posted["id"]), rendered)
        return str(posted["id"])

    async def _create(self, spot: Spot, rendered: Rendered, nonce: str) -> Json:
        self._abuse.check_channel(spot.channel)
        body = rendered.body() | {"nonce": nonce, "enforce_nonce": True}
        if spot.below:
            body["message_reference"] = {"message_id": spot.below, "fail_if_not_exists": False}
        try:
            answer: Json = await self._rest.ask(
                "POST", MESSAGES, body=body, files=rendered.files, channel_id=spot.channel
            )
        except Denied as error:
            if error.status == 403 and error.code not in DIRECTS_CLOSED:
                self._abuse.close(spot.channel)
            raise
        return answer

    async def _patch(self, channel: str, message: str, rendered: Rendered) -> str:
        await self._rest.ask(
            "PATCH",
            f"{MESSAGES}/{{message_id}}",
            body=rendered.body(),
            files=rendered.files,
            channel_id=channel,
            message_id=message,
        )
        return message

    def _note_try(self, key: str) -> None:
        self._first_tried.setdefault(key, time.time())
        if len(self._first_tried) > MOST_KEPT:
            del self._first_tried[next(iter(self._first_tried))]

    def _may_be_forgotten(self, outgoing: Outgoing) -> bool:
        """Whether it may have been sent so long ago that Discord does not know its nonce any more."""
        tried = self._first_tried.get(outgoing.key)
        written = outgoing.written_at.timestamp()
        if tried is None and written < self._began:  # by a process before this one
            tried = written
        return tried is not None and time.time() - tried > NONCE_SECONDS

    async def _earlier(self, outgoing: Outgoing, spot: Spot, rendered: Rendered) -> Json | None:
        """This part, or a draft of it, among the bot's messages since it was asked for."""
        after = id_in(outgoing.message.key) or str(snowflake_at(outgoing.message.sent_at.timestamp()))
        found: list[Json] = await self._rest.ask(
            "GET", MESSAGES, query={"after": after, "limit": HISTORY}, channel_id=spot.channel
        )
        own = [each for each in found if str(each["author"]["id"]) == self._me.user]
        for each in sorted(own, key=lambda message: int(message["id"])):
            fits = is_same(each["content"], rendered) or each["content"].endswith(DRAFT_MARK.strip())
            if fits and await self._is_free(each, outgoing.key):
                return each
        return None

    async def _is_free(self, message: Json, key: str) -> bool:
        """Whether no other part is known to be this message."""
        return await self._store.outbox.key_of("discord", key_of(message["id"])) in (None, key)


def answers_interaction(outgoing: Outgoing) -> bool:
    """Whether a part takes the place that an interaction keeps for its answer."""
    is_first = number_of(outgoing.key) == 1 and not outgoing.reply.to
    return is_first and Asked.by(outgoing.message) is not None


def number_of(key: str) -> int:
    """The number of a part, from its key."""
    number = key.removesuffix("|to").rpartition("|")[2]
    return int(number) if number.isdecimal() else 1
