"""A connection to a living worker, and the two ways to one: a process of our own, or an address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bot.worker.wire import address as addresses
from bot.worker.wire import frames
from bot.worker.wire.errors import WorkerDied

CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Link:
    """A connection to a worker that was greeted, and its process where that is our own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    process: asyncio.subprocess.Process | None = None


class Way(Protocol):
    """How a worker is reached again and again."""

    @property
    def name(self) -> str:
        """Which worker it is, as the subject of a sentence."""

    @property
    def place(self) -> str:
        """The device or the address, for a table."""

    @property
    def is_ours(self) -> bool:
        """Whether the worker lives and dies with us. One elsewhere may come back mended."""

    def open(self) -> AbstractAsyncContextManager[Link]:
        """A new connection. Raises WorkerDied when there can be none."""

    async def cause_of_end(self, link: Link) -> str:
        """Why the connection ended, for a sentence."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A worker that somebody else started, at an address."""

    address: str
    key: str = field(default="", repr=False)
    is_ours: bool = False

    @property
    def name(self) -> str:
        """By its address."""
        return f"The worker at {self.address}"

    @property
    def place(self) -> str:
        """The address."""
        return self.address

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Connect and greet."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await addresses.connect(self.address)
        except TimeoutError:
            raise WorkerDied("it does not answer") from None
        except (OSError, ValueError) as error:
            raise WorkerDied(f"it cannot be reached ({error})") from None
        try:
            greet(writer, self.key)
            yield Link(reader, writer)
        finally:
            writer.close()

    async def cause_of_end(self, link: Link) -> str:
        """All that can be known from here."""
        return "it closed the connection"


def greet(writer: asyncio.StreamWriter, key: str) -> None:
    """The first frame of a connection."""
    writer.write(frames.encode({"kind": "hello", "key": key, "version": frames.VERSION}))
