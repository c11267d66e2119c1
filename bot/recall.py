"""The history a skill may read, and no more."""

from __future__ import annotations

from bot.message import Message
from bot.router import Decision
from bot.skills import Said
from storage import HistoryMessage, Role, Store


class Recall:
    """The history a skill may read: the conversation of the message it answers."""

    def __init__(self, store: Store, message: Message) -> None:
        self._store = store
        self._message = message

    async def recent(self, limit: int = 50) -> list[Said]:
        """The last messages before this one, oldest first."""
        key = self._message.channel.conversation
        found = await self._store.history.recent(key, limit=limit + 1)
        return [_said(each) for each in found if each.key != self._message.key][-limit:]

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        """Messages holding all the words, newest first."""
        key = self._message.channel.conversation
        return [
            _said(each) for each in await self._store.history.search(words, conversations=[key], limit=limit)
        ]

    async def last_decision(self) -> Decision | None:
        """How the message before this one was routed; None at the beginning."""
        kept = await self._store.history.conversation(self._message.channel.conversation)
        decisions = [] if kept is None else await self._store.inbox.decisions(kept.id)
        return next((Decision.unpack(each.decision) for each in decisions if each.decision), None)


def _said(message: HistoryMessage) -> Said:
    return Said(message.key, message.author_name or message.author, message.text, message.role is Role.BOT)
