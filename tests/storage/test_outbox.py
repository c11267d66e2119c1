"""Parts of replies on their way, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from storage import Event, Fenced, Finish, InboxState, NewAttachment, NewPart, OutboxState, Part, Store

Make = Callable[..., Event]


@pytest.fixture
async def parts(store: Store, event: Make) -> list[Part]:
    """Three parts waiting to be sent, the last without a text for people."""
    accepted = await store.inbox.accept(event("question"))
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=30)
    new = tuple(
        NewPart(f"part:{number}", text, f"packed {text}") for number, text in enumerate(["a", "b", ""])
    )
    return await store.inbox.finish(Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=new))


async def test_parts_wait_in_order_until_they_end(store: Store, parts: list[Part]) -> None:
    first, second, third = parts
    assert await store.outbox.pending(["fake"], 10) == parts
    assert await store.outbox.pending(["fake"], 1, first.id) == [second]
    assert await store.outbox.pending(["web"], 10) == []
    await asyncio.gather(
        store.outbox.mark_sent(first.id, "x1"),
        store.outbox.mark_attempting(second.id),
        store.outbox.mark_failed(third.id, "no such channel"),
    )
    (tried,) = await store.outbox.pending(["fake"], 10)
    assert tried.first_tried_at is not None
    assert tried == replace(second, state=OutboxState.ATTEMPTING, first_tried_at=tried.first_tried_at)
    assert (await store.health()).outbox == {"sent": 1, "attempting": 1, "failed": 1}


async def test_a_retry_counts(store: Store, parts: list[Part]) -> None:
    await store.outbox.mark_attempting(parts[0].id)
    tried_at = (await store.outbox.pending(["fake"], 1))[0].first_tried_at
    assert tried_at is not None
    await store.outbox.retry(parts[0].id)
    await store.outbox.mark_attempting(parts[0].id)
    await store.outbox.retry(parts[0].id)
    waiting = (await store.outbox.pending(["fake"], 1))[0]
    assert waiting.first_tried_at == tried_at
    assert (waiting.state, waiting.attempts) == (OutboxState.PENDING, 2)
    assert "could not be sent 2 times" in (await store.inbox.unfinished(0))[0].why


async def test_what_has_ended_is_not_sent_again(store: Store, parts: list[Part]) -> None:
    first, second, third = parts
    await store.outbox.mark_sent(first.id, "x1")
    await store.outbox.mark_sent(first.id, "x2")
    await store.outbox.cancel(second.id)
    await store.outbox.mark_failed(third.id, "gone")
    for part in parts:
        for mark in (store.outbox.mark_attempting, store.outbox.retry, store.outbox.cancel):
            with pytest.raises(Fenced):
                await mark(part.id)
    with pytest.raises(Fenced):
        await store.outbox.mark_attempting(10**6)
    await store.outbox.mark_sent(second.id, "it had left already")
    assert (await store.health()).outbox == {"sent": 2, "failed": 1}


async def test_sending_that_began_cannot_be_taken_back(store: Store, parts: list[Part]) -> None:
    await store.outbox.mark_attempting(parts[0].id)
    with pytest.raises(Fenced):
        await store.outbox.cancel(parts[0].id)


async def test_a_platforms_id_leads_back_to_its_part(store: Store, parts: list[Part]) -> None:
    await store.outbox.mark_sent(parts[0].id, "fake:17")
    assert await store.outbox.key_of("fake", "fake:17") == parts[0].key
    assert await store.outbox.key_of("other", "fake:17") is None
    assert await store.outbox.platform_id(parts[0].key) == "fake:17"
    assert await store.outbox.platform_id(parts[1].key) is None
    assert await store.outbox.packed(parts[0].key) == "packed a"
    assert await store.outbox.packed("nobody") == ""


async def test_a_part_may_go_to_another_platform(store: Store, event: Make) -> None:
    accepted = await store.inbox.accept(event("question"))
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=30)
    part = NewPart("part:1", "", "packed", platform="elsewhere")
    finish = Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(part,))
    (written,) = await store.inbox.finish(finish)
    assert written.platform == "elsewhere"
    assert await store.outbox.pending(["fake"], 10) == []
    assert await store.outbox.pending(["elsewhere"], 10) == [written]


async def answered_with_a_file(store: Store, event: Make) -> Part:
    """A part with a file, and what the history keeps of it."""
    accepted = await store.inbox.accept(event("give me the file", key="asking"))
    (claimed,) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=30)
    file = NewAttachment("file-1", "notes.txt", "text/plain", b"the content")
    new = NewPart("part:file", "Here it is.", "packed with the content", None, "kept", (file,))
    finish = Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(new,))
    (part,) = await store.inbox.finish(finish)
    return part


async def test_a_files_content_is_sent_and_then_kept_once(store: Store, event: Make) -> None:
    part = await answered_with_a_file(store, event)
    assert part.packed == "packed with the content"
    assert [each.packed for each in await store.outbox.pending(["fake"], 10)] == [part.packed]
    message = await store.history.message(part.key)
    assert message is not None
    assert (message.packed, message.attachments) == (
        "kept",
        (("file-1", "notes.txt", "text/plain", 11),),
    )
    assert await store.outbox.packed(part.key) == part.packed
    await store.outbox.mark_sent(part.id, "x1")
    assert await store.outbox.packed(part.key) == "kept"
    assert await store.history.attachment("file-1") == ("notes.txt", "text/plain", b"the content")


async def test_a_file_goes_with_the_answer_that_is_not_sent_any_more(store: Store, event: Make) -> None:
    part = await answered_with_a_file(store, event)
    await store.inbox.accept(event("", key="asking:delete", kind="deleted", target="asking"))
    assert await store.outbox.packed(part.key) == ""
    assert await store.history.attachment("file-1") is None
