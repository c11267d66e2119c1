"""The face of storage: open the database, and the values that go in and come out.

What a name stands for is imported when it is first used, so that commands which need no database
do not wait for its libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from storage.errors import Fenced, NewerSchema, StorageCorrupt, StorageError, StorageUnavailable

if TYPE_CHECKING:
    from storage.inbox import Waiting
    from storage.records import (
        Accepted,
        Claimed,
        Conversation,
        Decision,
        Document,
        Event,
        Feedback,
        Finish,
        Health,
        HistoryMessage,
        InboxState,
        NewAttachment,
        NewPart,
        NewPassage,
        OutboxState,
        Part,
        Role,
        StoredPassage,
        Unfinished,
        VectorBlock,
    )
    from storage.store import Store, open_store
    from storage.watched import Progress, Score, Seen
    from storage.watching import area_of

__all__ = [
    "Accepted",
    "Claimed",
    "Conversation",
    "Decision",
    "Document",
    "Event",
    "Feedback",
    "Fenced",
    "Finish",
    "Health",
    "HistoryMessage",
    "InboxState",
    "NewAttachment",
    "NewPart",
    "NewPassage",
    "NewerSchema",
    "OutboxState",
    "Part",
    "Progress",
    "Role",
    "Score",
    "Seen",
    "StorageCorrupt",
    "StorageError",
    "StorageUnavailable",
    "Store",
    "StoredPassage",
    "Unfinished",
    "VectorBlock",
    "Waiting",
    "area_of",
    "open_store",
]

_ELSEWHERE = {
    "Progress": "storage.watched",
    "Score": "storage.watched",
    "Seen": "storage.watched",
    "Store": "storage.store",
    "Waiting": "storage.inbox",
    "area_of": "storage.watching",
    "open_store": "storage.store",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "storage.records")), name)
