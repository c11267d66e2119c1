"""What is not finished and why, and how much there is of everything."""

from __future__ import annotations

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.dialects import Dialect
from storage.numbers import now
from storage.reader import Reader
from storage.records import Health, InboxState, OutboxState, Unfinished
from storage.tables import AnyRow, conversations, documents, has_state, inbox, messages, outbox, passages

SHOWN = 1000
"""At most so many unfinished rows of each state are told, whichever the index gives first."""

_open_events = [
    select(
        inbox.c.key,
        inbox.c.state,
        inbox.c.received_at,
        inbox.c.attempts,
        conversations.c.lease_owner,
        conversations.c.lease_until,
    )
    .join(conversations, conversations.c.id == inbox.c.conversation_id)
    .where(has_state(inbox.c.state, state), inbox.c.received_at <= bindparam("before"))
    .limit(SHOWN)
    for state in (InboxState.PENDING, InboxState.CLAIMED)
]
_open_parts = (
    select(outbox.c.key, outbox.c.state, outbox.c.created_at, outbox.c.attempts)
    .where(
        has_state(outbox.c.state, OutboxState.PENDING, OutboxState.ATTEMPTING),
        outbox.c.created_at <= bindparam("before"),
    )
    .order_by(outbox.c.id)
    .limit(SHOWN)
)


async def unfinished(reader: Reader, older_than: float) -> list[Unfinished]:
    """Rows of inbox and outbox that are not terminal after `older_than` seconds, oldest first."""
    moment = now()
    before = {"before": moment - older_than}
    found = [
        _open_event(row, moment) for statement in _open_events for row in await reader.rows(statement, before)
    ]
    found += (_open_part(row, moment) for row in await reader.rows(_open_parts, before))
    return sorted(found, key=lambda each: -each.age_seconds)


def _open_event(row: AnyRow, moment: float) -> Unfinished:
    leased = row.lease_owner is not None and row.lease_until >= moment
    if row.state == InboxState.PENDING:
        why = f"waits while {row.lease_owner} works on its conversation" if leased else "waits to be claimed"
    elif leased:
        why = f"{row.lease_owner} works on it"
    else:
        why = f"{row.lease_owner or 'its owner'} claimed it and fell silent; it will be claimed again"
    return Unfinished("inbox", row.key, row.state, moment - row.received_at, row.attempts, why)


def _open_part(row: AnyRow, moment: float) -> Unfinished:
    if row.state == OutboxState.ATTEMPTING:
        why = "sending began and its outcome is not known yet"
    elif row.attempts:
        why = f"could not be sent {row.attempts} times and will be tried again"
    else:
        why = "waits to be sent"
    return Unfinished("outbox", row.key, row.state, moment - row.created_at, row.attempts, why)


async def health(dialect: Dialect, reader: Reader) -> Health:
    """The state of the whole database; reads all of it."""
    async with reader.connection(patience_seconds=None) as connection:
        return Health(
            integrity=await dialect.integrity(connection),
            inbox=await _by_state(connection, inbox),
            outbox=await _by_state(connection, outbox),
            messages=await _count(connection, messages),
            conversations=await _count(connection, conversations),
            documents=await _count(connection, documents),
            passages=await _count(connection, passages),
            unfinished=tuple(await unfinished(reader, 0.0)),
        )


async def _by_state(connection: AsyncConnection, table: Table) -> dict[str, int]:
    rows = await connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return {row[0]: row[1] for row in rows}


async def _count(connection: AsyncConnection, table: Table) -> int:
    return (await connection.execute(select(func.count()).select_from(table))).scalar_one()
