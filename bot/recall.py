"""What a skill may read of the message's surroundings: its conversation's history, its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.connector import Connector
from bot.errors import BadInput
from bot.message import Attachment, Message
from bot.router import Decision, Reason
from bot.skills import Said
from storage import HistoryMessage, Role, Store

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Recall:
    """The history a skill may read: the conversation of the message it answers."""

    def __init__(self, store: Store, message: Message, connectors: Mapping[str, Connector]) -> None:
        self._store = store
        self._message = message
        self._connectors = connectors
        self._connector = connectors.get(message.channel.platform)

    async def recent(self, limit: int = 50) -> list[Said]:
        """The last messages before this one, oldest first."""
        key = self._message.channel.conversation
        found = await self._store.history.recent(key, limit=limit + 1)
        return await self._said([each for each in found if each.key != self._message.key][-limit:])

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        """Messages holding all the words, newest first."""
        key = self._message.channel.conversation
        found = await self._store.history.search(words, conversations=[key], limit=limit)
        return await self._said(found)

    async def quoted(self) -> Said | None:
        """The message this one replies to or was called upon; None when there is none or it is unknown."""
        if self._message.reply_to is None:
            return None
        platform = self._message.channel.platform
        key = await self._store.outbox.key_of(platform, self._message.reply_to) or self._message.reply_to
        found = await self._store.history.message(key)
        if found is None or found.deleted or found.conversation.partition("/")[0] != self._place():
            return None
        return (await self._said([found]))[0]

    async def since(self, key: str, limit: int = 500) -> list[Said]:
        """The messages from the one with `key` on, oldest first; of more than `limit`, the last.

        Those of its own conversation; for the message a thread hangs on, those of the thread.
        """
        first = await self._store.history.message(key)
        if first is None or first.conversation.partition("/")[0] != self._place():
            return []
        elsewhere = first.conversation != self._message.channel.conversation
        if elsewhere and self._message.channel.thread and (thread := await self.recent(limit - 1)):
            return [*await self._said([first]), *thread]
        return await self._sent(first.conversation, first.sent_at, END_OF_TIME, limit)

    async def between(self, start: datetime, end: datetime | None = None, limit: int = 500) -> list[Said]:
        """Messages sent from `start` until before `end` (None: until now), oldest first, the last `limit`."""
        return await self._sent(self._message.channel.conversation, start, end or END_OF_TIME, limit)

    async def linked(self, address: str, limit: int = 500) -> list[Said]:
        """What the address of a message leads to: the thread that hangs on it, or the messages from it on.

        Nothing when it is no message of this channel or its threads, or none that is known here.
        """
        key = self._connector.key_at(address) if self._connector else ""
        if not key:
            return []
        first = await self._store.history.message(key)
        if first is not None and first.conversation.partition("/")[0] != self._place():
            return []
        hanging = f"{self._place()}/{key.rpartition(':')[2]}"
        if thread := await self._store.history.recent(hanging, limit=limit):
            opens = first is not None and not first.deleted and first.conversation != hanging
            told = [first, *thread] if first is not None and opens else thread
            return await self._said([each for each in told if each.key != self._message.key][-limit:])
        return await self._sent(first.conversation, first.sent_at, END_OF_TIME, limit) if first else []

    async def last_by_asker(self) -> Said | None:
        """The asker's own last message here before this one; None when there is none."""
        asking = self._message
        found = await self._store.history.last_of(
            asking.channel.conversation, asking.author.id, until=asking.sent_at, besides=asking.key
        )
        return (await self._said([found]))[0] if found else None

    def of_channel(self) -> Recall:
        """The history of the channel that this thread belongs to; outside threads the same history."""
        channel = replace(self._message.channel, thread=None)
        return Recall(self._store, replace(self._message, channel=channel), self._connectors)

    async def last_decision(self) -> Decision | None:
        """How the message before this one was routed; None at the beginning."""
        kept = await self._store.history.conversation(self._message.channel.conversation)
        decisions = [] if kept is None else await self._store.inbox.decisions(kept.id)
        return next((Decision.unpack(each.decision) for each in decisions if each.decision), None)

    def _place(self) -> str:
        """The channel whose members may read what stands here: a thread belongs to its channel."""
        return self._message.channel.conversation.partition("/")[0]

    async def _sent(self, conversation: str, start: datetime, end: datetime, limit: int) -> list[Said]:
        found = await self._store.history.between(conversation, start, end, limit + 1)
        return await self._said([each for each in found if each.key != self._message.key][-limit:])

    async def _said(self, messages: Sequence[HistoryMessage]) -> list[Said]:
        answered = await self._store.history.answered([each.id for each in messages])
        calls = {number for number, decision in answered.items() if _is_call(decision)}
        return [self._as_said(each, to_bot=each.id in calls) for each in messages]

    def _as_said(self, message: HistoryMessage, *, to_bot: bool) -> Said:
        return Said(
            key=message.key,
            author=message.author_name or message.author,
            text=message.text,
            by_bot=message.role is Role.BOT,
            link=self._connector.link(message.conversation, message.key) if self._connector else "",
            reply_to=message.reply_to or "",
            to_bot=to_bot,
            said_at=message.sent_at,
        )


def _is_call(decision: str) -> bool:
    """Whether a message that was answered was meant for the bot: one that was only written down was not."""
    return not decision or Decision.unpack(decision).reason is not Reason.VOICE


class MessageFiles:
    """The files of the message a skill answers: from storage, or from the platform where they stayed."""

    def __init__(self, store: Store, connector: Connector | None, limit: int) -> None:
        self._store = store
        self._connector = connector
        self._limit = limit

    async def read(self, attachment: Attachment) -> bytes:
        """A file's bytes. Raises TooLarge over the limit, BadInput when it is gone."""
        stored = await self._store.history.attachment(attachment.id)
        if stored is not None:
            return stored[2]
        if self._connector is None:
            raise BadInput(f"The file {attachment.name!r} is not there any more.")
        return await self._connector.fetch(attachment, self._limit)
