"""What the server asks of whatever serves a role."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Protocol, TypeAlias

from bot.message import Priority
from bot.models import NOBODY, Tenant
from bot.worker.inference import Outcome

# Hands outcomes to the server; may be called on any thread.
Deliver: TypeAlias = Callable[[list[Outcome]], None]

CRASHED = 70


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: `texts`, or the bytes of a `body`. `deadline` is a moment of time.monotonic()."""

    texts: tuple[str, ...]
    body: bytes = field(repr=False)
    priority: Priority
    deadline: float
    choices: Mapping[str, Any] = field(default_factory=dict)
    on_behalf: Tenant = NOBODY


class Role(Protocol):
    """One role of the worker. All of it is called on the event loop, so nothing of it may take long."""

    def ask(self, number: int, ask: Ask) -> None:
        """Take a request; its outcome is delivered under its number. Raises ModelError to refuse it."""

    def cancel(self, number: int) -> None:
        """Nobody waits for the request any more."""

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
