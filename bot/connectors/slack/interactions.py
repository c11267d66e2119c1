"""Commands, buttons, menus, dialogs and shortcuts: messages that nobody typed as such."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from bot.app import Bot
from bot.connectors.slack.committing import commit
from bot.connectors.slack.events import moment, read_said
from bot.connectors.slack.markup import named_ids, plain
from bot.connectors.slack.names import Names
from bot.connectors.slack.places import Place
from bot.connectors.slack.rendering import CONTROL, FEEDBACK
from bot.connectors.slack.views import FORM, Origin, dialog, filled_in
from bot.connectors.slack.workspaces import Workspaces
from bot.controls import Button, Menu
from bot.errors import BadArguments, ParleyError
from bot.message import Author, Call, Channel, EventKind, Message, now
from bot.skills import Skill

log = logging.getLogger(__name__)

Json: TypeAlias = dict[str, Any]
Payload: TypeAlias = Mapping[str, Any]

Tell: TypeAlias = Callable[[Message, str], Awaitable[None]]
"""Tells the writer of a message something, alone."""

TRIGGER_SECONDS = 2.5
GONE = "This cannot be used any more."
NOT_HERE = "This is not switched on here."
THUMBS = {"good": "👍", "bad": "👎"}


class Interactions:
    """Turns what people press, choose, fill in and call into messages, and says what Slack is answered."""

    def __init__(self, bot: Bot, workspaces: Workspaces, names: Names, tell: Tell) -> None:
        self._bot = bot
        self._workspaces = workspaces
        self._names = names
        self._tell = tell

    async def take(self, payload: Payload) -> Json | None:
        """Make an interaction durable; the answer to acknowledge it with, None for an empty one."""
        if "command" in payload:
            return await self._command(payload)
        match payload.get("type"):
            case "block_actions":
                return await self._used(payload)
            case "view_submission":
                return await self._submitted(payload)
            case "message_action":
                return await self._shortcut(payload)
        return None

    async def _command(self, payload: Payload) -> Json | None:
        """A slash command: the name of a skill and its arguments, or anything that the router understands."""
        place = Place(payload["team_id"], payload["channel_id"])
        typed = await self._typed(str(payload.get("text") or ""), place.team) or "help"
        call = self._bot.offers.call(typed, _channel(place).conversation)
        skill = call and self._skill(call, place)
        if call and skill and _lacks(call, skill):
            return await self._open(payload, call, place)
        await commit(self._bot, _message(payload, place, self._line(typed) if call else typed, call=call))
        return None if skill and skill.to_asker else {"response_type": "in_channel"}

    async def _used(self, payload: Payload) -> Json | None:
        for action in payload.get("actions") or ():
            identity = str(action.get("action_id") or "")
            if identity == FEEDBACK:
                await self._rated(payload, str(action.get("value") or ""), str(action["action_ts"]))
            elif identity.startswith(CONTROL):
                await self._pressed(payload, action, int(identity.removeprefix(CONTROL)))
        return None

    async def _rated(self, payload: Payload, value: str, pressed_at: str) -> None:
        """Feedback is a thumb under the answer."""
        verdict, _, part = value.partition(":")
        team, user, place = payload["team"]["id"], payload["user"], _place(payload)
        await commit(
            self._bot,
            Message(
                key=f"slack:{team}:{place.channel}:feedback:{user['id']}:{pressed_at}",
                channel=_channel(place),
                author=_author(payload, team),
                text=THUMBS[verdict],
                sent_at=moment(pressed_at),
                kind=EventKind.REACTED,
                target=part,
            ),
        )

    async def _pressed(self, payload: Payload, action: Payload, number: int) -> None:
        chosen = action.get("selected_option")
        choice, part = 0, str(action.get("value") or "")
        if chosen is not None:
            first, _, part = str(chosen["value"]).partition(":")
            choice = int(first)
        place = _place(payload)
        control = await self._bot.offers.control(part, number)
        command = ""
        if isinstance(control, Button):
            command = control.command
        elif isinstance(control, Menu) and 0 <= choice < len(control.choices):
            command = control.choices[choice].command
        call = self._bot.offers.call(command, _channel(place).conversation)
        if not command or (call is None and command.startswith("/")):
            await self._excuse(payload, place, GONE if not command else NOT_HERE)
        elif call and isinstance(control, Button) and control.asks:
            await self._open(payload, call, place)
        else:
            await self._say(payload, place, command, call)

    async def _submitted(self, payload: Payload) -> Json | None:
        view = payload["view"]
        if view.get("callback_id") != FORM:
            return None
        origin, values = Origin.unpack(view["private_metadata"]), filled_in(view.get("state") or {})
        place = Place(origin.team, origin.channel, origin.thread)
        call = Call(origin.skill, tuple(values.items()))
        if (skill := self._skill(call, place)) and (wrong := _misfit(skill, values)):
            return {"response_action": "errors", "errors": wrong}
        line = " ".join([origin.skill, *values.values()])
        message = _message(payload, place, self._line(line), call=call)
        key = f"slack:{origin.team}:{view['id']}"
        await commit(self._bot, replace(message, key=key, return_address=origin.return_address))
        return None

    async def _shortcut(self, payload: Payload) -> Json | None:
        """A skill called upon a message: the message is shown to the core first, then the call."""
        place, said = _place(payload), payload["message"]
        workspace = self._workspaces.require(place.team)
        name = str(payload.get("callback_id") or "")
        call = Call(name, ())
        if self._skill(call, place) is None:
            await self._excuse(payload, place, NOT_HERE)
            return None
        shown = await read_said(
            {**said, "ts": payload["message_ts"]},
            place.channel,
            workspace,
            self._names,
            kind=EventKind.SEEN,
        )
        if shown is not None:
            await commit(self._bot, shown)
        upon = workspace.key(place.channel, payload["message_ts"])
        await self._say(payload, place, self._line(name), call, upon=upon)
        return None

    async def _say(
        self, payload: Payload, place: Place, command: str, call: Call | None, *, upon: str | None = None
    ) -> None:
        await commit(self._bot, _message(payload, place, command, call=call, upon=upon))

    async def _open(self, payload: Payload, call: Call, place: Place) -> Json | None:
        """Open the form of a call while its trigger is good, which is 3 seconds."""
        form = self._bot.offers.form(call, _channel(place).conversation)
        if form is None:
            await self._say(payload, place, self._line(call.skill), call)
            return None
        address = str(payload.get("response_url") or "")
        origin = Origin(place.team, place.channel, place.thread, call.skill, address)
        workspace = self._workspaces.require(place.team)
        try:
            async with asyncio.timeout(TRIGGER_SECONDS):
                view = dialog(form, origin)
                await workspace.api.call_now("views.open", trigger_id=payload["trigger_id"], view=view)
        except (TimeoutError, ParleyError) as error:
            log.warning("no dialog for %s: %s", call.skill, error or "Slack took too long")
            await self._excuse(payload, place, f"I could not open the form. Type: {self._line(form.skill)} …")
        return None

    async def _excuse(self, payload: Payload, place: Place, text: str) -> None:
        """Answer a press that leads nowhere; if that fails, nothing is lost."""
        try:
            async with asyncio.timeout(TRIGGER_SECONDS):
                await self._tell(_message(payload, place, ""), text)
        except (TimeoutError, ParleyError) as error:
            log.info("a press was not answered: %s", error or "Slack took too long")

    async def _typed(self, text: str, team: str) -> str:
        """What was typed after a command, in which Slack has marked people and channels."""
        workspace = self._workspaces.require(team)
        return plain(text, await self._names.of(workspace, named_ids(text))).strip()

    def _skill(self, call: Call, place: Place) -> Skill | None:
        return self._bot.offers.skill(call.skill, _channel(place).conversation)

    def _line(self, command: str) -> str:
        return f"{self._bot.settings.router.prefix}{command}"


def _place(payload: Payload) -> Place:
    """Where a message stands whose control or menu was used; what has no thread begins one."""
    container, message = payload.get("container") or {}, payload.get("message") or {}
    channel = (payload.get("channel") or {}).get("id") or container.get("channel_id") or ""
    thread = message.get("thread_ts") or container.get("thread_ts")
    if thread is None and not container.get("is_ephemeral"):
        thread = message.get("ts") or payload.get("message_ts") or container.get("message_ts")
    return Place(str(payload["team"]["id"]), str(channel), thread)


def _channel(place: Place, name: str = "") -> Channel:
    named = "" if place.is_direct else name
    return Channel(
        "slack", f"{place.team}.{place.channel}", place.thread, is_direct=place.is_direct, name=named
    )


def _author(payload: Payload, team: str) -> Author:
    """Who acted. Commands name them beside, all else as an object."""
    user = payload.get("user") or {"id": payload.get("user_id"), "name": payload.get("user_name")}
    return Author(f"{team}.{user['id']}", str(user.get("name") or user.get("username") or ""))


def _message(
    payload: Payload, place: Place, text: str, *, call: Call | None = None, upon: str | None = None
) -> Message:
    """What an interaction says, under the trigger that Slack gives each its own."""
    named = (payload.get("channel") or {}).get("name") or payload.get("channel_name") or ""
    return Message(
        key=f"slack:{place.team}:{payload.get('trigger_id') or ''}",
        channel=_channel(place, str(named)),
        author=_author(payload, place.team),
        text=text,
        sent_at=now(),
        mentions_bot=True,
        reply_to=upon,
        call=call,
        return_address=str(payload.get("response_url") or ""),
    )


def _lacks(call: Call, skill: Skill) -> bool:
    """Whether a parameter that must be given is not."""
    given = dict(call.arguments)
    return any(each.required and not given.get(each.name) for each in skill.parameters)


def _misfit(skill: Skill, values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the values of a form, at the field that is wrong."""
    try:
        skill.read_named(values)
    except BadArguments as error:
        words = str(error)
        names = [each.name for each in skill.parameters]
        at = next((name for name in names if name.casefold() in words.partition(".")[0].casefold()), names[0])
        return {at: words}
    return {}
