"""Controls and forms as Discord's components, and what people pressed, chose and filled in."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from bot.connectors.discord.rest import Json
from bot.controls import Button, Control, Field, Form, Look, Menu

log = logging.getLogger(__name__)

ROW, BUTTON, SELECT, INPUT, LABEL = 1, 2, 3, 4, 18
BUTTONS_IN_A_ROW = 5
MOST_ROWS = 5
MOST_FIELDS = 5
MOST_CHOICES = 25
ID_CHARACTERS = 100
FORM = "form"
STYLES = {Look.PLAIN: 2, Look.PRIMARY: 1, Look.DANGER: 4}
SHORT, LONG = 1, 2
INPUT_CHARACTERS = 4000


def rows(controls: Sequence[Control], part_key: str) -> tuple[Json, ...]:
    """The controls under a part: buttons side by side, each menu in a row of its own."""
    found: list[Json] = []
    for place, control in enumerate(controls):
        custom_id = f"{place}:{part_key}"
        if len(custom_id) > ID_CHARACTERS:
            log.warning("a control of part %s is left out: its key is too long for Discord", part_key)
        elif isinstance(control, Menu):
            found.append({"type": ROW, "components": [_select(control, custom_id)]})
        else:
            _row_with_room(found)["components"].append(_button(control, custom_id))
    if len(found) > MOST_ROWS:
        log.warning("part %s has more controls than Discord shows", part_key)
    return tuple(found[:MOST_ROWS])


def pressed(custom_id: str) -> tuple[int, str] | None:
    """The place of a control and the key of its part, from its id; None for an id that is not ours."""
    place, colon, part_key = custom_id.partition(":")
    return (int(place), part_key) if colon and place.isdecimal() else None


def modal(form: Form) -> Json:
    """A form to fill in. Of more than five fields those that must be filled in come first."""
    fields = sorted(form.fields, key=lambda each: not each.required)[:MOST_FIELDS]
    return {
        "custom_id": f"{FORM}:{form.skill}",
        "title": _cut(form.title, 45) or form.skill,
        "components": [
            {"type": LABEL, "label": _cut(each.label, 45) or each.name, "component": _input(each)}
            for each in fields
        ],
    }


def filled_in(submitted: Json) -> tuple[str, dict[str, str]]:
    """The skill of a form that was sent, and what was filled in. Raises ValueError for a foreign form."""
    name, _, skill = str(submitted.get("custom_id", "")).partition(":")
    if name != FORM or not skill:
        raise ValueError("a form of somebody else")
    return skill, dict(_values(submitted.get("components") or []))


def _row_with_room(found: list[Json]) -> Json:
    last = found[-1] if found else None
    if last and last["components"][0]["type"] == BUTTON and len(last["components"]) < BUTTONS_IN_A_ROW:
        return last
    found.append({"type": ROW, "components": []})
    return found[-1]


def _button(button: Button, custom_id: str) -> Json:
    label = _cut(button.label, 80) or button.command[:80]
    return {"type": BUTTON, "style": STYLES[button.look], "label": label, "custom_id": custom_id}


def _select(menu: Menu, custom_id: str) -> Json:
    options = [
        {"label": _cut(each.label, 100) or each.command[:100], "value": str(number)}
        | ({"description": _cut(each.description, 100)} if each.description.strip() else {})
        for number, each in enumerate(menu.choices[:MOST_CHOICES])
    ]
    return {"type": SELECT, "custom_id": custom_id, "placeholder": _cut(menu.prompt, 150), "options": options}


def _input(field: Field) -> Json:
    if field.choices and len(field.choices) <= MOST_CHOICES:
        options = [
            {"label": each[:100], "value": each[:100]} | ({"default": True} if each == field.value else {})
            for each in field.choices
        ]
        return {"type": SELECT, "custom_id": field.name, "options": options, "required": field.required}
    return {
        "type": INPUT,
        "custom_id": field.name,
        "style": LONG if field.long else SHORT,
        "required": field.required,
        "value": field.value[:INPUT_CHARACTERS],
        "max_length": INPUT_CHARACTERS,
    }


def _values(components: Sequence[Json]) -> Iterator[tuple[str, str]]:
    for each in components:
        inside = [*(each.get("components") or []), *([each["component"]] if each.get("component") else [])]
        yield from _values(inside)
        if "custom_id" in each:
            chosen = each.get("values") or []
            yield each["custom_id"], str(each.get("value") or (chosen[0] if chosen else ""))


def _cut(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
