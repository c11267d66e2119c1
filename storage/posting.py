"""Write replies: each part to the outbox and, when people may see its text there, to the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.indexing import index_messages
from storage.numbers import take
from storage.places import touch
from storage.records import NewAttachment, NewPart, OutboxState, Part, Role
from storage.tables import attachments, messages, outbox

_insert_messages = insert(messages)
_insert_parts = insert(outbox)
_insert_files = insert(attachments)


@dataclass(frozen=True, slots=True)
class Post:
    """One part and where it belongs; the last three are those of the event it answers, if it answers one."""

    part: NewPart
    conversation_id: int
    platform: str
    inbox_id: int | None = None
    reply_to: str | None = None
    trigger: str = ""


def write_posts(dialect: Dialect, connection: Connection, posts: Sequence[Post], moment: float) -> list[Part]:
    """The parts to send, in order, numbered and written."""
    if not posts:
        return []
    numbered = list(zip(take(connection, len(posts)), posts, strict=True))
    spoken = [(number, post) for number, post in numbered if post.part.text]
    if spoken:
        run_many(connection, _insert_messages, [_message(number, post, moment) for number, post in spoken])
        texts = [(number, post.conversation_id, post.part.text) for number, post in spoken]
        index_messages(dialect, connection, texts)
        touch(connection, {post.conversation_id for _, post in spoken})
        files = [_file(number, file) for number, post in spoken for file in post.part.files]
        if files:
            run_many(connection, _insert_files, files)
    run_many(connection, _insert_parts, [_outgoing(number, post, moment) for number, post in numbered])
    return [_part(number, post, moment) for number, post in numbered]


def _message(number: int, post: Post, moment: float) -> dict[str, Any]:
    return {
        "id": number,
        "key": post.part.key,
        "conversation_id": post.conversation_id,
        "author_id": None,
        "role": Role.BOT,
        "text": post.part.text,
        "packed": post.part.kept or post.part.packed,
        "reply_to": post.reply_to,
        "sent_at": moment,
        "edited_at": None,
        "deleted": False,
        "revision": number,
    }


def _file(message_id: int, file: NewAttachment) -> dict[str, Any]:
    return {
        "id": file.id,
        "message_id": message_id,
        "name": file.name,
        "media_type": file.media_type,
        "size": len(file.content),
        "content": file.content,
    }


def _outgoing(number: int, post: Post, moment: float) -> dict[str, Any]:
    """A row of the outbox; what a message keeps is not kept twice."""
    return {
        "id": number,
        "key": post.part.key,
        "conversation_id": post.conversation_id,
        "inbox_id": post.inbox_id,
        "message_id": number if post.part.text else None,
        "platform": post.platform,
        "packed": None if post.part.text and not post.part.kept else post.part.packed,
        "state": OutboxState.PENDING,
        "attempts": 0,
        "created_at": moment,
        "finished_at": None,
        "platform_id": None,
        "reason": "",
    }


def _part(number: int, post: Post, moment: float) -> Part:
    return Part(
        id=number,
        key=post.part.key,
        platform=post.platform,
        conversation_id=post.conversation_id,
        inbox_id=post.inbox_id,
        packed=post.part.packed,
        trigger=post.trigger,
        state=OutboxState.PENDING,
        attempts=0,
        created_at=datetime.fromtimestamp(moment, UTC),
    )
