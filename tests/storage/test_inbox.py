"""Accepting, claiming, finishing: the promises of the inbox on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from storage import (
    Claimed,
    Event,
    Fenced,
    Finish,
    InboxState,
    NewAttachment,
    NewPart,
    Store,
)

Make = Callable[..., Event]


async def claim_one(store: Store, conversation_id: int, owner: str = "one", **options: float) -> Claimed:
    (claimed,) = await store.inbox.claim(owner, conversation_id, limit=1, **{"lease_seconds": 30, **options})
    return claimed


def answer(claimed: Claimed, *texts: str, **changes: object) -> Finish:
    parts = tuple(
        NewPart(f"{claimed.key}:echo:{number}", text, f"reply {text}") for number, text in enumerate(texts)
    )
    fields = {
        "inbox_id": claimed.inbox_id,
        "fence": claimed.fence,
        "state": InboxState.ANSWERED,
        "parts": parts,
    }
    return Finish(**(fields | changes))


async def test_an_event_is_accepted_once(store: Store, event: Make) -> None:
    first = event(key="fake:same")
    again = await asyncio.gather(*(store.inbox.accept(first) for _ in range(50)))
    assert [each.duplicate for each in again].count(False) == 1
    assert len({each.inbox_id for each in again}) == 1
    assert (await store.inbox.accept(first)).duplicate
    health = await store.health()
    assert (health.inbox, health.messages, health.conversations) == ({"pending": 1}, 1, 1)


async def test_a_claim_hands_out_the_oldest_first(store: Store, event: Make) -> None:
    for number in range(5):
        accepted = await store.inbox.accept(event(f"text {number}"))
    claimed = await store.inbox.claim("one", accepted.conversation_id, limit=3, lease_seconds=30)
    assert [each.text for each in claimed] == ["text 0", "text 1", "text 2"]
    assert {each.attempts for each in claimed} == {1}
    assert claimed[0].packed == "packed 1"
    rest = await store.inbox.claim("one", accepted.conversation_id, limit=3, lease_seconds=30)
    assert [each.text for each in rest] == ["text 3", "text 4"]
    assert rest[0].fence > claimed[0].fence
    await store.inbox.finish(answer(claimed[0], "still mine"))


async def test_one_batch_claims_many_conversations_each_within_its_limit(store: Store, event: Make) -> None:
    accepted = await asyncio.gather(
        *(
            store.inbox.accept(event(f"{room} {number}", conversation=f"fake:{room}"))
            for number in range(3)
            for room in range(4)
        )
    )
    rooms = list(dict.fromkeys(each.conversation_id for each in accepted))
    claims = await asyncio.gather(
        *(
            store.inbox.claim("one", room, limit=1 + place, lease_seconds=30)
            for place, room in enumerate(rooms)
        )
    )
    assert [len(each) for each in claims] == [1, 2, 3, 3]
    assert all(len({each.conversation_id for each in claim}) == 1 for claim in claims)


async def test_another_owner_waits_for_the_lease(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    mine = await claim_one(store, room, lease_seconds=0.2)
    await store.inbox.accept(event("second"))
    assert await store.inbox.claim("two", room, limit=5, lease_seconds=30) == []
    assert await store.inbox.owners() == ["one"]
    await asyncio.sleep(0.3)
    taken = await store.inbox.claim("two", room, limit=5, lease_seconds=30)
    assert [each.text for each in taken] == ["hello", "second"]
    assert [each.attempts for each in taken] == [2, 1]
    with pytest.raises(Fenced):
        await store.inbox.finish(answer(mine, "too late"))
    assert [part.packed for part in await store.inbox.finish(answer(taken[0], "in time"))] == [
        "reply in time"
    ]


async def test_renewing_keeps_the_lease(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    await claim_one(store, room, lease_seconds=0.2)
    await store.inbox.renew("one", 30)
    await asyncio.sleep(0.3)
    assert await store.inbox.recover("two", ["fake"]) == 0
    assert await store.inbox.claim("two", room, limit=1, lease_seconds=30) == []


async def test_a_released_conversation_is_free(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    claimed = await claim_one(store, room)
    await store.inbox.finish(answer(claimed))
    await store.inbox.release("two", room)
    await store.inbox.accept(event())
    assert await store.inbox.claim("two", room, limit=1, lease_seconds=30) == []
    await store.inbox.release("one", room)
    assert len(await store.inbox.claim("two", room, limit=1, lease_seconds=30)) == 1


async def test_recovery_returns_what_the_dead_held(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    claimed = await claim_one(store, room)
    assert await store.inbox.recover("two", ["other"], ["one"]) == 0
    assert await store.inbox.recover("two", ["fake"], ["one"]) == 1
    with pytest.raises(Fenced):
        await store.inbox.finish(answer(claimed, "from the grave"))
    assert (await claim_one(store, room, "two")).attempts == 2


async def test_giving_back_does_not_count(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    claimed = await claim_one(store, room)
    await store.inbox.give_back(claimed.inbox_id, claimed.fence + 1)
    assert await store.inbox.state(claimed.key) is InboxState.CLAIMED
    await store.inbox.give_back(claimed.inbox_id, claimed.fence)
    assert (await claim_one(store, room)).attempts == 1


async def test_finishing_writes_everything_at_once(store: Store, event: Make) -> None:
    accepted = await store.inbox.accept(event("question"))
    claimed = await claim_one(store, accepted.conversation_id)
    finish = answer(claimed, "one", "two", "", skill="qa", decision="score 0.9", reason="asked")
    parts = await store.inbox.finish(finish)
    assert [part.key for part in parts] == ["fake:1:echo:0", "fake:1:echo:1", "fake:1:echo:2"]
    assert {part.trigger for part in parts} == {"packed 1"}
    assert await store.outbox.pending(["fake"], 10) == parts
    said = await store.history.recent("fake:room")
    assert [(each.role, each.text, each.packed) for each in said] == [
        ("person", "question", ""),
        ("bot", "one", "reply one"),
        ("bot", "two", "reply two"),
    ]
    assert said[1].reply_to == "fake:1"
    (decision,) = await store.inbox.decisions(accepted.conversation_id)
    assert (decision.state, decision.reason, decision.decision) == (InboxState.ANSWERED, "asked", "score 0.9")
    await store.inbox.accept(event("next"))
    assert (await claim_one(store, accepted.conversation_id)).skill == "qa"


async def test_a_second_finish_is_refused_alone(store: Store, event: Make) -> None:
    rooms = [(await store.inbox.accept(event(conversation=f"fake:{n}"))).conversation_id for n in range(3)]
    claims = [await claim_one(store, room) for room in rooms]
    outcomes = await asyncio.gather(
        *(store.inbox.finish(answer(each, "reply")) for each in [*claims, claims[0]]), return_exceptions=True
    )
    assert [isinstance(each, Fenced) for each in outcomes] == [False, False, False, True]
    assert (await store.health()).outbox == {"pending": 3}


async def test_a_part_key_used_twice_fails_only_its_own_finish(store: Store, event: Make) -> None:
    rooms = [(await store.inbox.accept(event(conversation=f"fake:{n}"))).conversation_id for n in range(3)]
    claims = [await claim_one(store, room) for room in rooms]
    same = (NewPart("same", "text", "packed"),)
    outcomes = await asyncio.gather(
        store.inbox.finish(answer(claims[0], parts=same)),
        store.inbox.finish(answer(claims[1], parts=same)),
        store.inbox.finish(answer(claims[2], "other")),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in outcomes] == [False, True, False]
    assert await store.inbox.state(claims[1].key) is InboxState.CLAIMED


async def test_waiting_puts_the_urgent_first(store: Store, event: Make) -> None:
    background = await store.inbox.accept(event(conversation="fake:slow", priority=2))
    person = await store.inbox.accept(event(conversation="fake:person"))
    alert = await store.inbox.accept(event(conversation="fake:alert", priority=0))
    await store.inbox.accept(event(conversation="fake:person"))
    await store.inbox.accept(event(conversation="web:other", platform="web"))
    waiting = await store.inbox.waiting(["fake"], limit=10)
    assert [each.conversation_id for each in waiting] == [
        each.conversation_id for each in (alert, person, background)
    ]
    assert waiting[1] == (person.conversation_id, 1, person.inbox_id, 0)
    few = await store.inbox.waiting(["fake", "web"], limit=1, exclude=[alert.conversation_id])
    assert [each.conversation_id for each in few] == [person.conversation_id]
    await store.inbox.accept(event(conversation="fake:alert", priority=0))
    await claim_one(store, alert.conversation_id)
    for owner, seen in (("one", 3), ("two", 2), (None, 3)):
        assert len(await store.inbox.waiting(["fake"], limit=10, owner=owner)) == seen


async def test_what_is_not_finished_says_why(store: Store, event: Make) -> None:
    room = (await store.inbox.accept(event())).conversation_id
    await store.inbox.accept(event(conversation="fake:other"))
    silent = (await store.inbox.accept(event(conversation="fake:silent"))).conversation_id
    claimed = await claim_one(store, room)
    await store.inbox.accept(event())
    await claim_one(store, silent, "gone", lease_seconds=-1)
    await store.inbox.finish(answer(claimed, "reply"))
    found = {(each.table, each.key): each.why for each in await store.inbox.unfinished(0)}
    assert found == {
        ("inbox", "fake:2"): "waits to be claimed",
        ("inbox", "fake:3"): "gone claimed it and fell silent; it will be claimed again",
        ("inbox", "fake:4"): "waits while one works on its conversation",
        ("outbox", "fake:1:echo:0"): "waits to be sent",
    }
    assert await store.inbox.unfinished(60) == []


async def test_an_edit_changes_text_and_index(store: Store, event: Make) -> None:
    created = event("the colour is red")
    accepted = await store.inbox.accept(created)
    before = (await store.history.message(created.key)).revision
    edit = event("the colour is blue", kind="edited", target=created.key)
    stale = event("the colour is green", kind="edited", target=created.key, sent_at=created.sent_at)
    await store.inbox.accept(edit)
    await store.inbox.accept(stale)
    kept = await store.history.message(created.key)
    assert (kept.text, kept.edited) == ("the colour is blue", True)
    assert kept.revision > before
    assert [each.key for each in await store.history.search("blue", conversations=None)] == [created.key]
    for gone in ("red", "green"):
        assert await store.history.search(gone, conversations=None) == []
    claimed = await store.inbox.claim("one", accepted.conversation_id, limit=9, lease_seconds=30)
    assert [each.text for each in claimed] == ["the colour is blue"] * 3


async def test_an_edit_may_come_first(store: Store, event: Make) -> None:
    edit = event("second version", kind="edited", target="fake:late", author="eve", author_name="Eve")
    await store.inbox.accept(edit)
    await store.inbox.accept(event("first version", key="fake:late", reply_to="fake:0"))
    kept = await store.history.message("fake:late")
    assert (kept.text, kept.edited, kept.author, kept.reply_to) == ("second version", True, "ada", "fake:0")
    assert (await store.health()).inbox == {"pending": 2}
    assert await store.history.search("first", conversations=None) == []


async def test_a_deletion_erases_what_waits_and_what_was_not_sent(store: Store, event: Make) -> None:
    created = event(
        "secret word", attachments=(NewAttachment("file", "plan.txt", "text/plain", b"secret plan"),)
    )
    room = (await store.inbox.accept(created)).conversation_id
    claimed = await claim_one(store, room)
    parts = await store.inbox.finish(answer(claimed, "secret answer", "secret rest"))
    await store.outbox.mark_attempting(parts[0].id)
    waiting = event("secret edit", kind="edited", target=created.key)
    await store.inbox.accept(waiting)
    deletion = event("", kind="deleted", target=created.key)
    assert (await store.inbox.accept(deletion)).state is InboxState.PENDING
    assert (await store.health()).outbox == {"attempting": 1, "cancelled": 1}
    assert await store.inbox.state(waiting.key) is InboxState.ERASED
    assert await store.inbox.state(created.key) is InboxState.ANSWERED
    kept = await store.history.message(created.key)
    assert (kept.text, kept.deleted, kept.attachments) == ("", True, ())
    assert await store.history.attachment("file") is None
    assert [each.text for each in await store.history.search("secret", conversations=None)] == [
        "secret answer"
    ]
    assert [each.deleted for each in await store.history.since("fake:room", kept.revision - 1)] == [
        True,
        True,
    ]


async def test_a_finish_after_deletion_is_refused(store: Store, event: Make) -> None:
    created = event("delete me")
    room = (await store.inbox.accept(created)).conversation_id
    claimed = await claim_one(store, room)
    await store.inbox.accept(event("", kind="deleted", target=created.key))
    with pytest.raises(Fenced, match="deleted"):
        await store.inbox.finish(answer(claimed, "too late"))
    assert (await store.health()).outbox == {}


async def test_a_deletion_may_come_first(store: Store, event: Make) -> None:
    await store.inbox.accept(event("", kind="deleted", target="fake:late"))
    late = event("never seen", key="fake:late", attachments=(NewAttachment("f", "a", "text/plain", b"x"),))
    accepted = await store.inbox.accept(late)
    assert accepted.state is InboxState.ERASED
    assert not accepted.duplicate
    assert (await store.history.message("fake:late")).text == ""
    assert await store.history.search("never", conversations=None) == []
    assert await store.history.attachment("f") is None
    edit = await store.inbox.accept(event("nor this", kind="edited", target="fake:late"))
    assert edit.state is InboxState.ERASED


async def test_creation_edit_and_deletion_in_one_batch(store: Store, event: Make) -> None:
    first, second = event("alpha"), event("beta")
    events = [
        first,
        event("alpha two", kind="edited", target=first.key),
        second,
        event("", kind="deleted", target=second.key),
        event("beta two", kind="edited", target=second.key),
    ]
    accepted = await asyncio.gather(*(store.inbox.accept(each) for each in events))
    assert [each.state for each in accepted] == ["pending", "pending", "erased", "pending", "erased"]
    assert [each.text for each in await store.history.recent("fake:room")] == ["alpha two"]
    assert len(await store.history.search("alpha two", conversations=["fake:room"])) == 1
    assert await store.history.search("beta", conversations=None) == []


async def test_attachments_come_with_their_message(store: Store, event: Make) -> None:
    files = tuple(NewAttachment(f"file{n}", f"{n}.txt", "text/plain", b"x" * n) for n in range(2))
    await store.inbox.accept(event("see", attachments=files))
    (message,) = await store.history.recent("fake:room")
    assert message.attachments == (("file0", "0.txt", "text/plain", 0), ("file1", "1.txt", "text/plain", 1))
    assert await store.history.attachment("file1") == ("1.txt", "text/plain", b"x")
    clash = await asyncio.gather(
        store.inbox.accept(event("thief", attachments=files[:1])),
        store.inbox.accept(event("honest")),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in clash] == [True, False]


async def test_a_reaction_changes_no_message_and_is_worked_on(store: Store, event: Make) -> None:
    created = event("nice")
    await store.inbox.accept(created)
    reaction = event("👍", kind="reacted", target=created.key)
    accepted = await store.inbox.accept(reaction)
    assert accepted.state is InboxState.PENDING
    kept = await store.history.message(created.key)
    assert (kept.text, kept.edited) == ("nice", False)
    claimed = await store.inbox.claim("one", accepted.conversation_id, limit=5, lease_seconds=10)
    assert [each.key for each in claimed] == [created.key, reaction.key]


async def test_a_reaction_to_an_unknown_message_shows_nowhere(store: Store, event: Make) -> None:
    reaction = event("👍", kind="reacted", target="fake:never-heard-of")
    accepted = await store.inbox.accept(reaction)
    assert accepted.state is InboxState.PENDING
    assert await store.history.recent("fake:room") == []
    late = event("here I am", key="fake:never-heard-of")
    await store.inbox.accept(late)
    assert [each.text for each in await store.history.recent("fake:room")] == ["here I am"]


async def test_an_older_message_that_is_shown_comes_into_the_history(store: Store, event: Make) -> None:
    seen = event("old news", kind="seen")
    await store.inbox.accept(seen)
    assert [each.text for each in await store.history.recent("fake:room")] == ["old news"]
    assert (await store.inbox.accept(replace(seen, kind="created"))).duplicate


async def test_deleting_a_message_forgets_what_its_finished_event_was_called_with(
    store: Store, event: Make
) -> None:
    created = event("/tell secret", packed="call: secret")
    accepted = await store.inbox.accept(created)
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=10)
    part = NewPart("part:1", "an answer", "packed answer")
    finish = Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(part,))
    (sent,) = await store.inbox.finish(finish)
    await store.outbox.mark_attempting(sent.id)
    await store.inbox.accept(event("", kind="deleted", target=created.key))
    (under_way,) = await store.outbox.pending(["fake"], 10)
    assert under_way.trigger == "call: secret"  # it may be on its way: its connector needs to know where to
    await store.outbox.mark_sent(sent.id, "fake:x")

    other = event("/tell secret", packed="call: another secret")
    accepted = await store.inbox.accept(other)
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=10)
    await store.inbox.finish(Finish(claimed.inbox_id, claimed.fence, InboxState.NO_REPLY_NEEDED))
    await store.inbox.accept(event("", kind="deleted", target=other.key))
    kept = await store._reader.rows(text("SELECT packed FROM inbox WHERE key = :key"), {"key": other.key})
    assert kept[0].packed == ""
