"""Drafts of notes and scores: what is read is what will be."""

from datetime import UTC, datetime, timedelta

from bot.memory import DraftNotes, DraftScores, Score

START = datetime(2026, 1, 1, tzinfo=UTC)


def score(number: int, value: float = 0.0, room: str = "a", author: str = "ann") -> Score:
    return Score(f"k{number}", room, author, START + timedelta(seconds=number), value)


async def test_notes_are_read_as_they_will_be() -> None:
    kept = DraftNotes()
    for name in ("a/1", "a/2", "b"):
        await kept.set(name, f"old {name}")
    draft = DraftNotes(kept)
    await draft.set("a/1", None)
    await draft.set("a/3", "new")
    assert await draft.get("a/1") is None
    assert await draft.get("a/2") == "old a/2"
    assert await draft.get("a/3") == "new"
    assert await draft.all("a/") == {"a/2": "old a/2", "a/3": "new"}
    assert await draft.all() == {"a/2": "old a/2", "a/3": "new", "b": "old b"}
    assert await kept.all("a/") == {"a/1": "old a/1", "a/2": "old a/2"}


async def test_scores_are_read_as_they_will_be() -> None:
    kept = DraftScores()
    for number in range(6):
        await kept.put(score(number))
    draft = DraftScores(kept)
    await draft.put(score(2, 9.0))
    await draft.put(score(5, 9.0, room="b"))
    await draft.put(score(7, 9.0))
    found = await draft.series(conversation="a")
    assert [(each.key, each.value) for each in found] == [
        ("k0", 0), ("k1", 0), ("k2", 9), ("k3", 0), ("k4", 0), ("k7", 9),
    ]  # fmt: skip
    assert [each.key for each in await draft.series(conversation="a", limit=3)] == ["k3", "k4", "k7"]
    span = await draft.series(start=score(2).sent_at, end=score(5).sent_at)
    assert [each.key for each in span] == ["k2", "k3", "k4"]
    assert [each.key for each in await draft.series(author="ben")] == []
    assert [each.value for each in await kept.series(conversation="a")] == [0] * 6
