"""One answer on its way to its reader, piece by piece, also over the death of the worker that writes it."""

from __future__ import annotations

import asyncio

from bot.errors import Uncomputable

BROKEN = "The answer broke off: its model worker stopped, and another writes it differently. Ask again."


class Stream:
    """Pieces for one reader. After a `restart` the same text is dropped while it is the same."""

    def __init__(self) -> None:
        self._given = ""
        self._fresh: list[str] = []
        self._again: str | None = None
        self._news = asyncio.Event()

    def add(self, piece: str) -> None:
        """The next piece. Raises Uncomputable when it is not what was given before a restart."""
        if self._again is None:
            self._keep(piece)
            return
        self._again += piece
        if self._given.startswith(self._again):
            return
        if not self._again.startswith(self._given):
            raise Uncomputable(BROKEN)
        rest, self._again = self._again[len(self._given) :], None
        self._keep(rest)

    def finish(self) -> None:
        """There is no more. Raises Uncomputable when less came than before a restart."""
        if self._again is not None and self._again != self._given:
            raise Uncomputable(BROKEN)

    def restart(self) -> None:
        """What comes now is the same answer from its beginning."""
        self._again = "" if self._given else None

    def wake(self) -> None:
        """Let the reader look again, because the answer has ended."""
        self._news.set()

    async def wait(self) -> None:
        """Return when something came since the last time, or after `wake`."""
        await self._news.wait()
        self._news.clear()

    def take(self) -> str:
        """What came and is not taken yet."""
        text = "".join(self._fresh)
        self._fresh.clear()
        return text

    def _keep(self, piece: str) -> None:
        if piece:
            self._given += piece
            self._fresh.append(piece)
            self._news.set()
