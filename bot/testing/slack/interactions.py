"""Commands, buttons, menus, shortcuts and views: what a person sends, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.testing.slack.bodies import message_body
from bot.testing.slack.delivery import Delivery
from bot.testing.slack.elements import answer, element_at, state_of
from bot.testing.slack.state import Json, Person, Place, Posted

ANSWERS_PER_ADDRESS = 5
TRIGGER_SECONDS = 3.0


@dataclass(slots=True, eq=False)
class Interaction:
    """One thing a person did with the app. Times are seconds on the fake's clock."""

    kind: str
    payload: Json
    trigger_id: str
    person: Person
    channel: str | None
    sent_at: float
    slack: Delivery
    thread_ts: str | None = None
    message_ts: str | None = None
    acknowledged_at: float | None = None
    ack_body: Json | None = None
    responses: list[Json] = field(default_factory=list)
    view: Json | None = None
    trigger_used: bool = False
    on_answer: Callable[[Interaction, Json], None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def response_url(self) -> str:
        """Where answers may be posted."""
        return f"{self.slack.origin}/response/{self.trigger_id}"

    @property
    def ack_seconds(self) -> float | None:
        """How long the acknowledgement took; None while there is none."""
        return None if self.acknowledged_at is None else self.acknowledged_at - self.sent_at

    def acknowledge(self, body: Json | None) -> None:
        """The bot acknowledged, perhaps with an answer."""
        self.acknowledged_at = self.slack.clock()
        self.ack_body = body
        if body and body.get("response_action") in ("update", "push") and self.view is not None:
            self.view = {**self.view, **body["view"]}
        if body and self.on_answer is not None:
            self.on_answer(self, body)
        self.noticed()

    def noticed(self) -> None:
        """Something changed; those who wait look again."""
        self._news.set()

    async def acknowledged(self, timeout: float = 5.0) -> Json | None:
        """Wait for the acknowledgement and return its body; TimeoutError when there is none."""
        async with asyncio.timeout(timeout):
            while self.acknowledged_at is None:
                await self._changed()
        return self.ack_body

    async def answered(self, timeout: float = 10.0) -> Json:
        """Wait for an answer: one posted to the response_url, in the acknowledgement, or a view."""
        async with asyncio.timeout(timeout):
            while not (answers := self._answers()):
                await self._changed()
        return answers[0]

    def _answers(self) -> list[Json]:
        return [*self.responses, *filter(None, [self.ack_body, self.view])]

    async def _changed(self) -> None:
        self._news.clear()
        await self._news.wait()


class Interacting(Delivery):
    """People who use the app's commands, buttons and views."""

    def slash(
        self, command: str, text: str = "", *, channel: str | None = None, author: str = "ann"
    ) -> Interaction:
        """Type a slash command."""
        place = self.places[channel or self.general]
        person = self.person(author, team=place.workspace.team_id)
        interaction = self._begun("slash_commands", person, place)
        interaction.payload |= {
            "token": "fake-verification-token",
            "api_app_id": self.app_id,
            "team_id": person.team_id,
            "team_domain": place.workspace.domain,
            "channel_id": place.id,
            "channel_name": "directmessage" if place.kind == "im" else place.name,
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": text,
            "response_url": interaction.response_url,
            "is_enterprise_install": False,
        }
        return self._carried(interaction)

    def press(self, channel: str, ts: str, action_id: str, *, author: str = "ann") -> Interaction:
        """Press a button under a message."""
        return self._act(channel, ts, action_id, None, author=author)

    def choose(
        self, channel: str, ts: str, action_id: str, value: Any, *, author: str = "ann"
    ) -> Interaction:
        """Choose an entry of a menu under a message, by its value."""
        return self._act(channel, ts, action_id, value, author=author)

    def feedback(self, channel: str, ts: str, value: str, *, author: str = "ann") -> Interaction:
        """Press the thumb up ("good") or down ("bad") under a message."""
        return self._act(channel, ts, "feedback_buttons", value, author=author)

    def press_view(
        self, view: Json | Interaction, action_id: str, value: Any = None, *, author: str = "ann"
    ) -> Interaction:
        """Use an element of a view: one that was opened, or a person's home."""
        shown = _view_of(view)
        person = self.person(author)
        interaction = self._begun("block_actions", person, None)
        interaction.view = shown
        interaction.payload |= {
            **self._wrapped(person),
            "container": {"type": "view", "view_id": shown["id"]},
            "view": shown,
            "actions": [answer(element_at(shown["blocks"], action_id), value, self.moment())],
        }
        return self._carried(interaction)

    def shortcut(self, callback_id: str, channel: str, ts: str, *, author: str = "ann") -> Interaction:
        """Use a shortcut in a message's menu."""
        message = self.message(channel, ts)
        person = self.person(author, team=message.place.workspace.team_id)
        interaction = self._begun("message_action", person, message.place)
        interaction.message_ts = ts
        interaction.payload |= {
            **self._wrapped(person),
            "callback_id": callback_id,
            "message_ts": ts,
            "message": self._seen(message),
            "channel": _named(message.place),
            "response_url": interaction.response_url,
            "action_ts": self.moment(),
        }
        # Slack's recorded shortcuts do not have it.
        del interaction.payload["api_app_id"]
        return self._carried(interaction)

    def submit(
        self, view: Json | Interaction, values: dict[str, dict[str, Any]], *, author: str | None = None
    ) -> Interaction:
        """Submit a view with {block_id: {action_id: value}}; what is left out keeps its first value."""
        shown = _view_of(view)
        known = view.person.id if isinstance(view, Interaction) else "ann"
        person = self.person(author or known)
        interaction = self._begun("view_submission", person, None)
        shown = {**shown, "state": {"values": state_of(shown["blocks"], values)}}
        interaction.view = shown
        interaction.payload |= {**self._wrapped(person), "view": shown}
        return self._carried(interaction)

    def close(self, view: Json | Interaction, *, author: str = "ann") -> Interaction | None:
        """Close a view; the app hears of it only if it asked to."""
        shown = _view_of(view)
        if not shown.get("notify_on_close"):
            return None
        person = self.person(author)
        interaction = self._begun("view_closed", person, None)
        interaction.payload |= {**self._wrapped(person), "view": shown, "is_cleared": False}
        del interaction.payload["trigger_id"]
        return self._carried(interaction)

    def _act(self, channel: str, ts: str, action_id: str, value: Any, *, author: str) -> Interaction:
        place = self.places[channel]
        person = self.person(author, team=place.workspace.team_id)
        hidden = self.hidden.get(ts)
        message = hidden or self.message(channel, ts)
        interaction = self._begun("block_actions", person, place)
        interaction.message_ts = ts
        interaction.thread_ts = message.thread_ts
        container = {
            "type": "message",
            "message_ts": ts,
            "channel_id": place.id,
            "is_ephemeral": hidden is not None,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        interaction.payload |= {
            **self._wrapped(person),
            "container": container,
            "channel": _named(place),
            **({} if hidden else {"message": self._seen(message)}),
            "state": {"values": {}},
            "response_url": interaction.response_url,
            "actions": [answer(element_at(message.blocks, action_id), value, self.moment())],
        }
        return self._carried(interaction)

    def _begun(self, kind: str, person: Person, place: Place | None) -> Interaction:
        trigger = f"{self.identity('trigger')}.{person.team_id}"
        kept = {} if kind == "slash_commands" else {"type": kind}
        channel = place.id if place else None
        payload = {**kept, "trigger_id": trigger}
        return Interaction(kind, payload, trigger, person, channel, sent_at=self.clock(), slack=self)

    def _carried(self, interaction: Interaction) -> Interaction:
        self.carry(interaction)
        return interaction

    def _wrapped(self, person: Person) -> Json:
        workspace = self.workspaces[person.team_id]
        return {
            "team": {"id": workspace.team_id, "domain": workspace.domain},
            "enterprise": None,
            "user": {"id": person.id, "name": person.name, "team_id": person.team_id},
            "api_app_id": self.app_id,
            "token": "fake-verification-token",
            "is_enterprise_install": False,
        }

    def _seen(self, message: Posted) -> Json:
        body = message_body(self, message)
        return {key: value for key, value in body.items() if key != "reactions"}


def _named(place: Place) -> Json:
    return {"id": place.id, "name": "directmessage" if place.kind == "im" else place.name}


def _view_of(view: Json | Interaction) -> Json:
    shown = view.view if isinstance(view, Interaction) else view
    if shown is None:
        raise LookupError("no view was opened")
    return shown
