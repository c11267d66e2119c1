"""The history: what was said in a conversation, found again and exported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from storage.dialects import Dialect
from storage.reader import Reader
from storage.records import Conversation, HistoryMessage, InboxState, Role
from storage.segmentation import phrases
from storage.tables import AnyRow, attachments, authors, conversations, inbox, messages

EXPORT_PAGE = 500
_NEWEST = 2**63 - 1

_message = (
    select(
        messages.c.id,
        messages.c.key,
        conversations.c.key.label("conversation"),
        messages.c.role,
        authors.c.author,
        authors.c.name,
        messages.c.text,
        messages.c.sent_at,
        messages.c.revision,
        messages.c.edited_at,
        messages.c.deleted,
        messages.c.packed,
        messages.c.reply_to,
    )
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .join(authors, authors.c.id == messages.c.author_id, isouter=True)
)
_of_conversation = messages.c.conversation_id == bindparam("conversation_id")
_recent = (
    _message.where(_of_conversation, messages.c.id < bindparam("before"), ~messages.c.deleted)
    .order_by(messages.c.id.desc())
    .limit(bindparam("count"))
)
_between = (
    _message.where(
        _of_conversation,
        messages.c.sent_at >= bindparam("start"),
        messages.c.sent_at < bindparam("end"),
        ~messages.c.deleted,
    )
    .order_by(messages.c.sent_at.desc(), messages.c.id.desc())
    .limit(bindparam("count"))
)
_last_of = (
    _message.where(
        _of_conversation,
        authors.c.author == bindparam("author"),
        messages.c.sent_at <= bindparam("until"),
        messages.c.key != bindparam("besides"),
        ~messages.c.deleted,
    )
    .order_by(messages.c.sent_at.desc(), messages.c.id.desc())
    .limit(1)
)
_answered = select(inbox.c.message_id, inbox.c.decision).where(
    inbox.c.message_id.in_(bindparam("ids", expanding=True)), inbox.c.state == InboxState.ANSWERED
)
_since = (
    _message.where(_of_conversation, messages.c.revision > bindparam("revision"))
    .order_by(messages.c.revision)
    .limit(bindparam("count"))
)
_by_ids = _message.where(messages.c.id.in_(bindparam("ids", expanding=True)), ~messages.c.deleted).order_by(
    messages.c.id.desc()
)
_by_key = _message.where(messages.c.key == bindparam("key"))
_page = (
    _message.where(messages.c.id > bindparam("after"), ~messages.c.deleted)
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
_page_of_some = _page.where(messages.c.conversation_id.in_(bindparam("conversation_ids", expanding=True)))
_conversation_ids = select(conversations.c.id).where(
    conversations.c.key.in_(bindparam("keys", expanding=True))
)
_files = (
    select(
        attachments.c.message_id,
        attachments.c.id,
        attachments.c.name,
        attachments.c.media_type,
        attachments.c.size,
    )
    .where(attachments.c.message_id.in_(bindparam("ids", expanding=True)))
    .order_by(attachments.c.id)
)
_file = select(attachments.c.name, attachments.c.media_type, attachments.c.content).where(
    attachments.c.id == bindparam("id")
)
_conversations = (
    select(
        conversations.c.id,
        conversations.c.key,
        conversations.c.platform,
        conversations.c.owner,
        conversations.c.title,
        conversations.c.skill,
        conversations.c.last_message_at,
    )
    .where(conversations.c.platform == bindparam("platform"))
    .order_by(conversations.c.last_message_at.desc(), conversations.c.id.desc())
)
_shared = _conversations.where(conversations.c.owner.is_(None))
_owned = _conversations.where(conversations.c.owner == bindparam("owner"))
_in_use = (
    select(conversations.c.key)
    .where(
        conversations.c.platform == bindparam("platform"),
        conversations.c.last_message_at >= bindparam("since"),
    )
    .order_by(conversations.c.last_message_at.desc())
    .limit(bindparam("count"))
)
_conversation_by_key = select(*_conversations.selected_columns).where(conversations.c.key == bindparam("key"))


class History:
    """Messages of people and of the bot, by conversation, by words and by change."""

    def __init__(self, dialect: Dialect, reader: Reader) -> None:
        self._dialect = dialect
        self._reader = reader

    async def recent(
        self, conversation: str, limit: int = 50, before_id: int | None = None
    ) -> list[HistoryMessage]:
        """The last messages of a conversation (before one of them), oldest first, deleted ones left out."""
        found = await self._of(conversation, _recent, {"before": before_id or _NEWEST, "count": limit})
        return found[::-1]

    async def between(
        self, conversation: str, start: datetime, end: datetime, limit: int = 500
    ) -> list[HistoryMessage]:
        """Messages sent from `start` until before `end`, oldest first; of more than `limit`, the last."""
        moments = {"start": start.timestamp(), "end": end.timestamp(), "count": limit}
        return (await self._of(conversation, _between, moments))[::-1]

    async def last_of(
        self, conversation: str, author: str, *, until: datetime, besides: str
    ) -> HistoryMessage | None:
        """The last message of an author up to a moment, but for the one with the key `besides`."""
        wanted = {"author": author, "until": until.timestamp(), "besides": besides}
        found = await self._of(conversation, _last_of, wanted)
        return found[0] if found else None

    async def answered(self, ids: Sequence[int]) -> dict[int, str]:
        """Of some messages those that were answered, by their ids, with the decision that led to it."""
        rows = await self._reader.rows(_answered, {"ids": list(ids)}) if ids else ()
        return {row.message_id: row.decision for row in rows}

    async def since(self, conversation: str, revision: int, limit: int = 200) -> list[HistoryMessage]:
        """What changed in a conversation after a revision, deleted messages too, in order of change."""
        return await self._of(conversation, _since, {"revision": revision, "count": limit})

    async def conversations(self, platform: str, owner: str | None) -> list[Conversation]:
        """The conversations of one owner (None: those of all members), the last used first."""
        statement = _shared if owner is None else _owned
        rows = await self._reader.rows(statement, {"platform": platform, "owner": owner})
        return [_conversation(row) for row in rows]

    async def in_use(self, platform: str, since: datetime, limit: int = 1000) -> list[str]:
        """The keys of conversations with messages after a moment, the last used first."""
        wanted = {"platform": platform, "since": since.timestamp(), "count": limit}
        return [row.key for row in await self._reader.rows(_in_use, wanted)]

    async def conversation(self, key: str) -> Conversation | None:
        """One conversation, or None when nothing was ever said in it."""
        rows = await self._reader.rows(_conversation_by_key, {"key": key})
        return _conversation(rows[0]) if rows else None

    async def search(
        self,
        words: str,
        *,
        conversations: Collection[str] | None,
        limit: int = 20,
        before_id: int | None = None,
    ) -> list[HistoryMessage]:
        """Messages holding all the words, newest first; words in quotes must stand side by side.

        Only within the given conversations; None searches everywhere. Case, accents and width of
        letters do not matter; words of unspaced scripts are found inside any text.
        """
        wanted = phrases(words)
        places = None if conversations is None else await self._ids(conversations)
        if not wanted or (places is not None and not places):
            return []
        query = self._dialect.message_query(wanted, places)
        parameters = {"query": query, "before": before_id or _NEWEST, "count": limit}
        ids = [row.id for row in await self._reader.rows(self._dialect.find_messages, parameters)]
        return await self._messages(await self._reader.rows(_by_ids, {"ids": ids})) if ids else []

    async def message(self, key: str) -> HistoryMessage | None:
        """One message by its key, deleted or not, or None."""
        found = await self._messages(await self._reader.rows(_by_key, {"key": key}))
        return found[0] if found else None

    async def attachment(self, attachment_id: str) -> tuple[str, str, bytes] | None:
        """Name, media type and content of a file, or None when it never was or was erased."""
        rows = await self._reader.rows(_file, {"id": attachment_id})
        return (rows[0].name, rows[0].media_type, rows[0].content) if rows else None

    async def export(self, conversations: Collection[str] | None) -> AsyncIterator[HistoryMessage]:
        """All messages of some conversations, or all of them with None, oldest first."""
        ids = None if conversations is None else await self._ids(conversations)
        statement = _page if ids is None else _page_of_some
        after = 0
        while ids is None or ids:
            parameters = {"after": after, "count": EXPORT_PAGE, "conversation_ids": ids}
            rows = await self._reader.rows(statement, parameters)
            for message in await self._messages(rows):
                yield message
            if len(rows) < EXPORT_PAGE:
                return
            after = rows[-1].id

    async def _of(
        self, conversation: str, statement: Select[Any], parameters: dict[str, Any]
    ) -> list[HistoryMessage]:
        ids = await self._ids([conversation])
        if not ids:
            return []
        return await self._messages(
            await self._reader.rows(statement, parameters | {"conversation_id": ids[0]})
        )

    async def _ids(self, keys: Collection[str]) -> list[int]:
        return [row.id for row in await self._reader.rows(_conversation_ids, {"keys": list(keys)})]

    async def _messages(self, rows: Sequence[AnyRow]) -> list[HistoryMessage]:
        """Rows as messages, with what is known of their files."""
        ids = [row.id for row in rows]
        files: defaultdict[int, list[tuple[str, str, str, int]]] = defaultdict(list)
        if ids:
            for file in await self._reader.rows(_files, {"ids": ids}):
                files[file.message_id].append((file.id, file.name, file.media_type, file.size))
        return [_history_message(row, tuple(files.get(row.id, ()))) for row in rows]


def _history_message(row: AnyRow, files: tuple[tuple[str, str, str, int], ...]) -> HistoryMessage:
    return HistoryMessage(
        id=row.id,
        key=row.key,
        conversation=row.conversation,
        role=Role(row.role),
        author=row.author or "",
        author_name=row.name or "",
        text=row.text,
        sent_at=datetime.fromtimestamp(row.sent_at, UTC),
        revision=row.revision,
        edited=row.edited_at is not None,
        deleted=row.deleted,
        packed=row.packed,
        reply_to=row.reply_to,
        attachments=files,
    )


def _conversation(row: AnyRow) -> Conversation:
    last = row.last_message_at
    return Conversation(
        id=row.id,
        key=row.key,
        platform=row.platform,
        owner=row.owner,
        title=row.title,
        skill=row.skill,
        last_message_at=None if last is None else datetime.fromtimestamp(last, UTC),
    )
