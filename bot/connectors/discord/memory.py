"""What the connector remembers from one start to the next: the session, and until when it has heard all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from storage.notes import Notes


@dataclass(frozen=True, slots=True)
class Session:
    """A gateway session that can be resumed: every event up to `sequence` is durable."""

    id: str
    url: str
    sequence: int
    intents: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """`heard` is the moment (seconds since 1970) up to which nothing was missed; None at the first start."""

    session: Session | None = None
    heard: float | None = None


class Memory:
    """The notes of one account."""

    def __init__(self, notes: Notes, area: str) -> None:
        self._notes = notes
        self._area = area
        self._last = Remembered()

    async def read(self) -> Remembered:
        """What was remembered last."""
        found = await self._notes.read(self._area)
        session = Session(**json.loads(found["session"])) if found.get("session") else None
        self._last = Remembered(session, float(found["heard"]) if "heard" in found else None)
        return self._last

    async def keep(self, now: Remembered) -> None:
        """Remember this instead, durably; nothing is written where nothing changed."""
        if now == self._last:
            return
        session = now.session
        packed = None
        if session is not None:
            packed = json.dumps(asdict(session))
        heard = None if now.heard is None else repr(now.heard)
        await self._notes.write(self._area, {"session": packed, "heard": heard})
        self._last = now

    async def is_taken_over(self) -> bool:
        """Whether another process wrote here since."""
        found = await self._notes.read(self._area)
        noted = json.loads(found["session"])["id"] if found.get("session") else None
        return noted != (self._last.session.id if self._last.session else None)
