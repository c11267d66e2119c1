"""The values storage takes and gives: ids, roles, text and states, no type of the bot."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class InboxState(StrEnum):
    """Where an accepted event stands. The last five are terminal."""

    PENDING = "pending"
    CLAIMED = "claimed"
    ANSWERED = "answered"
    NO_REPLY_NEEDED = "no_reply_needed"
    EXPIRED = "expired_by_policy"
    DEAD_LETTER = "dead_letter"
    ERASED = "erased"


class OutboxState(StrEnum):
    """Where one part of a reply stands. `sent`, `failed` and `cancelled` are terminal."""

    PENDING = "pending"
    ATTEMPTING = "attempting"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Role(StrEnum):
    """Who spoke in a conversation."""

    PERSON = "person"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file that came with an event. `id` is unique; `content` is its bytes."""

    id: str
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One event to accept; `packed` is the caller's own, kept as it is.

    `kind` is created, seen (an older message), edited, deleted, reacted or unreacted.

    `key` is canonical and UNIQUE for ever; `target` is the key of the message an edit or deletion changes.
    `owner` is the author who may see the conversation alone (web, terminal), or None when its members may.
    """

    key: str
    kind: str
    platform: str
    conversation: str
    author: str
    author_name: str
    text: str
    sent_at: datetime
    priority: int
    packed: str
    target: str | None = None
    reply_to: str | None = None
    owner: str | None = None
    attachments: tuple[NewAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is durable. `duplicate` is true when its key was known: then nothing was changed.

    `conversation_id` is storage's own number. `state` is the inbox row's state right after.
    """

    inbox_id: int
    conversation_id: int
    duplicate: bool
    state: InboxState


@dataclass(frozen=True, slots=True)
class Claimed:
    """One event handed to a lane, with the fencing number its result must carry.

    `attempts` counts claims so far, this one included; `text` is the message's text as it is now.
    `skill` is the skill the conversation's thread began with, if any.
    """

    inbox_id: int
    key: str
    conversation_id: int
    fence: int
    attempts: int
    text: str
    packed: str
    received_at: datetime
    skill: str | None = None


@dataclass(frozen=True, slots=True)
class NewPart:
    """One part of a reply to write to the outbox and, when `text` is not empty, to the history.

    `key` is fixed for ever (inbox key, skill, part number), so that a retry is not a second message.
    `platform` is where it goes when that is not where the event came from. `kept` is what the history
    keeps in place of `packed`, where that is less; `files` belong to the message there.
    """

    key: str
    text: str
    packed: str
    platform: str | None = None
    kept: str = ""
    files: tuple[NewAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of one claimed event: terminal state, reason, decision of the router, parts to send."""

    inbox_id: int
    fence: int
    state: InboxState
    reason: str = ""
    decision: str = ""
    skill: str | None = None
    parts: tuple[NewPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """How one event ended: `decision` is the router's, as `Finish` brought it."""

    key: str
    state: InboxState
    reason: str
    decision: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a reply in the outbox.

    `packed` is the caller's own; `trigger` is the packed event it answers, empty for what observers and
    jobs say, which answers none. `first_tried_at` is when it was first marked as attempting.
    """

    id: int
    key: str
    platform: str
    conversation_id: int
    inbox_id: int | None
    packed: str
    trigger: str
    state: OutboxState
    attempts: int
    created_at: datetime
    first_tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """A message of a conversation as people see it. `id` grows with time within the database.

    `revision` grows with every change (new, edited, deleted): asking for what is above the last one seen
    gives exactly what was missed. A deleted message keeps its row, with an empty text.
    `packed` is the reply's packed form for messages of the bot, else empty.
    """

    id: int
    key: str
    conversation: str
    role: Role
    author: str
    author_name: str
    text: str
    sent_at: datetime
    revision: int
    edited: bool = False
    deleted: bool = False
    packed: str = ""
    reply_to: str | None = None
    attachments: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """What storage keeps of a channel or thread."""

    id: int
    key: str
    platform: str
    owner: str | None
    title: str
    skill: str | None
    last_message_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A piece of a document to index.

    `search_text` is what full-text search reads (title and heading included).
    """

    heading: str
    location: str
    text: str
    search_text: str
    vector: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A source of knowledge. `uri` is unique within its scope; an empty scope is shared with everyone."""

    id: int
    uri: str
    scope: str
    title: str
    media_type: str
    sha256: str
    size: int
    modified: float
    added_at: datetime
    passages: int


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A piece of a document as it was indexed."""

    id: int
    document_id: int
    document: str
    uri: str
    scope: str
    position: int
    heading: str
    location: str
    text: str


@dataclass(frozen=True, slots=True)
class VectorBlock:
    """The vectors of some passages: `ids` (n,), `scopes` (n strings), `matrix` (n, dimensions) float32."""

    ids: NDArray[np.int64]
    scopes: tuple[str, ...]
    matrix: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A thumb on a bot's message: `value` is +1 or -1."""

    message_key: str
    author: str
    value: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A row that is not terminal, and why: what the reconciliation query gives."""

    table: str
    key: str
    state: str
    age_seconds: float
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of `parley db check`."""

    integrity: str
    inbox: dict[str, int] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    conversations: int = 0
    documents: int = 0
    passages: int = 0
    unfinished: tuple[Unfinished, ...] = ()
