"""Faults of the Web API: planned ones on demand, random ones by the dice."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.testing.slack.state import Dice, Json

LIMITED: Json = {"ok": False, "error": "ratelimited"}
BROKEN: Json = {"ok": False, "error": "internal_error"}
DROPPED = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault. Status 0 drops the connection; `accepted` lets the call take effect before."""

    status: int
    body: Json | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: bool = False
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """How the fault is recorded among the requests."""
        if self.status == DROPPED:
            return "lost" if self.accepted else "dropped"
        if isinstance(self.body, dict) and "error" in self.body:
            return str(self.body["error"])
        return str(self.status)

    def respond(self, request: web.Request) -> web.StreamResponse:
        """What the bot gets to see."""
        if self.status == DROPPED:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(self.body, str | bytes):
            body = self.body.encode() if isinstance(self.body, str) else self.body
            kind = {} if "Content-Type" in self.headers else {"Content-Type": "text/html"}
            return web.Response(status=self.status, body=body, headers={**kind, **self.headers})
        text = json.dumps({} if self.body is None else self.body)
        return web.Response(
            status=self.status, text=text, headers={"Content-Type": "application/json", **self.headers}
        )


class Faults:
    """What goes wrong next. A method of "*" is any."""

    def __init__(self, dice: Dice, rolls: random.Random) -> None:
        self.retry_after = 1
        self._dice = dice
        self._rolls = rolls
        self._planned: dict[str, deque[Planned]] = {}

    def plan(self, method: str, planned: Planned, times: int) -> None:
        """Let the next calls of a method fail so."""
        self._planned.setdefault(method, deque()).extend([planned] * times)

    async def next(self, method: str) -> Planned | None:
        """The fault of this call, after its delay; None when all goes well."""
        for name in (method, "*"):
            if queue := self._planned.get(name):
                planned = queue.popleft()
                await asyncio.sleep(planned.seconds)
                return None if planned.status == 200 and planned.body is None else planned
        return self._rolled()

    def _rolled(self) -> Planned | None:
        dice, roll = self._dice, self._rolls.random()
        if roll < dice.busy:
            return Planned(429, LIMITED, {"Retry-After": str(self.retry_after)})
        if roll < dice.busy + dice.broken:
            page = "<html><body>Service Unavailable</body></html>"
            return self._rolls.choice([Planned(500, BROKEN), Planned(503, page)])
        if roll < dice.busy + dice.broken + dice.lost_answer:
            return Planned(DROPPED, accepted=True)
        return None
