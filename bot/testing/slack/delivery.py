"""Send events and interactions to the bot, over Socket Mode or signed HTTP."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from bot.testing.slack.bodies import callback, changed_event, message_event
from bot.testing.slack.http_events import HttpEvents
from bot.testing.slack.socket_mode import SocketMode
from bot.testing.slack.state import Dice, Json, Posted, State, Workspace

if TYPE_CHECKING:
    from bot.testing.slack.interactions import Interaction

OVERTAKE_SECONDS = 0.3


class Delivery(State):
    """The state, and the ways out of it."""

    def __init__(
        self, *, dice: Dice, seed: int, strict: bool, clock: Callable[[], float], redeliver_seconds: float
    ) -> None:
        super().__init__(dice=dice, seed=seed, strict=strict, clock=clock)
        self.deliver_by: Literal["socket", "http"] = "socket"
        self.events_url = ""
        self.redeliver_seconds = redeliver_seconds
        self.redeliveries = 3
        self.patience_seconds = 3.0
        self.ack_seconds: deque[float] = deque(maxlen=100_000)
        self.undelivered: list[Json] = []
        self.interactions: dict[str, Interaction] = {}
        self.socket_mode = SocketMode(self)
        self.http_events = HttpEvents(self)
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def unacknowledged(self) -> list[str]:
        """The event ids that the bot has not acknowledged yet."""
        return [*self.socket_mode.waiting(), *self.http_events.waiting()]

    async def settled(self, timeout: float = 10.0) -> None:
        """Return when every event is acknowledged or given up; TimeoutError otherwise."""
        async with asyncio.timeout(timeout):
            while self.unacknowledged or self._running:
                await asyncio.sleep(0.01)

    def emit(self, workspace: Workspace, event: Json) -> None:
        """Deliver one event, as the dice have it; a workspace whose token is revoked sends none."""
        if workspace.team_id in self.revoked:
            return
        payload = callback(self, workspace, event)
        self.conformity.event(payload)
        copies = 2 if self.random.random() < self.dice.duplicate else 1
        if self.random.random() < self.dice.reorder:
            self.spawn(self._send_later(payload, copies))
        else:
            self._send(payload, copies)

    def emit_message(self, message: Posted) -> None:
        """Deliver a new message, where the bot is a member."""
        if message.place.member:
            self.emit(message.place.workspace, message_event(self, message))

    def emit_change(self, message: Posted, previous: Json) -> None:
        """Deliver what became of a message."""
        if message.place.member:
            self.emit(message.place.workspace, changed_event(self, message, previous))

    def carry(self, interaction: Interaction) -> None:
        """Deliver a command, an action, a shortcut or a view; these are not redelivered."""
        self.conformity.interaction(interaction.kind, interaction.payload)
        self.interactions[interaction.trigger_id] = interaction
        if self.deliver_by == "http":
            self.spawn(self.http_events.interact(interaction))
        else:
            self.socket_mode.interact(interaction)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside, until it ends or the fake stops."""
        running = asyncio.get_running_loop().create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def stop_running(self) -> None:
        """End whatever still runs beside."""
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _send(self, payload: Json, copies: int) -> None:
        if self.deliver_by == "socket":
            self.socket_mode.send(payload, copies)
            return
        for _ in range(copies):
            self.spawn(self.http_events.send(payload))

    async def _send_later(self, payload: Json, copies: int) -> None:
        await asyncio.sleep(self.random.uniform(0, OVERTAKE_SECONDS))
        self._send(payload, copies)
