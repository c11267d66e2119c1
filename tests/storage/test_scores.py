"""Scores: one per plugin and message, found by conversation, author and time, gone with their message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from storage import Event, Score, Store

Make = Callable[..., Event]


def score(event: Event, value: float, **changes: object) -> Score:
    fields = {"conversation": event.conversation, "author": event.author, "label": "x"} | changes
    return Score(event.key, sent_at=event.sent_at, value=value, **fields)  # type: ignore[arg-type]


async def test_a_series_is_found_by_place_author_and_span(store: Store, event: Make) -> None:
    events = [event(conversation=f"fake:room-{n % 2}", author="ada" if n % 3 else "ben") for n in range(12)]
    await store.scores.put("mood", [score(each, n) for n, each in enumerate(events)])

    async def values(**wanted: object) -> list[float]:
        return [each.value for each in await store.scores.series("mood", **wanted)]  # type: ignore[arg-type]

    assert await values() == list(range(12))
    assert await values(conversation="fake:room-1") == [1, 3, 5, 7, 9, 11]
    assert await values(author="ben") == [0, 3, 6, 9]
    assert await values(author="ben", conversation="fake:room-1") == [3, 9]
    assert await values(start=events[3].sent_at, end=events[6].sent_at) == [3, 4, 5]
    assert await values(conversation="fake:room-0", start=events[5].sent_at) == [6, 8, 10]
    assert await values(limit=3) == [9, 10, 11]
    assert await store.scores.series("other") == []
    assert (await store.scores.series("mood", limit=1))[0] == score(events[11], 11)


async def test_a_new_score_replaces_the_old_one_of_the_same_plugin(store: Store, event: Make) -> None:
    message = event()
    await store.scores.put("mood", [score(message, 1), score(message, 2)])
    await store.scores.put("other", [score(message, 5)])
    await store.scores.put("mood", [score(message, 3, conversation="fake:moved", label="good")])
    (found,) = await store.scores.series("mood")
    assert (found.value, found.label, found.conversation) == (3, "good", "fake:moved")
    assert [each.value for each in await store.scores.series("other")] == [5]


async def test_scores_go_with_their_message_and_do_not_come_back(store: Store, event: Make) -> None:
    kept, erased = event(), event()
    for each in (kept, erased):
        await store.inbox.accept(each)
    await store.scores.put("mood", [score(kept, 1), score(erased, 2)])
    await store.scores.put("other", [score(erased, 2)])
    await store.inbox.accept(event("", kind="deleted", target=erased.key))
    assert [each.key for each in await store.scores.series("mood")] == [kept.key]
    assert await store.scores.series("other") == []
    await store.scores.put("mood", [score(erased, 2)])
    assert [each.key for each in await store.scores.series("mood")] == [kept.key]


async def test_more_scores_than_can_be_asked_after_at_once(store: Store, event: Make) -> None:
    first = event()
    rows = [Score(f"k{n}", "fake:room", "ada", first.sent_at + timedelta(seconds=n), n) for n in range(1200)]
    await store.scores.put("mood", rows)
    assert len(await store.scores.series("mood", limit=5000)) == 1200
