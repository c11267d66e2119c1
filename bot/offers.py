"""What connectors show of skills: which there are, their forms and suggestions, what a control says."""

from __future__ import annotations

from collections.abc import Sequence

from bot.answering import Answering
from bot.controls import Control, Form
from bot.message import Call, Message, unpack_reply
from bot.skills import Skill
from storage import Store

SUGGESTED = 25


class Offers:
    """The skills of one bot, as menus, slash commands and forms need them."""

    def __init__(self, store: Store, answering: Answering) -> None:
        self._store = store
        self._answering = answering

    def skills(self, conversation: str = "") -> tuple[Skill, ...]:
        """The skills switched on in a conversation, each once, by name; all of them without one."""
        return self._answering.skills_in(conversation)

    def skill(self, name: str, conversation: str) -> Skill | None:
        """A skill by its name, when it is switched on there."""
        return next((each for each in self.skills(conversation) if each.name == name), None)

    def call(self, command: str, conversation: str) -> Call | None:
        """What a command line such as `/ask what is new?` calls; None when no such skill is there."""
        name, _, rest = command.strip().lstrip("/!").partition(" ")
        skill = self.skill(name.casefold(), conversation)
        return None if skill is None else Call(skill.name, tuple(skill.given(rest).items()))

    def form(self, call: Call, conversation: str) -> Form | None:
        """The form of a call's skill, filled in with what the call gives; None when it takes nothing."""
        skill = self.skill(call.skill, conversation)
        return None if skill is None or not skill.parameters else skill.form(dict(call.arguments))

    async def control(self, part_key: str, place: int) -> Control | None:
        """The control at a place under a part of a reply, however long ago it was sent; None when gone."""
        packed = await self._store.outbox.packed(part_key)
        controls = unpack_reply(packed).controls if packed else ()
        return controls[place] if 0 <= place < len(controls) else None

    async def suggestions(self, message: Message, call: Call, parameter: str, typed: str) -> Sequence[str]:
        """At most 25 values for a parameter while someone types."""
        found = await self._answering.suggest(message, call.skill, parameter, typed)
        return [each[:100] for each in found if each][:SUGGESTED]
