"""Keep every open page current: what was said comes from the history, signs of life from here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

KEEP_ALIVE_SECONDS = 15.0
LOOK_SECONDS = 2.0
BATCH = 200
PAUSE_SECONDS = 0.05
RETRY_MILLISECONDS = 1500

Missed = Callable[[int, int], Awaitable[Sequence[tuple[int, Mapping[str, Any]]]]]
Working = Callable[[str], Awaitable[bool]]
Shown = Callable[[str], str]


@dataclass(slots=True)
class Sign:
    """That the message `key` is being worked on, and the draft of its answer so far."""

    key: str
    draft: str = ""


@dataclass(slots=True, eq=False)
class Stream:
    """One open page. It holds no queue, only that something is new: a slow reader costs no memory."""

    conversation: str
    visitor: str
    news: asyncio.Event = field(default_factory=asyncio.Event)
    has_messages: bool = True


class Streams:
    """The open pages by conversation."""

    def __init__(self) -> None:
        self._open: dict[str, set[Stream]] = {}
        self._signs: dict[str, Sign] = {}
        self.closed = False

    @contextmanager
    def open(self, conversation: str, visitor: str) -> Iterator[Stream]:
        """A stream that hears of its conversation until the block ends."""
        stream = Stream(conversation, visitor)
        self._open.setdefault(conversation, set()).add(stream)
        try:
            yield stream
        finally:
            here = self._open[conversation]
            here.discard(stream)
            if not here:
                del self._open[conversation]

    def count(self, visitor: str) -> int:
        """How many pages a visitor has open."""
        return sum(stream.visitor == visitor for here in self._open.values() for stream in here)

    def wake(self, conversation: str, *, ended: bool = False) -> None:
        """There are new messages to read; `ended` when the answer is among them, so its signs go."""
        if ended:
            self._signs.pop(conversation, None)
        for stream in self._open.get(conversation, ()):
            stream.has_messages = True
            stream.news.set()

    def show(self, conversation: str, key: str, draft: str = "") -> None:
        """Someone's message is being worked on; each draft replaces the one before."""
        self._signs[conversation] = Sign(key, draft)
        for stream in self._open.get(conversation, ()):
            stream.news.set()

    def close(self) -> None:
        """End every stream; pages come back by themselves."""
        self.closed = True
        for here in self._open.values():
            for stream in here:
                stream.news.set()

    async def events(
        self, stream: Stream, after: int, missed: Missed, working: Working, shown: Shown
    ) -> AsyncIterator[str]:
        """Everything above revision `after`, then what happens, as server-sent events.

        `missed` gives what is above a revision, the oldest so many of it.
        Messages carry their revision as id, so that a page which comes back gets exactly what it missed.
        Signs of life carry none: they are never repeated, and end when `working` denies their message.
        """
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        sign: Sign | None = None
        quiet = 0.0
        while not self.closed:
            stream.news.clear()
            if stream.has_messages:
                stream.has_messages = False
                found = await missed(after, BATCH)
                for revision, message in found:
                    after = revision
                    yield _event("message", message, revision)
                if len(found) == BATCH:
                    stream.has_messages = True
                    continue
            if (current := self._signs.get(stream.conversation)) is not sign:
                sign = current
                yield _event("sign", {"working": sign is not None, "html": shown(sign.draft) if sign else ""})
                await asyncio.sleep(PAUSE_SECONDS if sign and sign.draft else 0)
            wait = LOOK_SECONDS if sign else KEEP_ALIVE_SECONDS
            quiet = 0.0 if await _heard(stream.news, wait) else quiet + wait
            if quiet and sign and not await working(sign.key):
                self._forget(stream.conversation, sign)
            if quiet >= KEEP_ALIVE_SECONDS:
                quiet = 0.0
                yield ": alive\n\n" + _event("alive", {})

    def _forget(self, conversation: str, sign: Sign) -> None:
        if self._signs.get(conversation) is sign:
            self.wake(conversation, ended=True)


async def _heard(news: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True


def _event(name: str, values: Mapping[str, Any], revision: int | None = None) -> str:
    packed = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    number = "" if revision is None else f"id: {revision}\n"
    return f"{number}event: {name}\ndata: {packed}\n\n"
