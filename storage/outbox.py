"""The outbox: every part of a reply on its way from written to sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Connection, and_, bindparam, case, func, null, select, update

from storage.bulk import run_many
from storage.errors import Fenced, StorageError
from storage.numbers import now
from storage.reader import Reader
from storage.records import OutboxState, Part
from storage.tables import AnyRow, has_state, inbox, messages, outbox
from storage.writer import Writer

_pending = (
    select(
        outbox.c.id,
        outbox.c.key,
        outbox.c.platform,
        outbox.c.conversation_id,
        outbox.c.inbox_id,
        func.coalesce(outbox.c.packed, messages.c.packed, "").label("packed"),
        func.coalesce(inbox.c.packed, "").label("trigger"),
        outbox.c.state,
        outbox.c.attempts,
        outbox.c.created_at,
        outbox.c.first_tried_at,
    )
    .join(inbox, inbox.c.id == outbox.c.inbox_id, isouter=True)
    .join(messages, messages.c.id == outbox.c.message_id, isouter=True)
    .where(
        has_state(outbox.c.state, OutboxState.PENDING, OutboxState.ATTEMPTING),
        outbox.c.platform.in_(bindparam("platforms", expanding=True)),
        outbox.c.id > bindparam("after"),
    )
    .order_by(outbox.c.id)
    .limit(bindparam("count"))
)
_states = select(outbox.c.id, outbox.c.state, outbox.c.attempts).where(
    outbox.c.id.in_(bindparam("ids", expanding=True))
)
_change = (
    update(outbox)
    .where(outbox.c.id == bindparam("part"))
    .values(
        state=bindparam("new_state"),
        attempts=bindparam("new_attempts"),
        platform_id=bindparam("delivered_as"),
        reason=bindparam("why"),
        finished_at=bindparam("finished"),
        first_tried_at=func.coalesce(outbox.c.first_tried_at, bindparam("tried")),
        # What its message keeps is enough once it has ended.
        packed=case(
            (and_(outbox.c.message_id.is_not(None), bindparam("ended", type_=Boolean)), null()),
            else_=outbox.c.packed,
        ),
    )
)

_key_of = select(outbox.c.key).where(
    outbox.c.platform_id == bindparam("delivered_as"), outbox.c.platform == bindparam("on_platform")
)
_packed = (
    select(func.coalesce(outbox.c.packed, messages.c.packed, "").label("packed"))
    .join(messages, messages.c.id == outbox.c.message_id, isouter=True)
    .where(outbox.c.key == bindparam("part_key"))
)
_delivered_as = select(outbox.c.platform_id).where(outbox.c.key == bindparam("part_key"))

_FROM = {
    OutboxState.ATTEMPTING: {OutboxState.PENDING, OutboxState.ATTEMPTING},
    OutboxState.PENDING: {OutboxState.PENDING, OutboxState.ATTEMPTING},
    OutboxState.SENT: set(OutboxState) - {OutboxState.SENT},
    OutboxState.FAILED: {OutboxState.PENDING, OutboxState.ATTEMPTING},
    OutboxState.CANCELLED: {OutboxState.PENDING},
}


@dataclass(frozen=True, slots=True)
class _Mark:
    part_id: int
    state: OutboxState
    platform_id: str | None = None
    reason: str = ""


class Outbox:
    """Parts of replies, each with a key that stays the same however often it is tried."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def pending(self, platforms: Collection[str], limit: int, after_id: int = 0) -> list[Part]:
        """Parts not sent yet with ids above `after_id`, in order; `attempting` ones may have arrived."""
        wanted = {"platforms": list(platforms), "count": limit, "after": after_id}
        return [_part(row) for row in await self._reader.rows(_pending, wanted)]

    async def key_of(self, platform: str, platform_id: str) -> str | None:
        """The key of the part that a platform knows under its own id, or None."""
        wanted = {"delivered_as": platform_id, "on_platform": platform}
        rows = await self._reader.rows(_key_of, wanted)
        return rows[0].key if rows else None

    async def platform_id(self, key: str) -> str | None:
        """What the platform calls a part that was sent, or None."""
        rows = await self._reader.rows(_delivered_as, {"part_key": key})
        return rows[0].platform_id if rows else None

    async def packed(self, key: str) -> str:
        """The packed form of a part, sent or not; empty when there is none or it was erased."""
        rows = await self._reader.rows(_packed, {"part_key": key})
        return rows[0].packed if rows else ""

    async def mark_attempting(self, part_id: int) -> None:
        """Note durably that sending begins. Raises Fenced when the part is not to be sent any more."""
        await self._writer.submit(_mark_all, _Mark(part_id, OutboxState.ATTEMPTING))

    async def mark_sent(self, part_id: int, platform_id: str) -> None:
        """Note that the platform took the part, also when it was cancelled meanwhile."""
        await self._writer.submit(_mark_all, _Mark(part_id, OutboxState.SENT, platform_id))

    async def retry(self, part_id: int) -> None:
        """Make the part pending again, counting the attempt. Raises Fenced when it is not to be sent."""
        await self._writer.submit(_mark_all, _Mark(part_id, OutboxState.PENDING))

    async def mark_failed(self, part_id: int, reason: str) -> None:
        """Give the part up. Raises Fenced when it has ended otherwise."""
        await self._writer.submit(_mark_all, _Mark(part_id, OutboxState.FAILED, reason=reason))

    async def cancel(self, part_id: int, reason: str = "") -> None:
        """Take back a part whose sending has not begun. Raises Fenced otherwise."""
        await self._writer.submit(_mark_all, _Mark(part_id, OutboxState.CANCELLED, reason=reason))


def _mark_all(connection: Connection, marks: list[_Mark]) -> list[StorageError | None]:
    rows = connection.execute(_states, {"ids": [mark.part_id for mark in marks]})
    parts = {row.id: (OutboxState(row.state), row.attempts) for row in rows}
    outcomes: list[StorageError | None] = []
    changes: dict[int, dict[str, Any]] = {}
    moment = now()
    for mark in marks:
        refusal = _refusal(parts.get(mark.part_id), mark.state)
        outcomes.append(refusal)
        if refusal is not None or parts[mark.part_id][0] is OutboxState.SENT:
            continue
        attempts = parts[mark.part_id][1] + (mark.state is OutboxState.PENDING)
        parts[mark.part_id] = (mark.state, attempts)
        changes[mark.part_id] = _changed(mark, attempts, moment)
    run_many(connection, _change, list(changes.values()))
    return outcomes


def _refusal(part: tuple[OutboxState, int] | None, wanted: OutboxState) -> StorageError | None:
    if part is None:
        return Fenced("There is no such part.")
    if part[0] in _FROM[wanted] or part[0] is wanted is OutboxState.SENT:
        return None
    return Fenced(f"The part is {part[0]} already.")


def _changed(mark: _Mark, attempts: int, moment: float) -> dict[str, Any]:
    ended = mark.state not in (OutboxState.PENDING, OutboxState.ATTEMPTING)
    return {
        "part": mark.part_id,
        "new_state": mark.state,
        "new_attempts": attempts,
        "delivered_as": mark.platform_id,
        "why": mark.reason,
        "finished": moment if ended else None,
        "tried": moment if mark.state is OutboxState.ATTEMPTING else None,
        "ended": ended,
    }


def _part(row: AnyRow) -> Part:
    return Part(
        id=row.id,
        key=row.key,
        platform=row.platform,
        conversation_id=row.conversation_id,
        inbox_id=row.inbox_id,
        packed=row.packed,
        trigger=row.trigger,
        state=OutboxState(row.state),
        attempts=row.attempts,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        first_tried_at=row.first_tried_at and datetime.fromtimestamp(row.first_tried_at, UTC),
    )
