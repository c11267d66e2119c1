"""Inbox and outbox against a tiny model: whatever happens in whatever order, both agree."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from storage import Claimed, Event, Fenced, Finish, InboxState, NewPart, OutboxState, Part, Store, open_store

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOMS = st.integers(0, 1)
TARGETS = st.integers(0, 5)
OWNERS = st.sampled_from(["one", "two"])


@dataclass
class Text:
    """What the model knows of one message."""

    text: str = ""
    edited_at: int | None = None
    deleted: bool = False


@dataclass
class Row:
    """What the model knows of one event."""

    target: int
    kind: str
    room: int
    state: InboxState
    attempts: int = 0


@dataclass
class Model:
    texts: dict[int, Text] = field(default_factory=dict)
    events: dict[str, Row] = field(default_factory=dict)
    parts: dict[str, OutboxState] = field(default_factory=dict)
    leases: dict[int, str] = field(default_factory=dict)


class Machine(RuleBasedStateMachine):
    """Random work by two owners in two conversations; leases never run out by themselves here."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.store: Store = self.do(
            self.stack.enter_async_context(open_store(f"sqlite:///{folder}/parley.sqlite3"))
        )
        self.model = Model()
        self.held: dict[str, Claimed] = {}
        self.lost: list[Claimed] = []
        self.parts: dict[str, Part] = {}
        self.rooms: dict[int, int] = {}
        self.clock = 0

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.look()
        self.do(self.stack.aclose())
        self.runner.close()

    @rule(
        number=TARGETS, kind=st.sampled_from(["created", "created", "edited", "deleted"]), late=st.booleans()
    )
    def accept(self, number: int, kind: str, late: bool) -> None:
        self.clock += 1
        moment = 0 if late else self.clock
        room, suffix = number % 2, "" if kind == "created" else f":{kind}:{self.clock}"
        key, text = f"fake:{number}{suffix}", "" if kind == "deleted" else f"words {self.clock}"
        accepted = self.do(
            self.store.inbox.accept(
                Event(
                    key=key,
                    kind=kind,
                    platform="fake",
                    conversation=f"fake:room{room}",
                    author="ada",
                    author_name="Ada",
                    text=text,
                    sent_at=START + timedelta(seconds=moment),
                    priority=1,
                    packed=key,
                    target=None if kind == "created" else f"fake:{number}",
                )
            )
        )
        self.rooms[room] = accepted.conversation_id
        assert accepted.duplicate is (key in self.model.events)
        if not accepted.duplicate:
            self.apply(key, number, kind, text, moment)
        assert accepted.state is self.model.events[key].state

    def apply(self, key: str, target: int, kind: str, text: str, moment: int) -> None:
        known = self.model.texts.get(target)
        kept = self.model.texts.setdefault(target, Text(text, moment if kind == "edited" else None))
        erased = kept.deleted and kind != "deleted"
        state = InboxState.ERASED if erased else InboxState.PENDING
        if kind == "deleted" and not kept.deleted:
            self.delete(target, kept)
        elif (
            kind == "edited" and known and not erased and (kept.edited_at is None or moment > kept.edited_at)
        ):
            kept.text, kept.edited_at = text, moment
        self.model.events[key] = Row(target, kind, target % 2, state)

    def delete(self, target: int, kept: Text) -> None:
        kept.text, kept.deleted = "", True
        for key, row in self.model.events.items():
            if row.target != target:
                continue
            if row.kind != "deleted" and row.state in (InboxState.PENDING, InboxState.CLAIMED):
                row.state = InboxState.ERASED
                if claimed := self.held.pop(key, None):
                    self.lost.append(claimed)
            part = f"{key}:0"
            if self.model.parts.get(part) is OutboxState.PENDING:
                self.model.parts[part] = OutboxState.CANCELLED

    @precondition(lambda self: self.rooms)
    @rule(owner=OWNERS, room=ROOMS, limit=st.integers(1, 3))
    def claim(self, owner: str, room: int, limit: int) -> None:
        if room not in self.rooms:
            return
        claimed = self.do(self.store.inbox.claim(owner, self.rooms[room], limit=limit, lease_seconds=1000))
        waiting = [
            key
            for key, row in self.model.events.items()
            if row.room == room and row.state is InboxState.PENDING
        ]
        free = self.model.leases.get(room, owner) == owner
        assert [each.key for each in claimed] == (waiting[:limit] if free else [])
        for each in claimed:
            row = self.model.events[each.key]
            row.state, row.attempts = InboxState.CLAIMED, row.attempts + 1
            assert (each.attempts, each.text) == (row.attempts, self.model.texts[row.target].text)
            self.model.leases[room] = owner
            self.held[each.key] = each

    @precondition(lambda self: self.held)
    @rule(data=st.data(), reply=st.booleans())
    def finish(self, data: st.DataObject, reply: bool) -> None:
        claimed = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        part = NewPart(f"{claimed.key}:0", "reply", "packed reply")
        end = Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(part,) if reply else ())
        for each in self.do(self.store.inbox.finish(end)):
            self.parts[each.key] = each
            self.model.parts[each.key] = OutboxState.PENDING
        self.model.events[claimed.key].state = InboxState.ANSWERED
        self.lost.append(claimed)

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def finish_too_late(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.lost))
        with pytest.raises(Fenced):
            self.do(self.store.inbox.finish(Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED)))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        claimed = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        self.do(self.store.inbox.give_back(claimed.inbox_id, claimed.fence))
        row = self.model.events[claimed.key]
        row.state, row.attempts = InboxState.PENDING, row.attempts - 1
        self.lost.append(claimed)

    @rule(dead=OWNERS)
    def die(self, dead: str) -> None:
        alive = "two" if dead == "one" else "one"
        recovered = self.do(self.store.inbox.recover(alive, ["fake"], [dead]))
        rooms = {room for room, owner in self.model.leases.items() if owner == dead}
        rows = {
            key: row
            for key, row in self.model.events.items()
            if row.state is InboxState.CLAIMED and row.room in rooms
        }
        assert recovered == len(rows)
        for key, row in rows.items():
            row.state = InboxState.PENDING
            self.lost.append(self.held.pop(key))
        for room in rooms:
            del self.model.leases[room]

    @precondition(lambda self: self.parts)
    @rule(
        data=st.data(),
        mark=st.sampled_from(["mark_attempting", "retry", "mark_sent", "mark_failed", "cancel"]),
    )
    def mark(self, data: st.DataObject, mark: str) -> None:
        part = self.parts[data.draw(st.sampled_from(sorted(self.parts)))]
        before = self.model.parts[part.key]
        unsent = {OutboxState.PENDING, OutboxState.ATTEMPTING}
        after, allowed = {
            "mark_attempting": (OutboxState.ATTEMPTING, unsent),
            "retry": (OutboxState.PENDING, unsent),
            "mark_sent": (OutboxState.SENT, set(OutboxState)),
            "mark_failed": (OutboxState.FAILED, unsent),
            "cancel": (OutboxState.CANCELLED, {OutboxState.PENDING}),
        }[mark]
        arguments = {"mark_sent": ("x",), "mark_failed": ("gone",)}.get(mark, ())
        marking = getattr(self.store.outbox, mark)(part.id, *arguments)
        if before in allowed:
            self.do(marking)
            self.model.parts[part.key] = after
        else:
            with pytest.raises(Fenced):
                self.do(marking)

    @rule()
    def look(self) -> None:
        for key, row in self.model.events.items():
            assert self.do(self.store.inbox.state(key)) is row.state
        for number, kept in self.model.texts.items():
            message = self.do(self.store.history.message(f"fake:{number}"))
            assert (message.text, message.deleted) == (kept.text, kept.deleted)
            if kept.text:
                found = self.do(self.store.history.search(f'"{kept.text}"', conversations=None))
                assert message.key in {each.key for each in found}
        found = self.do(self.store.history.search("words", conversations=None, limit=99))
        assert {each.text for each in found} == {kept.text for kept in self.model.texts.values() if kept.text}
        unsent = {
            key
            for key, state in self.model.parts.items()
            if state in (OutboxState.PENDING, OutboxState.ATTEMPTING)
        }
        assert {each.key for each in self.do(self.store.outbox.pending(["fake"], 99))} == unsent


TestModel = Machine.TestCase
TestModel.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
