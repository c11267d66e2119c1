"""Watching: events in order, marks, and steps that are written as a whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from storage import Event, Fenced, Finish, InboxState, NewPart, Progress, Role, Score, Store

Make = Callable[..., Event]
MARK = "observer:mood/watch"


async def hold(store: Store, owner: str = "one") -> None:
    assert await store.leases.take("watching", owner, 30)


def step(before: str, after: str, **changes: object) -> Progress:
    return replace(Progress("watching", "one", MARK, before, after, "mood"), **changes)


async def test_events_come_in_the_order_they_were_stored_in(store: Store, event: Make) -> None:
    start = await store.watching.newest()
    first = event("hello", conversation="fake:a")
    await store.inbox.accept(first)
    await asyncio.gather(*(store.inbox.accept(event(f"n {n}")) for n in range(50)))
    await store.inbox.accept(event("hello again", kind="edited", target=first.key, author="eve"))
    newest = await store.watching.newest()
    seen = await store.watching.events(start, newest, 1000)
    assert [each.number for each in seen] == sorted(each.number for each in seen)
    assert len(seen) == 52
    assert (seen[0].text, seen[0].kind, seen[0].conversation) == ("hello again", "created", "fake:a")
    last = seen[-1]
    assert (last.key, last.kind, last.author, last.sent_at) == (first.key, "edited", "ada", first.sent_at)
    assert await store.watching.events(start, newest, 10) == seen[:10]
    assert await store.watching.events(seen[9].number, seen[19].number, 1000) == seen[10:20]
    assert await store.watching.events(newest, newest + 100, 10) == []


async def test_deleted_messages_show_as_erased(store: Store, event: Make) -> None:
    message = event("secret")
    await store.inbox.accept(message)
    await store.inbox.accept(event("", kind="deleted", target=message.key))
    seen = await store.watching.events(0, await store.watching.newest(), 10)
    assert [(each.kind, each.text, each.erased, each.author) for each in seen] == [
        ("created", "", True, "ada"),
        ("deleted", "", True, "ada"),
    ]


async def test_answers_are_seen_but_not_what_watchers_say(store: Store, event: Make) -> None:
    accepted = await store.inbox.accept(event("question"))
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=30)
    parts = (NewPart("p1", "answer", "x"), NewPart("p2", "", "hidden"))
    await store.inbox.finish(Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=parts))
    await hold(store)
    begun = await store.watching.begin(MARK)
    await store.watching.commit(step(begun, "5", posts=(("fake:mods", NewPart("p3", "alert", "x")),)))
    seen = await store.watching.answers(0, await store.watching.newest(), 10)
    assert [(each.key, each.text, each.role, each.conversation) for each in seen] == [
        ("p1", "answer", Role.BOT, "fake:room")
    ]


async def test_a_mark_begins_now_and_stays(store: Store, event: Make) -> None:
    await store.inbox.accept(event())
    newest = str(await store.watching.newest())
    assert await store.watching.begin(MARK) == newest
    await store.inbox.accept(event())
    assert await store.watching.begin(MARK) == newest
    assert await store.watching.begin("job:mood/digest", "2026-01-01") == "2026-01-01"


async def test_a_step_is_written_as_a_whole(store: Store, event: Make) -> None:
    await hold(store)
    message = event()
    await store.inbox.accept(message)
    begun = await store.watching.begin(MARK)
    score = Score(message.key, "fake:room", "ada", message.sent_at, 0.5, "good")
    posts = (
        ("fake:mods", NewPart("p1", "alert", "packed 1")),
        ("other:new/thread", NewPart("p2", "more", "packed 2", "other")),
    )
    parts = await store.watching.commit(
        step(begun, "77", notes=(("a", "1"), ("b", None)), scores=(score,), posts=posts)
    )
    assert [(part.key, part.platform, part.trigger, part.inbox_id) for part in parts] == [
        ("p1", "fake", "", None),
        ("p2", "other", "", None),
    ]
    assert await store.watching.begin(MARK) == "77"
    assert await store.notes.read("plugin:mood") == {"a": "1"}
    assert await store.scores.series("mood") == [score]
    assert await store.outbox.pending(["fake", "other"], 10) == parts
    (heard,) = await store.history.recent("other:new/thread")
    assert (heard.text, heard.role, heard.reply_to, heard.packed) == ("more", Role.BOT, None, "packed 2")
    await store.outbox.mark_attempting(parts[0].id)
    await store.outbox.mark_sent(parts[0].id, "platform-1")
    assert [found.key for found in await store.history.search("alert", conversations=None)] == ["p1"]


@pytest.mark.parametrize("reason", ["another's", "ran out", "nobody's", "mark moved"])
async def test_a_step_is_refused_when_another_has_gone_on(store: Store, event: Make, reason: str) -> None:
    begun = await store.watching.begin(MARK)
    if reason == "another's":
        await hold(store, "two")
    elif reason == "ran out":
        assert await store.leases.take("watching", "one", 0.05)
        await asyncio.sleep(0.1)
    elif reason == "mark moved":
        await hold(store)
        await store.watching.commit(step(begun, "50"))
    doomed = step(begun, "51", notes=(("a", "1"),), posts=(("fake:mods", NewPart("p", "alert", "x")),))
    with pytest.raises(Fenced):
        await store.watching.commit(doomed)
    assert await store.notes.read("plugin:mood") == {}
    assert await store.outbox.pending(["fake"], 10) == []
    assert await store.watching.begin(MARK) == ("50" if reason == "mark moved" else begun)


async def test_a_step_that_cannot_be_written_leaves_nothing_and_harms_no_other(store: Store) -> None:
    await hold(store)
    begun = await store.watching.begin(MARK)
    await store.watching.commit(step(begun, "50", posts=(("fake:mods", NewPart("same", "x", "x")),)))
    other = "observer:other/watch"
    started = await store.watching.begin(other)
    good = step(started, "9", mark=other, plugin="other", notes=(("a", "1"),))
    bad = step("50", "51", notes=(("a", "1"),), posts=(("fake:mods", NewPart("same", "x", "x")),))
    outcomes = await asyncio.gather(
        store.watching.commit(bad), store.watching.commit(good), return_exceptions=True
    )
    assert isinstance(outcomes[0], Exception)
    assert outcomes[1] == []
    assert await store.watching.begin(MARK) == "50"
    assert await store.notes.read("plugin:mood") == {}
    assert await store.notes.read("plugin:other") == {"a": "1"}


async def test_what_watchers_said_outlives_the_message_it_was_about(store: Store, event: Make) -> None:
    await hold(store)
    message = event()
    await store.inbox.accept(message)
    begun = await store.watching.begin(MARK)
    await store.watching.commit(step(begun, "50", posts=(("fake:mods", NewPart("p", "alert", "x")),)))
    await store.inbox.accept(event("", kind="deleted", target=message.key))
    assert [part.key for part in await store.outbox.pending(["fake"], 10)] == ["p"]


async def test_a_person_is_forgotten_alone(store: Store, event: Make) -> None:
    scores = [
        Score(f"{place}{author}", place, author, event().sent_at, 1.0)
        for place in ("fake:room", "other:room")
        for author in ("ada", "ben")
    ]
    await store.scores.put("mood", scores)
    names = ("author:fake:ada", "author:fake:ada/last", "author:fake:adam", "author:other:ada", "x")
    await store.notes.write("plugin:mood", dict.fromkeys(names, "1"))
    await store.notes.write("elsewhere", {"author:fake:ada": "1"})
    await store.watching.forget("fake", "ada")
    left = await store.scores.series("mood")
    assert {(each.conversation, each.author) for each in left} == {
        ("fake:room", "ben"),
        ("other:room", "ada"),
        ("other:room", "ben"),
    }
    assert set(await store.notes.read("plugin:mood")) == {"author:fake:adam", "author:other:ada", "x"}
    assert await store.notes.read("elsewhere") == {"author:fake:ada": "1"}


async def test_notes_are_found_by_how_they_begin(store: Store) -> None:
    await store.notes.write("plugin:mood", {"a%": "1", "a%/b": "2", "ab": "3", "é/x": "4"})
    assert await store.notes.beginning("plugin:mood", "a%") == {"a%": "1", "a%/b": "2"}
    assert await store.notes.beginning("plugin:mood", "é/") == {"é/x": "4"}
    assert len(await store.notes.beginning("plugin:mood", "")) == 4
    assert await store.notes.get("plugin:mood", "ab") == "3"
    assert await store.notes.get("plugin:other", "ab") is None
