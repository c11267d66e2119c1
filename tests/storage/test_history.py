"""Recall, search and export, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import Event, Finish, InboxState, NewPart, Role, Store
from storage.segmentation import phrases

Make = Callable[..., Event]

TEXTS = {
    "zh": "请问数据库的密码怎么重置？",
    "mixed": "我用 Python 写代码",
    "en": "The quick brown fox resets the Database password.",
    "accent": "Crème brûlée at the CAFÉ",
    "wide": "ＡＢＣ１２３",
    "code": "call foo_bar(1.5) at https://example.org/a-b?c=d user@example.org",
    "ja": "データベースのパスワード",
}


@pytest.fixture
async def talk(store: Store, event: Make) -> Store:
    for key, text in TEXTS.items():
        await store.inbox.accept(event(text, key=key, conversation=f"fake:{len(key)}"))
    return store


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("数据库", ["zh"]),
        ("密码", ["zh"]),
        ("据库", ["zh"]),
        ("密", ["zh"]),
        ("码", ["mixed", "zh"]),
        ("数库", []),
        ("密码 重置", ["zh"]),
        ("重置 密码 python", []),
        ("代码 python", ["mixed"]),
        ('"用 Python 写"', ["mixed"]),
        ('"python 用"', []),
        ("“用 python”", ["mixed"]),
        ("database", ["en"]),
        ("DATABASE quick", ["en"]),
        ("data", []),
        ('"brown fox"', ["en"]),
        ('"fox brown"', []),
        ("creme cafe", ["accent"]),
        ("brûlée", ["accent"]),
        ("abc123", ["wide"]),
        ("foo_bar", ["code"]),
        ("example.org", ["code"]),
        ("user@example.org", ["code"]),
        ("パスワード", ["ja"]),
        ("ベース", ["ja"]),
        ("", []),
        ('" ', []),
        ("AND OR NOT", []),
        ("the NEAR", []),
        ("words:quick", []),
        ("quick*", ["en"]),
        ("-quick ^brown (fox", ["en"]),
        ("'; DROP TABLE messages; --", []),
    ],
)
async def test_search(talk: Store, words: str, keys: list[str]) -> None:
    assert [each.key for each in await talk.history.search(words, conversations=None)] == keys


async def test_search_stays_within_conversations(talk: Store) -> None:
    async def found(*conversations: str) -> list[str]:
        return [each.key for each in await talk.history.search("码", conversations=conversations)]

    assert await found("fake:2") == ["zh"]
    assert await found("fake:5") == ["mixed"]
    assert await found("fake:2", "fake:5", "fake:none") == ["mixed", "zh"]
    assert await found("fake:none") == []
    assert await found() == []


async def test_search_pages_from_the_newest(store: Store, event: Make) -> None:
    for number in range(5):
        await store.inbox.accept(event(f"page {number}"))
    first = await store.history.search("page", conversations=["fake:room"], limit=2)
    assert [each.text for each in first] == ["page 4", "page 3"]
    rest = await store.history.search("page", conversations=None, before_id=first[-1].id)
    assert [each.text for each in rest] == ["page 2", "page 1", "page 0"]


async def test_search_takes_thousands_of_conversations(store: Store, event: Make) -> None:
    await store.inbox.accept(event("needle"))
    many = ["fake:room", *(f"fake:{number}" for number in range(5000))]
    assert len(await store.history.search("needle", conversations=many)) == 1


SIGNS = st.text(
    st.sampled_from("ab 密码\"'*():-+^&|!<>\\%_\n")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    max_size=20,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=SIGNS)
async def test_no_words_are_a_syntax_error(store: Store, event: Make, text: str) -> None:
    """Whatever is typed finds something or nothing; a text with words in it is found by itself."""
    accepted = event(text, key=f"fake:{uuid4()}")
    await store.inbox.accept(accepted)
    found = await store.history.search(text, conversations=None, limit=1)
    assert [each.key for each in found] == ([accepted.key] if phrases(text) else [])


async def test_recall_goes_back_in_time(store: Store, event: Make) -> None:
    for number in range(5):
        await store.inbox.accept(event(f"text {number}"))
    await store.inbox.accept(event("elsewhere", conversation="fake:other"))
    last = await store.history.recent("fake:room", limit=2)
    assert [each.text for each in last] == ["text 3", "text 4"]
    earlier = await store.history.recent("fake:room", before_id=last[0].id)
    assert [each.text for each in earlier] == ["text 0", "text 1", "text 2"]
    assert await store.history.recent("fake:nowhere") == []
    assert earlier[0].role is Role.PERSON
    assert (earlier[0].author, earlier[0].author_name) == ("ada", "Ada")


async def test_since_gives_exactly_what_changed(store: Store, event: Make) -> None:
    events = [event(f"text {number}") for number in range(3)]
    for each in events:
        await store.inbox.accept(each)
    seen = (await store.history.recent("fake:room"))[-1].revision
    assert await store.history.since("fake:room", seen) == []
    await store.inbox.accept(event("edited", kind="edited", target=events[0].key))
    await store.inbox.accept(event("", kind="deleted", target=events[1].key))
    await store.inbox.accept(event("new"))
    changed = await store.history.since("fake:room", seen)
    assert [(each.key, each.text, each.deleted) for each in changed] == [
        (events[0].key, "edited", False),
        (events[1].key, "", True),
        (changed[2].key, "new", False),
    ]
    assert await store.history.since("fake:room", changed[0].revision, limit=1) == [changed[1]]
    assert [each.key for each in await store.history.recent("fake:room")] == [
        events[0].key,
        events[2].key,
        changed[2].key,
    ]


async def test_a_span_of_time_is_read_by_the_moment_of_sending(store: Store, event: Make) -> None:
    for number in range(5):
        await store.inbox.accept(event(f"text {number}"))
    late = event("sent early, shown late", sent_at=datetime(2026, 1, 1, tzinfo=UTC))
    await store.inbox.accept(late)
    await store.inbox.accept(event("", kind="deleted", target="fake:3"))
    await store.inbox.accept(event("elsewhere", conversation="fake:other"))
    start, end = (datetime(2026, 1, 1, second=second, tzinfo=UTC) for second in (0, 5))

    async def texts(*span: datetime, limit: int = 50) -> list[str]:
        first, last = span
        return [each.text for each in await store.history.between("fake:room", first, last, limit)]

    assert await texts(start, end) == ["sent early, shown late", "text 0", "text 1", "text 3"]
    assert await texts(start, end, limit=2) == ["text 1", "text 3"]
    assert await texts(end, end) == []
    assert await store.history.between("fake:nowhere", start, end) == []


async def test_the_last_message_of_an_author(store: Store, event: Make) -> None:
    events = [event(f"text {number}", author="eve" if number == 1 else "ada") for number in range(4)]
    for each in events:
        await store.inbox.accept(each)
    until, besides = events[3].sent_at, events[3].key

    async def last(author: str, conversation: str = "fake:room") -> str | None:
        found = await store.history.last_of(conversation, author, until=until, besides=besides)
        return found and found.text

    assert await last("ada") == "text 2"
    assert await last("eve") == "text 1"
    assert await last("bob") is None
    assert await last("ada", "fake:nowhere") is None
    await store.inbox.accept(event("", kind="deleted", target=events[2].key))
    assert await last("ada") == "text 0"


async def test_conversations_are_listed_for_their_owner(store: Store, event: Make) -> None:
    long = "a question about " + "very " * 40 + "long titles"
    await store.inbox.accept(event("  first \n question ", conversation="fake:1", owner="ada"))
    await store.inbox.accept(event(long, conversation="fake:2", owner="ada"))
    await store.inbox.accept(event("shared", conversation="fake:3"))
    await store.inbox.accept(event("again", conversation="fake:1", owner="ada"))
    mine = await store.history.conversations("fake", "ada")
    assert [each.key for each in mine] == ["fake:1", "fake:2"]
    assert mine[0].title == "first question"
    assert mine[1].title.endswith("…")
    assert len(mine[1].title) <= 60
    assert [each.key for each in await store.history.conversations("fake", None)] == ["fake:3"]
    assert await store.history.conversations("fake", "eve") == []
    assert (await store.history.conversation("fake:2")) == mine[1]
    assert await store.history.conversation("fake:4") is None


async def test_a_renamed_author_is_renamed_everywhere(store: Store, event: Make) -> None:
    await store.inbox.accept(event("one"))
    await store.inbox.accept(event("two", author_name="Ada Lovelace"))
    assert {each.author_name for each in await store.history.recent("fake:room")} == {"Ada Lovelace"}


async def test_export_gives_all_that_is_not_deleted(
    store: Store, event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.history.EXPORT_PAGE", 2)
    for number in range(5):
        accepted = await store.inbox.accept(event(f"text {number}"))
        await store.inbox.accept(event(f"other {number}", conversation="fake:other"))
    await store.inbox.accept(event("", kind="deleted", target="fake:1"))
    (claimed, *_) = await store.inbox.claim("one", accepted.conversation_id, limit=1, lease_seconds=30)
    part = NewPart("reply", "done", "packed")
    await store.inbox.finish(Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(part,)))
    room = [each.text async for each in store.history.export(["fake:room"])]
    assert room == ["text 1", "text 2", "text 3", "text 4", "done"]
    assert len([each async for each in store.history.export(None)]) == 10
    assert [each async for each in store.history.export(["fake:nowhere"])] == []


async def test_long_texts_are_kept_whole(store: Store, event: Make) -> None:
    text = "start " + "密码word " * 100_000
    await store.inbox.accept(event(text))
    (kept,) = await store.history.search("start", conversations=None)
    assert kept.text == text
    await store.inbox.accept(event("", kind="deleted", target=kept.key))
    assert await store.history.search("start", conversations=None) == []


async def test_conversations_in_use_are_named_the_last_used_first(store: Store, event: Make) -> None:
    await store.inbox.accept(event(conversation="fake:one"))
    await store.inbox.accept(event(conversation="fake:two"))
    await store.inbox.accept(event(platform="web", conversation="web:x"))
    moment = datetime.now(UTC)
    assert await store.history.in_use("fake", moment - timedelta(hours=1)) == ["fake:two", "fake:one"]
    assert await store.history.in_use("fake", moment - timedelta(hours=1), limit=1) == ["fake:two"]
    assert await store.history.in_use("fake", moment + timedelta(hours=1)) == []
