"""Socket Mode: tickets, sockets, envelopes, acknowledgements, redelivery and faults of the line."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aiohttp import WSMsgType, web

from bot.testing.slack.state import Json

if TYPE_CHECKING:
    from bot.testing.slack.delivery import Delivery
    from bot.testing.slack.interactions import Interaction

Reason = Literal["warning", "refresh_requested", "link_disabled"]
MOST_SOCKETS = 10


@dataclass(slots=True, eq=False)
class Socket:
    """One connection of the bot. A frozen one carries nothing either way."""

    line: web.WebSocketResponse
    transport: asyncio.Transport
    outgoing: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: bool = False

    @property
    def carries(self) -> bool:
        """Whether events sent here can arrive."""
        return self.thawed.is_set() and not self.line.closed and not self.transport.is_closing()

    def write(self, frame: Json) -> None:
        """Queue a frame; a half-open line swallows it."""
        if self.thawed.is_set():
            self.outgoing.put_nowait(json.dumps(frame))

    async def carry_out(self) -> None:
        """Write what is queued until the line is gone."""
        with suppress(ConnectionError):
            while True:
                await self.line.send_str(await self.outgoing.get())


@dataclass(slots=True)
class Envelope:
    """An event on its way, until it is acknowledged or given up."""

    id: str
    payload: Json
    sent_at: float
    due: float
    attempt: int = 0
    last: Socket | None = None

    def frame(self) -> Json:
        """What goes over the line."""
        return {
            "envelope_id": self.id,
            "payload": self.payload,
            "type": "events_api",
            "accepts_response_payload": False,
            "retry_attempt": self.attempt,
            "retry_reason": "timeout" if self.attempt else "",
        }


class SocketMode:
    """All open sockets and all envelopes that wait for their acknowledgement."""

    def __init__(self, slack: Delivery) -> None:
        self._slack = slack
        self.open: list[Socket] = []
        self.opened = 0
        self.gap = 0.0
        self.warning_seconds = 1.0
        self.refusals = 0
        self._tickets = itertools.count(1)
        self._valid: set[str] = set()
        self._names = itertools.count(1)
        self._envelopes: dict[str, Envelope] = {}
        self._asked: dict[str, Interaction] = {}
        self._dark_since: float | None = None

    def address(self) -> str:
        """A new address for one connection."""
        ticket = f"ticket-{next(self._tickets)}"
        self._valid.add(ticket)
        return f"ws://127.0.0.1:{self._slack.port}/link/?ticket={ticket}&app_id={self._slack.app_id}"

    def carrying(self) -> list[Socket]:
        """The sockets over which events arrive, oldest first."""
        return [socket for socket in self.open if socket.carries]

    def waiting(self) -> list[str]:
        """The event ids not acknowledged yet."""
        return [str(envelope.payload["event_id"]) for envelope in self._envelopes.values()]

    def longest_gap(self) -> float:
        """The longest time, in seconds, without any socket that carries, since the first."""
        if self._dark_since is None:
            return self.gap
        return max(self.gap, self._slack.clock() - self._dark_since)

    def send(self, payload: Json, copies: int = 1) -> None:
        """Send an event; a copy goes over another socket where there is one."""
        now = self._slack.clock()
        envelope = Envelope(
            f"envelope-{next(self._names)}", payload, now, now + self._slack.redeliver_seconds
        )
        self._envelopes[envelope.id] = envelope
        for _ in range(copies):
            self._write(envelope)

    def interact(self, interaction: Interaction) -> None:
        """Send a command, an action or a view; its acknowledgement may carry an answer."""
        name = f"envelope-{next(self._names)}"
        self._asked[name] = interaction
        kind = "slash_commands" if interaction.kind == "slash_commands" else "interactive"
        frame = {
            "envelope_id": name,
            "payload": interaction.payload,
            "type": kind,
            "accepts_response_payload": True,
        }
        if carrying := self.carrying():
            self._slack.random.choice(carrying).write(frame)

    async def redeliver(self) -> None:
        """Send again what nobody acknowledged in time, three times; runs until cancelled."""
        while True:
            await asyncio.sleep(min(0.1, self._slack.redeliver_seconds / 4))
            now = self._slack.clock()
            for envelope in self._late(now):
                del self._envelopes[envelope.id]
                self._send_again(envelope, now)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection of the bot, from hello to goodbye."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._valid:
            raise web.HTTPUnauthorized(text="this address was used already, or never given")
        self._valid.discard(ticket)
        line = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=0.5)
        await line.prepare(request)
        if request.transport is None:
            return line
        if self.refusals or len(self._alive()) >= MOST_SOCKETS:
            await self._refuse(line)
            return line
        await self._converse(Socket(line, request.transport))
        return line

    def disconnect(self, reason: Reason = "warning") -> None:
        """Announce the end of the oldest socket, or of all with link_disabled, and close it soon after."""
        leaving = list(self.open) if reason == "link_disabled" else self._oldest()
        for each in leaving:
            each.leaving = True
            each.write({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}})
            self._slack.spawn(self._close(each, self.warning_seconds if reason == "warning" else 0.2))

    def abort(self) -> None:
        """Reset every connection, without a goodbye."""
        for socket in list(self.open):
            socket.transport.abort()
            self._gone(socket)

    def freeze(self) -> None:
        """The sockets open now stay open and carry nothing more, either way."""
        for socket in self.open:
            socket.thawed.clear()
        self._watch_gap()

    def thaw(self) -> None:
        """Frozen sockets carry again."""
        for socket in self.open:
            socket.thawed.set()
        self._watch_gap()

    def close(self) -> None:
        """End every connection, frozen ones too."""
        self.thaw()
        self.abort()

    def _alive(self) -> list[Socket]:
        return [socket for socket in self.open if not socket.transport.is_closing()]

    def _oldest(self) -> list[Socket]:
        return [socket for socket in self.open if not socket.leaving][:1]

    async def _converse(self, socket: Socket) -> None:
        socket.thawed.set()
        self.open.append(socket)
        self.opened += 1
        self._watch_gap()
        writing = asyncio.create_task(socket.carry_out())
        socket.write(self._hello())
        try:
            await self._listen(socket)
        finally:
            writing.cancel()
            self._gone(socket)

    async def _listen(self, socket: Socket) -> None:
        while True:
            frame = await socket.line.receive()
            await socket.thawed.wait()
            match frame.type:
                case WSMsgType.TEXT:
                    self._acknowledged(json.loads(frame.data))
                case WSMsgType.PING:
                    await socket.line.pong(frame.data)
                case WSMsgType.PONG:
                    continue
                case _:
                    self._gone(socket)
                    await socket.line.close()
                    return

    def _acknowledged(self, frame: Json) -> None:
        name = frame.get("envelope_id", "")
        if envelope := self._envelopes.pop(name, None):
            self._slack.ack_seconds.append(self._slack.clock() - envelope.sent_at)
        if interaction := self._asked.pop(name, None):
            interaction.acknowledge(frame.get("payload"))

    def _late(self, now: float) -> list[Envelope]:
        # All wait equally long, so the oldest stand first.
        return list(itertools.takewhile(lambda each: each.due <= now, self._envelopes.values()))

    def _send_again(self, envelope: Envelope, now: float) -> None:
        if envelope.attempt >= self._slack.redeliveries:
            self._slack.undelivered.append(envelope.payload)
            return
        envelope.attempt += 1
        envelope.due = now + self._slack.redeliver_seconds
        self._envelopes[envelope.id] = envelope
        self._write(envelope)

    def _write(self, envelope: Envelope) -> None:
        # A frozen socket looks open to Slack too: events are sent into it, and lost.
        sockets = self._alive()
        others = [each for each in sockets if each is not envelope.last]
        if sockets:
            envelope.last = self._slack.random.choice(others or sockets)
            envelope.last.write(envelope.frame())

    async def _refuse(self, line: web.WebSocketResponse) -> None:
        self.refusals = max(0, self.refusals - 1)
        await line.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
        await line.close()

    async def _close(self, socket: Socket, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._gone(socket)
        await socket.line.close()

    def _gone(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)
        self._watch_gap()

    def _watch_gap(self) -> None:
        if not self.opened:
            return
        now = self._slack.clock()
        if not self.carrying():
            self._dark_since = now if self._dark_since is None else self._dark_since
        elif self._dark_since is not None:
            self.gap = max(self.gap, now - self._dark_since)
            self._dark_since = None

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._slack.app_id},
        }
