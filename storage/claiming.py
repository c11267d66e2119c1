"""Leases on conversations and the fencing numbers of the work taken under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.numbers import now
from storage.records import Claimed, InboxState
from storage.tables import AnyRow, conversations, has_state, inbox, messages


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to work on a conversation's oldest waiting events."""

    owner: str
    conversation_id: int
    limit: int
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """A sign of life of an owner."""

    owner: str
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """An owner is done with a conversation for now."""

    owner: str
    conversation_id: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """A wish to have the work of silent and dead owners back."""

    owner: str
    platforms: Collection[str]
    dead_owners: Collection[str]


@dataclass(frozen=True, slots=True)
class GiveBack:
    """A claimed event to return unfinished, its attempt not counted."""

    inbox_id: int
    fence: int


_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_leases = select(
    conversations.c.id,
    conversations.c.skill,
    conversations.c.fence,
    conversations.c.lease_owner,
    conversations.c.lease_until,
).where(conversations.c.id.in_(_ids))
_lease = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(lease_owner=bindparam("holder"), lease_until=bindparam("until"), fence=bindparam("new_fence"))
)
_take_over = (
    update(inbox)
    .where(inbox.c.conversation_id.in_(_ids), has_state(inbox.c.state, InboxState.CLAIMED))
    .values(state=InboxState.PENDING)
)
_events = (
    select(
        inbox.c.id,
        inbox.c.key,
        inbox.c.conversation_id,
        inbox.c.attempts,
        inbox.c.packed,
        inbox.c.received_at,
        messages.c.text,
    )
    .join(messages, messages.c.id == inbox.c.message_id)
    .where(inbox.c.id.in_(_ids))
    .order_by(inbox.c.id)
)
_mark_claimed = (
    update(inbox)
    .where(inbox.c.id == bindparam("event"))
    .values(state=InboxState.CLAIMED, fence=bindparam("new_fence"), attempts=inbox.c.attempts + 1)
)
_renew = (
    update(conversations)
    .where(
        conversations.c.id.in_(
            select(inbox.c.conversation_id).where(has_state(inbox.c.state, InboxState.CLAIMED))
        ),
        conversations.c.lease_owner == bindparam("holder"),
    )
    .values(lease_until=bindparam("until"))
)
_release = (
    update(conversations)
    .where(
        conversations.c.id == bindparam("conversation"), conversations.c.lease_owner == bindparam("holder")
    )
    .values(lease_owner=None, lease_until=None)
)
_give_back = (
    update(inbox)
    .where(
        inbox.c.id == bindparam("event"),
        inbox.c.fence == bindparam("held_fence"),
        has_state(inbox.c.state, InboxState.CLAIMED),
    )
    .values(state=InboxState.PENDING, attempts=inbox.c.attempts - 1)
)
_abandoned = (
    select(inbox.c.id)
    .join(conversations, conversations.c.id == inbox.c.conversation_id)
    .where(
        has_state(inbox.c.state, InboxState.CLAIMED),
        inbox.c.platform.in_(bindparam("platforms", expanding=True)),
        or_(
            conversations.c.lease_owner.is_(None),
            conversations.c.lease_until < bindparam("moment"),
            conversations.c.lease_owner.in_(bindparam("dead", expanding=True)),
        ),
    )
)
_return = update(inbox).where(inbox.c.id.in_(_ids)).values(state=InboxState.PENDING)
_end_leases = (
    update(conversations)
    .where(conversations.c.lease_owner.in_(bindparam("dead", expanding=True)))
    .values(lease_owner=None, lease_until=None)
)


def claim(dialect: Dialect, connection: Connection, claims: list[Claim]) -> list[list[Claimed]]:
    """Lease the conversations that are free and mark their oldest pending events claimed."""
    taken: list[list[Claimed]] = [[] for _ in claims]
    waiting = list(enumerate(claims))
    while waiting:
        turn: dict[int, tuple[int, Claim]] = {}
        later = []
        for place, each in waiting:
            if turn.setdefault(each.conversation_id, (place, each))[0] != place:
                later.append((place, each))
        found = _claim_once(dialect, connection, [each for _, each in turn.values()])
        for place, each in turn.values():
            taken[place] = found.get(each.conversation_id, [])
        waiting = later
    return taken


def _claim_once(
    dialect: Dialect, connection: Connection, claims: Sequence[Claim]
) -> dict[int, list[Claimed]]:
    """The claims of one turn, each for another conversation."""
    moment = now()
    leases = {
        row.id: row for row in connection.execute(_leases, {"ids": [each.conversation_id for each in claims]})
    }
    free = [
        each
        for each in claims
        if (lease := leases.get(each.conversation_id)) is not None and _is_free(lease, each.owner, moment)
    ]
    lost = [each.conversation_id for each in free if _held_by_other(leases[each.conversation_id], each.owner)]
    if lost:
        connection.execute(_take_over, {"ids": lost})
    events = _oldest_pending(dialect, connection, free)
    marks: list[dict[str, Any]] = []
    renewed: list[dict[str, Any]] = []
    taken: dict[int, list[Claimed]] = {}
    for each in free:
        rows = events.get(each.conversation_id)
        if not rows:
            continue
        lease = leases[each.conversation_id]
        fence = lease.fence + 1
        until = moment + each.lease_seconds
        renewed.append({"conversation": lease.id, "holder": each.owner, "until": until, "new_fence": fence})
        marks += ({"event": row.id, "new_fence": fence} for row in rows)
        taken[lease.id] = [_claimed(row, fence, lease.skill) for row in rows]
    if renewed:
        run_many(connection, _lease, renewed)
        run_many(connection, _mark_claimed, marks)
    return taken


def _is_free(lease: AnyRow, owner: str, moment: float) -> bool:
    return lease.lease_owner is None or lease.lease_owner == owner or lease.lease_until < moment


def _held_by_other(lease: AnyRow, owner: str) -> bool:
    return lease.lease_owner is not None and lease.lease_owner != owner


def _oldest_pending(
    dialect: Dialect, connection: Connection, claims: Sequence[Claim]
) -> dict[int, list[AnyRow]]:
    events: defaultdict[int, list[AnyRow]] = defaultdict(list)
    if not claims:
        return events
    limits = {each.conversation_id: each.limit for each in claims}
    oldest = {"conversations": list(limits), "count": max(limits.values())}
    ids = list((connection.execute(dialect.claimable, oldest)).scalars())
    if ids:
        for row in connection.execute(_events, {"ids": ids}):
            if len(events[row.conversation_id]) < limits[row.conversation_id]:
                events[row.conversation_id].append(row)
    return events


def _claimed(row: AnyRow, fence: int, skill: str | None) -> Claimed:
    return Claimed(
        inbox_id=row.id,
        key=row.key,
        conversation_id=row.conversation_id,
        fence=fence,
        attempts=row.attempts + 1,
        text=row.text,
        packed=row.packed,
        received_at=datetime.fromtimestamp(row.received_at, UTC),
        skill=skill,
    )


def renew(connection: Connection, renewals: list[Renewal]) -> list[None]:
    """Extend the leases under which owners hold claimed events."""
    moment = now()
    run_many(
        connection,
        _renew,
        [{"holder": each.owner, "until": moment + each.lease_seconds} for each in renewals],
    )
    return [None] * len(renewals)


def release(connection: Connection, releases: list[Release]) -> list[None]:
    """End leases their owners still hold."""
    rows = [{"holder": each.owner, "conversation": each.conversation_id} for each in releases]
    run_many(connection, _release, rows)
    return [None] * len(releases)


def give_back(connection: Connection, returns: list[GiveBack]) -> list[None]:
    """Make claimed events pending again as if they had not been claimed; those no longer held stay."""
    rows = [{"event": each.inbox_id, "held_fence": each.fence} for each in returns]
    run_many(connection, _give_back, rows)
    return [None] * len(returns)


def recover(connection: Connection, recoveries: list[Recovery]) -> list[int]:
    """Make events pending whose owner is dead or let its lease run out; how many, for each."""
    counts = []
    for each in recoveries:
        dead = [owner for owner in each.dead_owners if owner != each.owner]
        found = connection.execute(
            _abandoned, {"platforms": list(each.platforms), "moment": now(), "dead": dead}
        )
        ids = list(found.scalars())
        if ids:
            connection.execute(_return, {"ids": ids})
        if dead:
            connection.execute(_end_leases, {"dead": dead})
        counts.append(len(ids))
    return counts
