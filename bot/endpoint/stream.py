"""Read a model's answer as a server streams it: server-sent events, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from enum import Enum, auto
from typing import Any

from bot.errors import Uncomputable

MOST_CHARACTERS = 200_000
MOST_BYTES = 64 * 2**20
LONGEST_LINE = 2 * 2**20
THOUGHTS = ("<think>", "</think>")
NONSENSE = "The model's server sent something that is no answer."


class Ending(Enum):
    """Why an answer ends."""

    FINISHED = auto()
    TOO_LONG = auto()
    REPEATING = auto()


class Answer:
    """The text of an answer as it grows. `ending` says why no more is taken; None while it goes on."""

    def __init__(self) -> None:
        self.text = ""
        self.ending: Ending | None = None
        self._held = ""
        self._repetition = Repetition()

    def add(self, delta: str) -> str:
        """Take a piece; what of it is shown. A model's thoughts before its answer are not."""
        if self._repetition.add(delta):
            self.ending = Ending.REPEATING
        if not self.text:
            self._held += delta
            delta = spoken(self._held)
        room = MOST_CHARACTERS - len(self.text)
        if max(len(delta), len(self._held)) > room:
            self.ending = Ending.TOO_LONG
        self.text += delta[:room]
        return delta[:room]

    def restart(self) -> None:
        """Forget an attempt that gave no text."""
        self._held = ""
        self.ending = None
        self._repetition = Repetition()

    def finish(self, reason: str) -> None:
        """The server says why it ends."""
        self.ending = Ending.TOO_LONG if reason == "length" else Ending.FINISHED

    @property
    def is_cut(self) -> bool:
        """Whether there would have been more."""
        return self.ending in (Ending.TOO_LONG, Ending.REPEATING)


class Repetition:
    """Notices that an answer says the same again and again, which small models do without end."""

    WINDOW = 2048
    LEAST = 512
    LONGEST_UNIT = 200
    EVERY = 128

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def add(self, delta: str) -> bool:
        """Take a piece; whether at least 512 characters at the end are one unit, 8 times or more."""
        self._tail = (self._tail + delta)[-self.WINDOW :]
        self._unseen += len(delta)
        if self._unseen < self.EVERY or len(self._tail) < self.LEAST:
            return False
        self._unseen = 0
        return any(self._repeats(unit) for unit in range(1, self.LONGEST_UNIT + 1))

    def _repeats(self, unit: int) -> bool:
        """A text repeats itself by `unit` where it equals itself moved by so many characters."""
        length = max(self.LEAST, unit * 8)
        tail = self._tail[-length:]
        return len(tail) == length and tail[unit:] == tail[:-unit]


def spoken(text: str) -> str:
    """An answer without the thoughts some models write before it; nothing while these go on."""
    begin, end = THOUGHTS
    start = text.lstrip()
    if start.startswith(begin):
        return start.partition(end)[2].lstrip() if end in start else ""
    return "" if begin.startswith(start) else text


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[dict[str, Any], None]:
    """The JSON objects of a stream of server-sent events, up to its `[DONE]`. Raises Uncomputable."""
    async for line in _lines(chunks):
        field, _, value = line.partition(b":")
        if field.strip() != b"data":
            continue
        value = value.strip()
        if value == b"[DONE]":
            return
        yield parse(value)
    raise ConnectionError("the stream ended without its end")


def parse(text: bytes) -> dict[str, Any]:
    """A JSON object. Raises Uncomputable for anything else, and for an error told in it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Uncomputable(NONSENSE) from None
    if not isinstance(found, dict):
        raise Uncomputable(NONSENSE)
    if found.get("error"):
        raise Uncomputable("The model's server failed on this request.")
    return found


def take(answer: Answer, event: dict[str, Any]) -> str:
    """What an event adds to the answer. Raises Uncomputable when it is of another shape."""
    choices = event.get("choices")
    if not isinstance(choices, list):
        raise Uncomputable(NONSENSE)
    if not choices:
        return ""
    choice = choices[0] if isinstance(choices[0], dict) else {}
    said = choice.get("delta") or choice.get("message") or {}
    content = said.get("content") if isinstance(said, dict) else None
    if not isinstance(content, str | None):
        raise Uncomputable(NONSENSE)
    new = answer.add(content) if content else ""
    if answer.ending is None and isinstance(reason := choice.get("finish_reason"), str):
        answer.finish(reason)
    return new


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest, total = b"", 0
    async for chunk in chunks:
        total += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE or total > MOST_BYTES:
            raise Uncomputable("The model's server sent more than an answer can be.")
        for line in lines:
            yield line
    if rest:
        yield rest
