"""Observers: async functions that see every event in order, and may say something elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, overload

from bot.errors import BrokenPlugin
from bot.memory import Notes, Scores
from bot.message import Author, EventKind, Priority
from bot.skills import NAME, Answer, settings_among

if TYPE_CHECKING:
    from bot.models import Models

MOST_EVENTS = 256
DEADLINE_SECONDS = 60.0

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Observed:
    """A message that was created, edited or deleted. `text` is as it is now, empty once deleted.

    `key`, `author` and `sent_at` are the message's own, the same in all its events. `link` is where people
    read it, if it has an address. `is_bot` says that a bot wrote it: another, or this one, whose author
    has no id. `is_direct` says that the conversation is one person's with the bot.
    """

    kind: EventKind
    key: str
    conversation: str
    author: Author
    text: str
    sent_at: datetime
    link: str = ""
    is_bot: bool = False
    is_direct: bool = False


@dataclass(frozen=True, slots=True)
class WatchContext:
    """What an observer or a job is handed.

    Its notes and scores are written, and what it returns is sent, together when it has ended well; after
    a failure there is nothing of them. `now` is when it was called, `link` gives the address of a message
    from its conversation and key, or nothing where messages have none.
    """

    models: Models
    notes: Notes
    scores: Scores
    now: datetime
    link: Callable[[str, str], str]
    plugin_settings: Mapping[type, object] = field(default_factory=dict)

    def settings(self, section: type[S]) -> S:
        """The plugin's own settings, as the class it registered."""
        return settings_among(self.plugin_settings, section)


ObserverFunction = Callable[[WatchContext, Sequence[Observed]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Observer:
    """What a plugin watches with. `plugin` is set by the loader."""

    name: str
    function: ObserverFunction
    summary: str
    own: bool = False
    batch: int = MOST_EVENTS
    deadline: float = DEADLINE_SECONDS
    priority: Priority = Priority.BACKGROUND
    plugin: str = ""


@overload
def observer(function: ObserverFunction, /) -> Observer: ...


@overload
def observer(
    *,
    name: str | None = None,
    own: bool = False,
    batch: int = MOST_EVENTS,
    deadline: float = DEADLINE_SECONDS,
    priority: Priority = Priority.BACKGROUND,
) -> Callable[[ObserverFunction], Observer]: ...


def observer(
    function: ObserverFunction | None = None,
    /,
    *,
    name: str | None = None,
    own: bool = False,
    batch: int = MOST_EVENTS,
    deadline: float = DEADLINE_SECONDS,
    priority: Priority = Priority.BACKGROUND,
) -> Observer | Callable[[ObserverFunction], Observer]:
    """Declare an async function as an observer: it is called with a context and a list of events.

    It sees every event since it was first loaded, in order and once, at most `batch` at a time; with
    `own` the bot's answers, too. What it returns is sent to the conversations named by `Reply.to`.
    A batch may take `deadline` seconds. One that fails is tried again, then in halves; an event that
    fails alone three times is passed over. Raises BrokenPlugin when the declaration cannot work.
    """

    def declare(function: ObserverFunction) -> Observer:
        observer_name, summary = declared(function, name, "Observer")
        if not 0 < batch <= MOST_EVENTS:
            raise BrokenPlugin(f"Observer {observer_name}: batch must be from 1 to {MOST_EVENTS}.")
        return Observer(observer_name, function, summary, own, batch, deadline, priority)

    return declare if function is None else declare(function)


def declared(function: Callable[..., object], name: str | None, kind: str) -> tuple[str, str]:
    """The name and the summary of a declared function. Raises BrokenPlugin when it cannot work."""
    found = name or getattr(function, "__name__", "").replace("_", "-")
    if not NAME.fullmatch(found):
        raise BrokenPlugin(f"{kind} name {found!r}: use small letters, digits, - and _, at most 32.")
    if not inspect.iscoroutinefunction(function):
        raise BrokenPlugin(f"{kind} {found}: declare it with 'async def'.")
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    if not summary:
        raise BrokenPlugin(f"{kind} {found}: give it a docstring; operators see its first line.")
    return found, summary
