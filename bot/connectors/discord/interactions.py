"""What people ask by Discord's own forms: commands, menus, buttons, choices, modals, suggestions.

Each is answered within Discord's three seconds, whatever the database and the models do: the words of
the answer follow by editing what is shown first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum

from bot.app import Bot
from bot.connectors.discord.commands import MESSAGE_MENU, arguments_of, option_name, skill_of_menu
from bot.connectors.discord.events import (
    Reading,
    author_of_interaction,
    channel_of_interaction,
    key_of,
    sent_at,
)
from bot.connectors.discord.forms import filled_in, modal, pressed
from bot.connectors.discord.places import Places
from bot.connectors.discord.posting import Asked, Posting
from bot.connectors.discord.rendering import EPHEMERAL, render_words
from bot.connectors.discord.rest import Denied, Json, Rest
from bot.controls import Button, Control
from bot.errors import BadInput, DeliveryError
from bot.message import Call, EventKind, Message
from bot.skills import Skill
from storage import StorageError

log = logging.getLogger(__name__)

ACCEPT_SECONDS = 0.8
LOOK_SECONDS = 0.8
CALLBACK_SECONDS = 1.2
ANSWERABLE_SECONDS = 3.0
AGAIN_SECONDS = 0.05
GONE = "This is not available any more."
BUSY = "I cannot look this up now. Please try again."
NOT_STORED = "I could not take this: nothing can be stored here at the moment. Please try again in a minute."
UNSEEN = "I cannot see that message."


class Kind(IntEnum):
    """Types of interactions."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Response(IntEnum):
    """Types of first answers."""

    MESSAGE = 4
    DEFERRED = 5
    CHOICES = 8
    MODAL = 9


class Interactions:
    """Turns interactions into messages that call a skill, and answers each in time."""

    def __init__(self, *, bot: Bot, rest: Rest, places: Places, reading: Reading, posting: Posting) -> None:
        self._bot = bot
        self._rest = rest
        self._places = places
        self._reading = reading
        self._posting = posting

    async def take(self, payload: Json) -> None:
        """Answer one interaction."""
        kind = payload["type"]
        if kind == Kind.COMMAND:
            await self._command(payload)
        elif kind == Kind.AUTOCOMPLETE:
            await self._suggest(payload)
        elif kind == Kind.COMPONENT:
            await self._component(payload)
        elif kind == Kind.MODAL:
            await self._submitted(payload)

    # Commands and menus

    async def _command(self, payload: Json) -> None:
        if payload["data"].get("type") == MESSAGE_MENU:
            return await self._menu(payload)
        name, conversation = payload["data"]["name"], self._conversation(payload)
        skill = self._bot.offers.skill(name, conversation)
        arguments = arguments_of(skill, payload["data"].get("options") or ()) if skill else ()
        return await self._call(payload, Call(name, arguments), skill)

    async def _menu(self, payload: Json) -> None:
        """A message's menu: the message is shown to the bot first, then its skill is called upon it."""
        data, conversation = payload["data"], self._conversation(payload)
        skill = skill_of_menu(self._bot.offers.skills(conversation), data["name"])
        target = (data.get("resolved") or {}).get("messages", {}).get(str(data["target_id"]))
        if skill is None or target is None:
            return await self._tell(payload, GONE if skill is None else UNSEEN)
        guild = {"guild_id": payload["guild_id"]} if "guild_id" in payload else {}
        seen = await self._reading.message(target | guild, EventKind.SEEN)
        before = () if seen is None else (seen,)
        return await self._call(payload, Call(skill.name), skill, before=before, upon=key_of(target["id"]))

    async def _call(
        self,
        payload: Json,
        call: Call,
        skill: Skill | None,
        *,
        before: Sequence[Message] = (),
        upon: str | None = None,
        words: str = "",
    ) -> None:
        hidden = skill is not None and skill.to_asker
        message = replace(
            self._message(payload, words or self._line(call)),
            call=call,
            reply_to=upon,
            return_address=Asked(payload["token"], hidden).address(),
        )
        await self._accept(payload, (*before, message), hidden=hidden)

    async def _accept(self, payload: Json, messages: Sequence[Message], *, hidden: bool) -> None:
        """Make it durable and defer; after 0.8 s defer anyway, and say so when it fails afterwards."""
        accepting = asyncio.ensure_future(self._store(messages))
        try:
            await asyncio.wait([accepting], timeout=ACCEPT_SECONDS)
            if accepting.done() and (refusal := accepting.result()):
                return await self._tell(payload, refusal)
            await self._respond(payload, Response.DEFERRED, {"flags": EPHEMERAL} if hidden else {})
            if refusal := await accepting:
                await self._posting.edit_original(Asked(payload["token"]), refusal)
        except DeliveryError as error:
            log.warning("an interaction could not be told that it failed: %s", error)
        finally:
            if not accepting.done():
                accepting.cancel()
                with suppress(asyncio.CancelledError):
                    await accepting
        return None

    async def _store(self, messages: Sequence[Message]) -> str:
        """What to tell the asker when it could not be made durable; nothing when it could."""
        try:
            for each in messages:
                await self._bot.accept(each)
        except BadInput as error:
            return str(error)
        except StorageError as error:
            log.warning("an interaction was not stored: %s", error)
            return NOT_STORED
        return ""

    # Buttons, menus and forms

    async def _component(self, payload: Json) -> None:
        found = pressed(str(payload["data"].get("custom_id")))
        if found is None:
            return await self._tell(payload, GONE)
        place, part_key = found
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                control = await self._bot.offers.control(part_key, place)
        except (TimeoutError, StorageError):
            return await self._tell(payload, BUSY)
        command = _command_of(control, payload["data"].get("values") or ())
        call = self._bot.offers.call(command, self._conversation(payload)) if command else None
        if control is None or call is None:
            return await self._tell(payload, GONE)
        if isinstance(control, Button) and control.asks:
            form = self._bot.offers.form(call, self._conversation(payload))
            if form is not None:
                return await self._respond(payload, Response.MODAL, modal(form))
        skill = self._bot.offers.skill(call.skill, self._conversation(payload))
        return await self._call(payload, call, skill, words=command)

    async def _submitted(self, payload: Json) -> None:
        try:
            name, values = filled_in(payload["data"])
        except ValueError:
            return await self._tell(payload, GONE)
        skill = self._bot.offers.skill(name, self._conversation(payload))
        if skill is None:
            return await self._tell(payload, GONE)
        return await self._call(payload, Call(name, tuple(values.items())), skill)

    async def _suggest(self, payload: Json) -> None:
        """Values for an option while somebody types; none when they do not come in time."""
        data, conversation = payload["data"], self._conversation(payload)
        skill = self._bot.offers.skill(data["name"], conversation)
        options = data.get("options") or []
        focused = next((each for each in options if each.get("focused")), None)
        offered: Sequence[str] = ()
        if skill is not None and focused is not None:
            wanted = next((p.name for p in skill.parameters if option_name(p) == focused["name"]), "")
            call = Call(skill.name, arguments_of(skill, options))
            message = replace(self._message(payload, self._line(call)), call=call)
            offered = await self._bot.offers.suggestions(message, call, wanted, str(focused["value"]))
        choices = [{"name": each, "value": each} for each in offered]
        await self._respond(payload, Response.CHOICES, {"choices": choices})

    # Answers

    async def _tell(self, payload: Json, words: str) -> None:
        """A sentence that the asker alone sees."""
        body = render_words(words).body()
        await self._respond(payload, Response.MESSAGE, body | {"flags": EPHEMERAL | body["flags"]})

    async def _respond(self, payload: Json, kind: Response, data: Json) -> None:
        """The first answer; tried again while it can be in time."""
        path = f"/interactions/{payload['id']}/{payload['token']}/callback"
        body: Json = {"type": int(kind)} | ({"data": data} if data else {})
        until = time.monotonic() + ANSWERABLE_SECONDS
        while True:
            try:
                await self._rest.hook("POST", path, body=body, seconds=CALLBACK_SECONDS)
            except Denied as error:
                log.info("an interaction is over already: %s", error)
            except DeliveryError as error:
                if time.monotonic() > until:
                    log.warning("an interaction was not answered in time: %s", error)
                    return
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            return

    def _message(self, payload: Json, text: str) -> Message:
        number = str(payload["id"])
        return Message(
            key=key_of(number),
            channel=channel_of_interaction(payload, self._places),
            author=author_of_interaction(payload),
            text=text,
            sent_at=sent_at(number),
            mentions_bot=True,
            language=str(payload.get("locale") or ""),
        )

    def _conversation(self, payload: Json) -> str:
        return channel_of_interaction(payload, self._places).conversation

    def _line(self, call: Call) -> str:
        """A call as people would type it."""
        words = [value if " " not in value else f'"{value}"' for _, value in call.arguments[:-1] if value]
        words += [value for _, value in call.arguments[-1:]]
        return " ".join([f"{self._bot.settings.router.prefix}{call.skill}", *words]).strip()


def _command_of(control: Control | None, values: Sequence[str]) -> str:
    """What pressing or choosing says; empty when that is not there any more."""
    if control is None:
        return ""
    if isinstance(control, Button):
        return control.command
    place = int(values[0]) if values and values[0].isdecimal() else len(control.choices)
    return control.choices[place].command if place < len(control.choices) else ""
