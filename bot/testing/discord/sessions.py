"""A session that outlives its sockets, and a socket that writes in order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.testing.discord.limits import GATEWAY_SECONDS, GATEWAY_SENDS, Window

REPLAY_EVENTS = 50_000

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Session:
    """What a client resumes: `log` holds the events after the last one it is known to have."""

    id: str
    intents: int
    shard: tuple[int, int]
    line: Line | None = None
    sequence: int = 0
    log: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=REPLAY_EVENTS))
    left_at: float | None = None

    def dispatch(self, event: str, body: str) -> None:
        """Send an event, or keep it for the client's return."""
        self.sequence += 1
        self.log.append((self.sequence, event, body))
        if self.line is not None:
            self.line.write(_frame(self.sequence, event, body))

    def replay(self) -> None:
        """Send again what the client is not known to have."""
        if self.line is not None:
            for sequence, event, body in self.log:
                self.line.write(_frame(sequence, event, body))

    def confirm(self, sequence: int) -> None:
        """The client has everything up to here."""
        while self.log and self.log[0][0] <= sequence:
            self.log.popleft()

    def covers(self, guild_id: int | None) -> bool:
        """Whether a guild, or what is direct, belongs to this session's shard."""
        number, count = self.shard
        return number == (0 if guild_id is None else (guild_id >> 22) % count)


def _frame(sequence: int, event: str, body: str) -> str:
    return f'{{"op":0,"s":{sequence},"t":"{event}","d":{body}}}'


class Line:
    """One socket. What is written leaves in order; frozen, it neither reads nor writes."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.sends = Window(GATEWAY_SENDS, GATEWAY_SECONDS)
        self.was_closed = False
        self._transport = request.transport
        self._frames: asyncio.Queue[str | int] = asyncio.Queue()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def write(self, frame: str) -> None:
        """Send a frame."""
        self._frames.put_nowait(frame)

    def send(self, op: int, body: Any) -> None:
        """Send an opcode that is no event."""
        self.write(encode({"op": op, "s": None, "t": None, "d": body}))

    def close(self, code: int) -> None:
        """Close after what was written."""
        self.was_closed = True
        self._frames.put_nowait(code)

    def abort(self) -> None:
        """Cut the connection."""
        self.was_closed = True
        if self._transport is not None:
            self._transport.abort()

    def freeze(self) -> None:
        """Stay open and fall silent."""
        self._flowing.clear()
        if isinstance(self._transport, asyncio.ReadTransport):
            self._transport.pause_reading()

    def thaw(self) -> None:
        """Go on where it stopped."""
        self._flowing.set()
        if isinstance(self._transport, asyncio.ReadTransport) and not self._transport.is_closing():
            self._transport.resume_reading()

    async def pump(self) -> None:
        """Write what is to be written until closed."""
        with suppress(ConnectionError):
            while isinstance(frame := await self._frames.get(), str):
                await self._flowing.wait()
                await self.socket.send_str(frame)
            await self.socket.close(code=frame)
