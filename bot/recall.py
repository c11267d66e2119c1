"""What a skill may read of the message's surroundings: its conversation's history, its files."""

from __future__ import annotations

from collections.abc import Mapping

from bot.connector import Connector
from bot.errors import BadInput
from bot.message import Attachment, Message
from bot.router import Decision
from bot.skills import Said
from storage import HistoryMessage, Role, Store


class Recall:
    """The history a skill may read: the conversation of the message it answers."""

    def __init__(self, store: Store, message: Message, connectors: Mapping[str, Connector]) -> None:
        self._store = store
        self._message = message
        self._connector = connectors.get(message.channel.platform)

    async def recent(self, limit: int = 50) -> list[Said]:
        """The last messages before this one, oldest first."""
        key = self._message.channel.conversation
        found = await self._store.history.recent(key, limit=limit + 1)
        return [self._said(each) for each in found if each.key != self._message.key][-limit:]

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        """Messages holding all the words, newest first."""
        key = self._message.channel.conversation
        found = await self._store.history.search(words, conversations=[key], limit=limit)
        return [self._said(each) for each in found]

    async def quoted(self) -> Said | None:
        """The message this one replies to or was called upon; None when there is none or it is unknown."""
        if self._message.reply_to is None:
            return None
        platform = self._message.channel.platform
        key = await self._store.outbox.key_of(platform, self._message.reply_to) or self._message.reply_to
        found = await self._store.history.message(key)
        if found is None or found.deleted or found.conversation.partition("/")[0] != self._place():
            return None
        return self._said(found)

    async def since(self, key: str, limit: int = 500) -> list[Said]:
        """The messages of this conversation from the one with `key` on, oldest first."""
        first = await self._store.history.message(key)
        if first is None:
            return []
        found = await self._store.history.recent(first.conversation, limit=limit)
        if first.conversation.partition("/")[0] != self._place():
            return []
        return [self._said(each) for each in found if each.id >= first.id and each.key != self._message.key]

    async def last_decision(self) -> Decision | None:
        """How the message before this one was routed; None at the beginning."""
        kept = await self._store.history.conversation(self._message.channel.conversation)
        decisions = [] if kept is None else await self._store.inbox.decisions(kept.id)
        return next((Decision.unpack(each.decision) for each in decisions if each.decision), None)

    def _place(self) -> str:
        """The channel whose members may read what stands here: a thread belongs to its channel."""
        return self._message.channel.conversation.partition("/")[0]

    def _said(self, message: HistoryMessage) -> Said:
        link = self._connector.link(message.conversation, message.key) if self._connector else ""
        author = message.author_name or message.author
        return Said(message.key, author, message.text, message.role is Role.BOT, link)


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
