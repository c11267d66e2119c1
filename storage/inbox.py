"""The inbox: every event on its way from accepted to a terminal state."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Text, bindparam, func, or_, select

from storage.accepting import accept
from storage.claiming import (
    Claim,
    GiveBack,
    Recovery,
    Release,
    Renewal,
    claim,
    give_back,
    recover,
    release,
    renew,
)
from storage.dialects import Dialect
from storage.finishing import finish
from storage.numbers import now
from storage.reader import Reader
from storage.reconciliation import unfinished
from storage.records import Accepted, Claimed, Decision, Event, Finish, InboxState, Part, Unfinished
from storage.tables import conversations, has_state, inbox, messages
from storage.writer import Writer


class Waiting(NamedTuple):
    """A conversation with pending events: the most urgent priority, the oldest event and its attempts."""

    conversation_id: int
    priority: int
    oldest: int
    attempts: int


_backlog = (
    select(
        inbox.c.conversation_id,
        func.min(inbox.c.priority).label("priority"),
        func.min(inbox.c.id).label("oldest"),
    )
    .where(
        has_state(inbox.c.state, InboxState.PENDING),
        inbox.c.platform.in_(bindparam("platforms", expanding=True)),
        inbox.c.conversation_id.not_in(bindparam("exclude", expanding=True)),
    )
    .group_by(inbox.c.conversation_id)
    .subquery()
)
_waiting = (
    select(_backlog, inbox.c.attempts)
    .join(inbox, inbox.c.id == _backlog.c.oldest)
    .join(conversations, conversations.c.id == _backlog.c.conversation_id)
    .where(
        or_(
            bindparam("owner", type_=Text).is_(None),
            conversations.c.lease_owner.is_(None),
            conversations.c.lease_owner == bindparam("owner"),
            conversations.c.lease_until < bindparam("moment"),
        )
    )
    .order_by(_backlog.c.priority, _backlog.c.oldest)
    .limit(bindparam("count"))
)
_decisions = (
    select(inbox.c.key, inbox.c.state, inbox.c.reason, inbox.c.decision, inbox.c.finished_at)
    .join(messages, messages.c.id == inbox.c.message_id)
    .where(messages.c.conversation_id == bindparam("conversation"), inbox.c.finished_at.is_not(None))
    .order_by(messages.c.id.desc(), inbox.c.id.desc())
    .limit(bindparam("count"))
)
_state = select(inbox.c.state).where(inbox.c.key == bindparam("key"))
_owners = (
    select(conversations.c.lease_owner)
    .where(conversations.c.lease_owner.is_not(None), conversations.c.lease_until >= bindparam("moment"))
    .distinct()
)


class Inbox:
    """Accepted events, the leases under which they are worked on, and their ends."""

    def __init__(self, dialect: Dialect, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._accept = partial(accept, dialect)
        self._claim = partial(claim, dialect)
        self._finish = partial(finish, dialect)

    async def accept(self, event: Event) -> Accepted:
        """Make an event durable, once per key; after this returns nothing loses it.

        An edit changes the text of its target when it is newer than the last edit, a deletion erases it,
        its waiting events and unsent replies; both also hold for a target that comes later.
        """
        return await self._writer.submit(self._accept, event)

    async def claim(
        self, owner: str, conversation_id: int, *, limit: int, lease_seconds: float
    ) -> list[Claimed]:
        """The oldest pending events of a conversation, at most `limit`, leased to `owner`.

        Empty when nothing waits or another owner's lease still runs. A lease that ran out is taken over
        with the events claimed under it.
        """
        return await self._writer.submit(self._claim, Claim(owner, conversation_id, limit, lease_seconds))

    async def renew(self, owner: str, lease_seconds: float) -> None:
        """Extend the owner's leases under which it holds claimed events to `lease_seconds` from now."""
        await self._writer.submit(renew, Renewal(owner, lease_seconds))

    async def release(self, owner: str, conversation_id: int) -> None:
        """End the owner's lease on a conversation, so that another may claim it at once."""
        await self._writer.submit(release, Release(owner, conversation_id))

    async def finish(self, finish: Finish) -> list[Part]:
        """End a claimed event in one transaction with its reply; the parts to send, in order.

        Raises Fenced when the claim no longer holds: erased, taken over or finished before.
        """
        return await self._writer.submit(self._finish, finish)

    async def give_back(self, inbox_id: int, fence: int) -> None:
        """Make a claimed event pending again without counting the attempt."""
        await self._writer.submit(give_back, GiveBack(inbox_id, fence))

    async def recover(self, owner: str, platforms: Collection[str], dead_owners: Collection[str] = ()) -> int:
        """Make pending again what is claimed under leases that ran out or belong to dead owners; how many."""
        return await self._writer.submit(recover, Recovery(owner, platforms, dead_owners))

    async def owners(self) -> list[str]:
        """Who holds leases that still run."""
        return [row.lease_owner for row in await self._reader.rows(_owners, {"moment": now()})]

    async def waiting(
        self,
        platforms: Collection[str],
        *,
        limit: int,
        exclude: Collection[int] = (),
        owner: str | None = None,
    ) -> list[Waiting]:
        """Conversations with pending events, the most urgent first, then the longest waiting.

        With `owner`, those leased to others are left out.
        """
        wanted = {
            "platforms": list(platforms),
            "exclude": list(exclude),
            "owner": owner,
            "moment": now(),
            "count": limit,
        }
        return [Waiting(*row) for row in await self._reader.rows(_waiting, wanted)]

    async def state(self, key: str) -> InboxState | None:
        """Where the event with this key stands, or None when it was never accepted."""
        rows = await self._reader.rows(_state, {"key": key})
        return InboxState(rows[0].state) if rows else None

    async def unfinished(self, older_than: float) -> list[Unfinished]:
        """Events and parts that are not terminal after `older_than` seconds, and why; oldest first."""
        return await unfinished(self._reader, older_than)

    async def decisions(self, conversation_id: int, limit: int = 10) -> list[Decision]:
        """How the conversation's last events ended and which skill was chosen why, newest first."""
        rows = await self._reader.rows(_decisions, {"conversation": conversation_id, "count": limit})
        return [
            Decision(
                row.key,
                InboxState(row.state),
                row.reason,
                row.decision,
                datetime.fromtimestamp(row.finished_at, UTC),
            )
            for row in rows
        ]
