"""What `/mood` is asked about."""

from datetime import UTC, datetime

import pytest

from plugins.sentiment.asking import About, read_question

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "about", "name", "start"),
    [
        ("here", About.HERE, "", datetime(2026, 11, 23, 12, 30, tzinfo=UTC)),
        ("here today", About.HERE, "", datetime(2026, 11, 24, tzinfo=UTC)),
        ("in this channel since yesterday", About.HERE, "", datetime(2026, 11, 23, tzinfo=UTC)),
        ("today", About.HERE, "", datetime(2026, 11, 24, tzinfo=UTC)),
        ("3 hours", About.HERE, "", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        ("this week", About.HERE, "", datetime(2026, 11, 17, 12, 30, tzinfo=UTC)),
        ("me last 2 days", About.ME, "", datetime(2026, 11, 22, 12, 30, tzinfo=UTC)),
        ("#General this week", About.CHANNEL, "General", datetime(2026, 11, 17, 12, 30, tzinfo=UTC)),
        ("discord:42 today", About.CHANNEL, "discord:42", datetime(2026, 11, 24, tzinfo=UTC)),
        ("@Bob", About.PERSON, "Bob", datetime(2026, 11, 23, 12, 30, tzinfo=UTC)),
        ("这里 今天", About.HERE, "", datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_places_people_and_spans(words: str, about: About, name: str, start: datetime) -> None:
    question = read_question(words, now=NOW)
    assert (question.about, question.name, question.start) == (about, name, start)


@pytest.mark.parametrize(
    "words",
    [
        "What a lovely day",
        "here is my problem",
        "me and my friends love it",
        "@bob you are great",
        "今天天气真好。",
    ],
)
def test_everything_else_is_a_text(words: str) -> None:
    assert read_question(words, now=NOW).about is About.TEXT
    assert read_question(words, now=NOW).name == words
