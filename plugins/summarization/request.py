"""Read what is to be summarised from the words of whoever asks, in English or Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from bot import BadArguments
from plugins.summarization.topics import length_of

MOST = 2000
"""Messages that are read at most."""

PASTED_WORDS = 40
PASTED_LINES = 3
PASTED_LENGTH = 400

HELP = (
    "Say what to summarise: `50` (the last 50 messages), `today`, `since yesterday`, `2 hours`, "
    "`since I last read`, `from here` (in a reply), `all`, `document NAME`, the link of a message here, or "
    "paste a text or send a file. "
    "In a thread, `channel` reads its channel instead."
)


class Scope(Enum):
    """What kind of thing is to be summarised."""

    USUAL = auto()
    LAST = auto()
    SPAN = auto()
    UNREAD = auto()
    HERE = auto()
    DOCUMENT = auto()
    FILE = auto()
    LINK = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be summarised: `count` messages, those from `start` until before `end`, or a `text`.

    For a document `text` is its name, for a link its address. `end` is None for now.
    """

    scope: Scope
    count: int = 0
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""
    whole_channel: bool = False


_NAMED = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "twenty": 20, "thirty": 30, "fifty": 50,
    "hundred": 100, "half an": 0.5, "半": 0.5, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5,
    "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_UNITS = (
    (re.compile(r"mi|分"), timedelta(minutes=1)),
    (re.compile(r"h|小时|钟头"), timedelta(hours=1)),
    (re.compile(r"d|天"), timedelta(days=1)),
    (re.compile(r"w|周|星期"), timedelta(weeks=1)),
)
_WEEKDAYS = tuple(
    re.compile(rf"\bsince (last )?{english}|从?(这|本|上)?(周|星期){chinese}(以来|起|开始)", re.IGNORECASE)
    for english, chinese in zip(
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "一二三四五六日", strict=True
    )
)
_COUNT = rf"(\d{{1,9}}|{'|'.join(sorted(_NAMED, key=len, reverse=True))})"
_UNIT = r"(min(?:ute)?s?|hours?|hrs?|h|days?|d|weeks?|w|分钟?|小时|钟头|天|周|星期)"
_DURATION = re.compile(rf"(?<![a-z\d]){_COUNT}\s*个?\s*{_UNIT}(?![a-z])", re.IGNORECASE)
_LAST_UNIT = re.compile(r"\b(?:last|past)\s+(minute|hour|day|week)\b", re.IGNORECASE)
_MESSAGES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^(?:the )?(?:last |past |latest |previous |最近|最后|前)?(\d{1,9})$",
        rf"(?<![a-z\d]){_COUNT} (?:messages?|posts?|lines?)\b",
        r"\b(?:last|past|latest|previous) (\d{1,9})\b(?! *(?:min|h|d|w))",
        rf"{_COUNT}\s*条",
    )
)
_DOCUMENT = re.compile(r"^(?:the )?(?:document|doc|file|文件|文档|资料)[\s:：]+(\S.*)$", re.IGNORECASE)
_FILE = re.compile(
    r"\b(this|the|that|my|attached) (attached )?(file|document|doc|attachment|pdf)\b|(文件|文档|附件)",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://[^\s<>]+")
_HERE = re.compile(r"\bfrom (here|there|this)\b|从这", re.IGNORECASE)
_UNREAD = re.compile(
    r"\bsince (i|my)\b|\bi (last|missed)\b|\bdid i miss\b|我(上次|离开|不在)|错过", re.IGNORECASE
)
_ALL = re.compile(r"\b(all|everything|whole)\b|全部|所有", re.IGNORECASE)
_SINCE_YESTERDAY = re.compile(r"\bsince yesterday\b|从昨|昨[天日](以来|起|开始|到现在)", re.IGNORECASE)
_YESTERDAY = re.compile(r"\byesterday\b|昨[天日]", re.IGNORECASE)
_TODAY = re.compile(r"\b(today|this (morning|afternoon|evening))\b|今[天日早晚]", re.IGNORECASE)
_THIS_WEEK = re.compile(r"\bthis week\b|(本|这)个?(周|星期)", re.IGNORECASE)
_CHANNEL = re.compile(r"\bchannel\b|频道", re.IGNORECASE)
_PLAIN = re.compile(
    r"\b(this|the|here|thread|channel|conversation|chat|discussion|please|of|in|for|me|it)\b"
    r"|这个|这里|频道|讨论|对话|会话|聊天|群里?|一下|请|的",
    re.IGNORECASE,
)


def read_request(words: str, *, now: datetime, typed: bool) -> Request:
    """What the words ask for. `now` is aware and in the zone whose days are meant.

    With `typed` they are the arguments of a command, and raise BadArguments when they ask for nothing;
    free text that names no span asks for the usual.
    """
    words = words.strip()
    if document := _DOCUMENT.match(words):
        return Request(Scope.DOCUMENT, text=document[1].strip().strip("\"'“”《》"))
    if _is_pasted(words):
        return Request(Scope.TEXT, text=words)
    if link := _LINK.search(words):
        return Request(Scope.LINK, text=link[0])
    found = _in_messages(words) or _in_time(words, now)
    if found is None:
        if typed and _PLAIN.sub("", words).strip(" .,!?。，！？"):
            raise BadArguments(f"I cannot tell what {words[:40]!r} means. {HELP}")
        found = Request(Scope.USUAL)
    return replace(found, whole_channel=bool(_CHANNEL.search(words)))


def means_file(words: str) -> bool:
    """Whether the words that came with a file ask for it, and for nothing else that they name."""
    return not words.strip() or (_FILE.search(words) is not None and not _is_pasted(words))


def _is_pasted(words: str) -> bool:
    lines = words.splitlines()
    return len(words) >= PASTED_LENGTH or length_of(words) >= PASTED_WORDS or len(lines) >= PASTED_LINES


def _in_messages(words: str) -> Request | None:
    if _HERE.search(words):
        return Request(Scope.HERE)
    if _UNREAD.search(words):
        return Request(Scope.UNREAD)
    if _ALL.search(words):
        return Request(Scope.LAST, count=MOST)
    for pattern in _MESSAGES:
        if match := pattern.search(words):
            return Request(Scope.LAST, count=min(MOST, max(1, int(_number(match[1])))))
    return None


def _in_time(words: str, now: datetime) -> Request | None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if _SINCE_YESTERDAY.search(words):
        return Request(Scope.SPAN, start=today - timedelta(days=1))
    if _YESTERDAY.search(words):
        return Request(Scope.SPAN, start=today - timedelta(days=1), end=today)
    if _TODAY.search(words):
        return Request(Scope.SPAN, start=today)
    for weekday, pattern in enumerate(_WEEKDAYS):
        if pattern.search(words):
            return Request(Scope.SPAN, start=today - timedelta(days=(today.weekday() - weekday) % 7))
    if _THIS_WEEK.search(words):
        return Request(Scope.SPAN, start=today - timedelta(days=today.weekday()))
    if match := _DURATION.search(words):
        return Request(Scope.SPAN, start=_before(now, _number(match[1]), match[2]))
    match = _LAST_UNIT.search(words)
    return Request(Scope.SPAN, start=_before(now, 1, match[1])) if match else None


def _before(now: datetime, count: float, unit: str) -> datetime:
    """So many units before now; what lies before all calendars is their beginning."""
    length = next(length for pattern, length in _UNITS if pattern.match(unit.casefold()))
    try:
        return now - count * length
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)


def _number(word: str) -> float:
    return _NAMED.get(word.casefold()) or float(word)
