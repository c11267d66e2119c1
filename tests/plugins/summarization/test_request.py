"""What is to be summarised is read from words in English and Chinese."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot import BadArguments
from plugins.summarization.request import MOST, Request, Scope, read_request

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # a Wednesday
TODAY = NOW.replace(hour=0, minute=0)


def last(count: int) -> Request:
    return Request(Scope.LAST, count=count)


def span(start: datetime, end: datetime | None = None) -> Request:
    return Request(Scope.SPAN, start=start, end=end)


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("", Request(Scope.USUAL)),
        ("this thread, please", Request(Scope.USUAL)),
        ("channel", Request(Scope.USUAL, whole_channel=True)),
        ("频道", Request(Scope.USUAL, whole_channel=True)),
        ("50", last(50)),
        ("last 50", last(50)),
        ("the last 20 messages", last(20)),
        ("twenty messages", last(20)),
        ("最近50条", last(50)),
        ("前十条消息", last(10)),
        ("99999", last(MOST)),
        ("0", last(1)),
        ("all", last(MOST)),
        ("全部", last(MOST)),
        ("today", span(TODAY)),
        ("今天", span(TODAY)),
        ("since yesterday", span(TODAY - timedelta(days=1))),
        ("昨天以来", span(TODAY - timedelta(days=1))),
        ("yesterday", span(TODAY - timedelta(days=1), TODAY)),
        ("昨天", span(TODAY - timedelta(days=1), TODAY)),
        ("2 hours", span(NOW - timedelta(hours=2))),
        ("last 2h", span(NOW - timedelta(hours=2))),
        ("the last hour", span(NOW - timedelta(hours=1))),
        ("half an hour", span(NOW - timedelta(minutes=30))),
        ("90 min", span(NOW - timedelta(minutes=90))),
        ("past week", span(NOW - timedelta(weeks=1))),
        ("最近两小时", span(NOW - timedelta(hours=2))),
        ("过去3天", span(NOW - timedelta(days=3))),
        ("半个小时", span(NOW - timedelta(minutes=30))),
        ("this week", span(TODAY - timedelta(days=2))),
        ("since monday", span(TODAY - timedelta(days=2))),
        ("since Thursday", span(TODAY - timedelta(days=6))),
        ("周一以来", span(TODAY - timedelta(days=2))),
        ("since I last read", Request(Scope.UNREAD)),
        ("我上次看到的地方", Request(Scope.UNREAD)),
        ("from here", Request(Scope.HERE)),
        ("从这里", Request(Scope.HERE)),
        ("document handbook.pdf", Request(Scope.DOCUMENT, text="handbook.pdf")),
        ("文档 员工手册.docx", Request(Scope.DOCUMENT, text="员工手册.docx")),
        ("a\nb\nc", Request(Scope.TEXT, text="a\nb\nc")),
        ("today " * 40, Request(Scope.TEXT, text=("today " * 40).strip())),
    ],
)
def test_words_of_a_command(words: str, request_: Request) -> None:
    assert read_request(words, now=NOW, typed=True) == request_


@pytest.mark.parametrize("words", ["the price of tea", "foo", "茶的价格", "document"])
def test_other_words_of_a_command_are_refused(words: str) -> None:
    with pytest.raises(BadArguments, match="since yesterday"):
        read_request(words, now=NOW, typed=True)


def test_other_free_text_asks_for_the_usual() -> None:
    assert read_request("what did we talk about?", now=NOW, typed=False) == Request(Scope.USUAL)


def test_a_span_older_than_all_calendars_begins_with_them() -> None:
    start = read_request("999999999 weeks", now=NOW, typed=True).start
    assert start is not None
    assert start.year == 1


@pytest.mark.parametrize("text", ["x", "1", "长", "a ", "last ", "@", "\n"])
def test_a_long_text_is_read_quickly(text: str) -> None:
    begun = time.process_time()
    with suppress(BadArguments):
        read_request(text * (1_000_000 // len(text)), now=NOW, typed=True)
    assert time.process_time() - begun < 5
