"""What the server asks of whatever serves a role, and what it is handed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Protocol, TypeAlias

from bot.errors import ParleyError
from bot.message import Priority
from bot.models import NOBODY, Tenant

CRASHED = 70
LATE = "The answer would have come after its deadline, so it was not computed."


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: `texts`, or the bytes of a `body`. `deadline` is a moment of time.monotonic()."""

    texts: tuple[str, ...]
    body: bytes = field(repr=False)
    priority: Priority
    deadline: float
    choices: Mapping[str, Any] = field(default_factory=dict)
    on_behalf: Tenant = NOBODY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: results for some `positions`, a piece of a stream, all of it, or an error.

    `values` and `error` end the request; so do results, when none is missing any more.
    """

    request: int
    positions: Sequence[int] = ()
    results: Sequence[Any] = ()
    piece: str = ""
    values: dict[str, Any] | None = None
    error: ParleyError | None = None


# Hands outcomes to the server; may be called on any thread.
Deliver: TypeAlias = Callable[[list[Outcome]], None]

# What the results of a request become in its answer: fields of the header, and bytes of the body.
Pack: TypeAlias = Callable[[Sequence[Any]], tuple[dict[str, Any], bytes]]


class Role(Protocol):
    """One role of the worker. All of it is called on the event loop, so nothing of it may take long."""

    def expected(self, ask: Ask) -> int:
        """How many results the request will have; 0 when its answer comes as a whole. Raises BadInput."""

    def pack(self, results: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
        """All results of a request, as its answer."""

    def ask(self, number: int, ask: Ask) -> None:
        """Take a request; its outcome is delivered under its number. Raises ParleyError to refuse it."""

    def cancel(self, number: int) -> None:
        """Nobody waits for the request any more."""

    def tick(self) -> None:
        """A second has passed: refuse what is late, and put away what nobody needs."""

    def health(self) -> dict[str, Any]:
        """How it is, for the heartbeat; `stalled_seconds` says how long nothing has come out."""


def start_thread(work: Callable[[], None], name: str) -> None:
    """Do `work` on a thread of its own. A fault in it ends the process at once: nothing would be answered."""

    def guarded() -> None:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a wall
            traceback.print_exc()
            os._exit(CRASHED)

    Thread(target=guarded, name=name, daemon=True).start()
