"""Every skill as a slash command, and those with a menu name in the menu of messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence

from bot.connectors.discord.rest import Json, Rest
from bot.errors import DeliveryError, Refused
from bot.parameters import Parameter
from bot.skills import Skill
from storage.notes import Notes

log = logging.getLogger(__name__)

SLASH, MESSAGE_MENU = 1, 3
STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10
KINDS = {int: INTEGER, bool: BOOLEAN, float: NUMBER}
MOST_COMMANDS, MOST_MENUS, MOST_OPTIONS, MOST_CHOICES = 100, 5, 25, 25
NAME_CHARACTERS, WORDS_CHARACTERS = 32, 100
EVERYWHERE = [0, 1]  # in guilds and in direct messages with the bot
COMMANDS = "/applications/{application_id}/commands"
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0


def commands_of(skills: Sequence[Skill]) -> list[Json]:
    """The application commands, ready to upload."""
    slash = [_slash(each) for each in skills[:MOST_COMMANDS]]
    labels = list(dict.fromkeys(each.menu[:NAME_CHARACTERS] for each in skills if each.menu))
    if len(labels) > MOST_MENUS or len(skills) > MOST_COMMANDS:
        log.warning("Discord shows at most %d commands and %d menu entries", MOST_COMMANDS, MOST_MENUS)
    menus = [
        {"name": each, "type": MESSAGE_MENU, "contexts": EVERYWHERE, "integration_types": [0]}
        for each in labels[:MOST_MENUS]
    ]
    return slash + menus


def option_name(parameter: Parameter) -> str:
    """The name of a parameter as Discord allows it."""
    return parameter.name.lower()[:NAME_CHARACTERS]


def arguments_of(skill: Skill, options: Sequence[Json]) -> tuple[tuple[str, str], ...]:
    """What was filled in, by the skill's own names and in its order."""
    given = {each["name"]: _words(each.get("value")) for each in options}
    return tuple((p.name, given[option_name(p)]) for p in skill.parameters if option_name(p) in given)


def skill_of_menu(skills: Sequence[Skill], label: str) -> Skill | None:
    """The skill that stands under a label in the menu of messages."""
    return next((each for each in skills if each.menu and each.menu[:NAME_CHARACTERS] == label), None)


class Commands:
    """Keeps Discord's list of commands equal to the skills; it is sent only when it changed."""

    def __init__(self, rest: Rest, notes: Notes, area: str, application: str) -> None:
        self._rest = rest
        self._notes = notes
        self._area = area
        self._application = application

    async def upload(self, skills: Sequence[Skill]) -> None:
        """Send the list, if need be again and again until Discord takes or refuses it."""
        commands = commands_of(skills)
        mark = self._mark(commands)
        if (await self._notes.read(self._area)).get("commands") == mark:
            return
        pause = FIRST_PAUSE
        while not await self._put(commands):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        await self._notes.write(self._area, {"commands": mark})

    async def _put(self, commands: list[Json]) -> bool:
        try:
            await self._rest.ask(
                "PUT",
                COMMANDS,
                body=commands,
                application_id=self._application,
            )
        except Refused as error:
            log.error("Discord does not take the list of commands: %s", error)  # noqa: TRY400
            return True
        except DeliveryError as error:
            log.warning("the list of commands is sent to Discord again later: %s", error)
            return False
        log.info("Discord has the list of %d commands", len(commands))
        return True

    def _mark(self, commands: list[Json]) -> str:
        whole = json.dumps([self._application, commands], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()


def _slash(skill: Skill) -> Json:
    ordered = sorted(skill.parameters, key=lambda each: not each.required)
    return {
        "name": skill.name,
        "type": SLASH,
        "description": _line(skill.summary, skill.name),
        "options": [_option(each) for each in ordered[:MOST_OPTIONS]],
        "contexts": EVERYWHERE,
        "integration_types": [0],
    }


def _option(parameter: Parameter) -> Json:
    kind = STRING if parameter.choices else KINDS.get(parameter.type, STRING)
    option: Json = {
        "type": kind,
        "name": option_name(parameter),
        "description": _line(parameter.help, parameter.name.replace("_", " ")),
        "required": parameter.required,
    }
    return option | _choices(parameter)


def _choices(parameter: Parameter) -> Json:
    longest = max(map(len, parameter.choices), default=0)
    if parameter.suggest or len(parameter.choices) > MOST_CHOICES or longest > WORDS_CHARACTERS:
        return {"autocomplete": True}
    choices = [{"name": each, "value": each} for each in parameter.choices]
    return {"choices": choices} if choices else {}


def _line(text: str, otherwise: str) -> str:
    line = " ".join(text.split()) or otherwise
    return line if len(line) <= WORDS_CHARACTERS else line[: WORDS_CHARACTERS - 1] + "…"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
