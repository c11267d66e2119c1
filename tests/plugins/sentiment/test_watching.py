"""Moderators are told of bad messages and falling moods: once, at the right time, and not in a dry run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot import Author, EventKind, Observed, Reply, WatchContext
from bot.memory import DraftNotes, DraftScores
from bot.testing import FakeModels
from plugins.sentiment.alerts import Book
from plugins.sentiment.digest import digest
from plugins.sentiment.settings import ChannelMood, SentimentSettings
from plugins.sentiment.watching import post_updates, watch

BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BAD = "this is terrible and awful, I hate it"


@dataclass
class Channel:
    """A watched channel and its clock. `posted` is what the moderators were sent."""

    settings: SentimentSettings
    models: FakeModels = field(default_factory=FakeModels)
    notes: DraftNotes = field(default_factory=DraftNotes)
    scores: DraftScores = field(default_factory=DraftScores)
    moment: datetime = BEGIN
    posted: list[Reply] = field(default_factory=list)
    count: int = 0

    @property
    def context(self) -> WatchContext:
        return WatchContext(
            self.models,
            self.notes,
            self.scores,
            self.moment,
            lambda conversation, key: f"https://chat.example/{key}",
            {SentimentSettings: self.settings},
        )

    def event(self, text: str, **changes: object) -> Observed:
        self.count += 1
        self.moment += timedelta(minutes=1)
        given = {
            "kind": EventKind.CREATED,
            "key": f"test:{self.count}",
            "conversation": "test:room",
            "author": Author("bob", "Bob"),
            "text": text,
            "sent_at": self.moment,
        }
        return Observed(**(given | changes))  # type: ignore[arg-type]

    async def say(self, *texts: str, **changes: object) -> Sequence[Reply]:
        found = await watch.function(self.context, [self.event(text, **changes) for text in texts])
        self.posted += found
        return found

    async def wait(self, **time: float) -> None:
        self.moment += timedelta(**time)
        self.posted += await post_updates.function(self.context)


def channel(**settings: object) -> Channel:
    given = {"monitored": ("test:room*",), "channel": "test:moderators", "dry_run": False, "strong": 0.8}
    return Channel(SentimentSettings(**(given | settings)))  # type: ignore[arg-type]


async def test_a_strongly_negative_message_is_told_with_its_reasons() -> None:
    room = channel()
    (alert,) = await room.say(BAD)
    assert alert.to == "test:moderators"
    assert "**Alert 1: strongly negative message** in test:room" in alert.text
    assert "Negative with a probability of 0.90, by Bob." in alert.text
    assert f"> {BAD}" in alert.text
    assert "Decisive: terrible, awful, hate" in alert.text
    assert "https://chat.example/test:1" in alert.text
    assert [each.command for each in alert.controls] == ["/verdict 1 right", "/verdict 1 false"]


async def test_further_reasons_within_the_hour_are_counted_not_told() -> None:
    room = channel()
    await room.say(BAD)
    assert await room.say(BAD, BAD) == []
    await room.wait(minutes=61)
    assert "Alert 1, test:room: 2 more reasons since." in room.posted[-1].text
    await room.wait(minutes=1)
    assert len(room.posted) == 2
    assert "Alert 2" in (await room.say(BAD))[0].text


async def test_a_watcher_that_lags_behind_still_counts_into_the_alert_of_that_time() -> None:
    room = channel()
    await room.say(BAD)
    said = room.moment + timedelta(minutes=1)
    room.moment += timedelta(minutes=61)
    assert await room.say(BAD, sent_at=said) == []
    await room.wait(seconds=30)
    assert await room.say(BAD, sent_at=said) == []
    assert len(room.posted) == 1
    await room.wait(minutes=3)
    assert "Alert 1, test:room: 2 more reasons since." in room.posted[-1].text


async def test_a_dry_run_posts_nothing_and_keeps_what_it_would_have_posted() -> None:
    room = channel(dry_run=True)
    assert await room.say(BAD) == []
    (kept,) = await Book(room.notes).last()
    assert (kept.number, kept.quote, kept.is_posted) == (1, BAD, False)


async def test_alerts_of_quiet_hours_come_at_their_end() -> None:
    room = channel(quiet_hours="22:00-07:00", time_zone="Asia/Shanghai")  # 16:08 there
    room.moment = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    assert await room.say(BAD) == []
    await room.wait(minutes=1)
    assert room.posted == []
    await room.wait(hours=8)
    assert "**Alert 1" in room.posted[0].text


async def test_each_channel_may_have_its_own_values() -> None:
    rule = ChannelMood(match="test:room-of-complaints", strong=0.99)
    room = channel(channels=(rule,))
    assert await room.say(BAD, conversation="test:room-of-complaints") == []
    assert len(await room.say(BAD, conversation="test:room-of-joy")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"conversation": "test:other"},
        {"is_bot": True},
        {"is_direct": True},
        {"kind": EventKind.DELETED},
        {"conversation": "test:moderators"},
    ],
)
async def test_only_what_people_say_in_watched_channels_is_scored(changes: dict[str, object]) -> None:
    room = channel(monitored=("test:room*", "test:moderators"))
    assert await room.say(BAD, **changes) == []
    assert await room.scores.series() == []
    assert room.models.asked == []


async def test_one_word_is_no_reason() -> None:
    assert await channel().say("terrible", "hate hate") == []


async def test_an_edit_can_be_a_reason_and_counts_for_the_mood_once() -> None:
    room = channel()
    await room.say("hello there")
    (alert,) = await room.say(BAD, kind=EventKind.EDITED, key="test:1")
    assert "Alert 1" in alert.text
    (score,) = await room.scores.series()
    assert score.value < 0
    assert '"count": 1' in (await room.notes.get("drift:test:room") or "")


async def test_a_deleted_message_leaves_its_words_in_no_alert() -> None:
    room = channel(dry_run=True)
    await room.say(f"{BAD} {'so very ' * 40}")
    (kept,) = await Book(room.notes).last()
    assert kept.quote.startswith(BAD)
    assert len(kept.quote) <= 160
    await room.say("", kind=EventKind.DELETED, key="test:1")
    (kept,) = await Book(room.notes).last()
    assert (kept.quote, kept.words) == ("", ())
    assert BAD not in str(room.notes.drafted)


async def test_a_falling_mood_is_told_with_its_numbers() -> None:
    room = channel(strong=1.0)
    await room.say(*["great thanks", "all right then", "see you", "love it"] * 40)
    assert room.posted == []
    told: list[Reply] = []
    for _ in range(40):
        told += await room.say("this is broken")
    (alert,) = told
    assert "**Alert 1: falling mood** in test:room" in alert.text
    assert "standard deviations lower, over" in alert.text


async def test_threads_belong_to_the_mood_of_their_channel() -> None:
    room = channel()
    await room.say("love it", conversation="test:room/7")
    (score,) = await room.scores.series(conversation="test:room")
    assert score.label == "positive test:room/7"


async def test_the_digest_tells_the_week_of_each_channel() -> None:
    room = channel()
    await room.say("great", "thanks", BAD)
    room.moment += timedelta(days=2)
    reply = await digest.function(room.context)
    assert isinstance(reply, Reply)
    assert "| test:room | 3 | +0.16 | – | 33 % | `····▇▁·` |" in reply.text
    assert "Alerts: 1 (0 right, 0 false alarms, 1 not judged)." in reply.text
    room.moment += timedelta(days=30)
    assert await digest.function(room.context) is None


async def test_without_a_moderators_channel_alerts_are_kept() -> None:
    room = channel(channel="")
    assert await room.say(BAD) == []
    assert len(await Book(room.notes).last()) == 1
    assert await digest.function(room.context) is None
