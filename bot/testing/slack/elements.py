"""What using an element of a block sends, by the element's type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.testing.slack.state import Json

OPTION = frozenset({"static_select", "external_select", "radio_buttons", "overflow"})
OPTIONS = frozenset({"checkboxes", "multi_static_select", "multi_external_select"})
CHOSEN = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "file_input": "files",
    "rich_text_input": "rich_text_value",
}


def element_at(blocks: list[Json], action_id: str) -> tuple[Json, Json]:
    """The block and its element with this action_id or type; LookupError when nobody can use it."""
    for block, element in elements(blocks):
        if action_id in (element.get("action_id"), element.get("type")):
            return block, element
    raise LookupError(f"there is no element {action_id!r} to use")


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every element that people can use, with its block."""
    for block in blocks:
        single = [block[key] for key in ("accessory", "element") if key in block]
        many = block.get("elements", []) if block.get("type") in ("actions", "context_actions") else []
        for element in [*single, *many]:
            if element.get("type") != "image":
                yield block, element


def answer(found: tuple[Json, Json], value: Any, moment: str) -> Json:
    """The entry of `actions` that using the element sends."""
    block, element = found
    action: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block.get("block_id", ""),
        "action_ts": moment,
    }
    if element["type"] == "feedback_buttons":
        button = element["positive_button" if value == "good" else "negative_button"]
        return action | {"value": button["value"], "text": button["text"]}
    if element["type"] == "button":
        return action | {key: element[key] for key in ("value", "text", "style", "url") if key in element}
    return action | chosen(element, value)


def state_of(blocks: list[Json], values: dict[str, dict[str, Any]]) -> Json:
    """The state of a view: {block_id: {action_id: what the element holds}}."""
    state: Json = {}
    for block, element in elements(blocks):
        if element["type"] in ("button", "overflow"):
            continue
        given = values.get(block["block_id"], {})
        name = element["action_id"]
        held = chosen(element, given[name]) if name in given else _first(element)
        state.setdefault(block["block_id"], {})[name] = {"type": element["type"], **held}
    unknown = set(values) - set(state)
    if unknown:
        raise LookupError(f"the view has no blocks {sorted(unknown)}")
    return state


def chosen(element: Json, value: Any) -> Json:
    """What an element holds when a value is typed into it or chosen from it."""
    kind = element["type"]
    if kind in OPTION:
        return {"selected_option": _option(element, value)}
    if kind in OPTIONS:
        return {"selected_options": [_option(element, each) for each in value]}
    return {CHOSEN.get(kind, "value"): value}


def _first(element: Json) -> Json:
    kind = element["type"]
    if kind in OPTION:
        return {"selected_option": element.get("initial_option")}
    if kind in OPTIONS:
        return {"selected_options": element.get("initial_options", [])}
    initial = next((element[key] for key in element if key.startswith("initial_")), None)
    return {CHOSEN.get(kind, "value"): initial}


def _option(element: Json, value: Any) -> Json:
    groups = element.get("option_groups", [])
    options = [*element.get("options", []), *(each for group in groups for each in group["options"])]
    for option in options:
        if option.get("value") == value:
            return {"text": option["text"], "value": option["value"]}
    raise LookupError(f"there is no entry {value!r} to choose")
