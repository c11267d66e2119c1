"""Slack's views: the home tab with what the bot can do, and dialogs made of the core's forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from bot.connectors.slack.markup import escaped
from bot.connectors.slack.rendering import plain_text, shortened
from bot.controls import Field, Form
from bot.skills import Skill

Json: TypeAlias = dict[str, Any]

FORM = "form"
ANSWER = "answer"
TITLE_CHARACTERS = 24
LABEL_CHARACTERS = 2000
VALUE_CHARACTERS = 3000
CHOICE_CHARACTERS = 75
SECTION_CHARACTERS = 3000
MOST_CHOICES = 100
MOST_SKILLS = 40
MOST_PROMPTS = 4


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dialog was opened, so that its answer comes there."""

    team: str
    channel: str
    thread: str | None
    skill: str
    return_address: str = ""

    def pack(self) -> str:
        """As text, for `private_metadata`."""
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, packed: str) -> Origin:
        """The origin of `pack`."""
        return cls(**json.loads(packed))


def dialog(form: Form, origin: Origin) -> Json:
    """A form as a dialog."""
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": origin.pack(),
        "title": plain_text(form.skill.capitalize(), TITLE_CHARACTERS),
        "submit": plain_text("Send", TITLE_CHARACTERS),
        "close": plain_text("Cancel", TITLE_CHARACTERS),
        "blocks": [_about(form.title), *(_input(field) for field in form.fields)],
    }


def filled_in(state: Mapping[str, Any]) -> dict[str, str]:
    """What was filled into a dialog, by field."""
    values: dict[str, str] = {}
    for name, elements in (state.get("values") or {}).items():
        held = elements.get(ANSWER) or {}
        chosen = held.get("selected_option") or {}
        if value := held.get("value") or chosen.get("value"):
            values[name] = str(value)
    return values


def home(skills: Sequence[Skill], command: str) -> Json:
    """The home tab: the skills and how to call them."""
    ways = (
        "Mention me in a channel, write to me here, or type "
        f"`{command} help`. In a thread we are talking in, you need not mention me again."
    )
    blocks: list[Json] = [
        {"type": "header", "text": plain_text("What I can do", 150)},
        {"type": "section", "text": {"type": "mrkdwn", "text": ways}},
        {"type": "divider"},
    ]
    blocks += [_skill(each, command) for each in skills[:MOST_SKILLS]]
    return {"type": "home", "blocks": blocks}


def prompts(skills: Sequence[Skill]) -> list[Json]:
    """Things to ask, from the skills' own examples."""
    examples = [each.examples[0] for each in skills if each.examples][:MOST_PROMPTS]
    return [{"title": shortened(each, CHOICE_CHARACTERS), "message": each} for each in examples]


def _about(title: str) -> Json:
    return {"type": "section", "text": plain_text(title, SECTION_CHARACTERS)}


def _skill(skill: Skill, command: str) -> Json:
    usage = f"`{escaped(f'{command} {skill.usage}')}`"
    example = f"\n_{escaped(skill.examples[0])}_" if skill.examples else ""
    text = f"*{escaped(skill.name)}*: {escaped(skill.summary)}\n{usage}{example}"
    return {"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, SECTION_CHARACTERS)}}


def _input(field: Field) -> Json:
    return {
        "type": "input",
        "block_id": field.name,
        "optional": not field.required,
        "label": plain_text(field.label, LABEL_CHARACTERS),
        "element": _menu(field) if field.choices else _line(field),
    }


def _line(field: Field) -> Json:
    element: Json = {"type": "plain_text_input", "action_id": ANSWER, "multiline": field.long}
    if field.value:
        element["initial_value"] = field.value[:VALUE_CHARACTERS]
    return element


def _menu(field: Field) -> Json:
    options = [_option(each) for each in field.choices[:MOST_CHOICES]]
    element: Json = {"type": "static_select", "action_id": ANSWER, "options": options}
    chosen = next((each for each in options if each["value"] == field.value), None)
    return element if chosen is None else element | {"initial_option": chosen}


def _option(choice: str) -> Json:
    return {"text": plain_text(choice, CHOICE_CHARACTERS), "value": choice}
