"""Slack's limits on blocks: what makes a message or a view `invalid_blocks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bot.testing.slack.elements import elements
from bot.testing.slack.state import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MARKDOWN_CHARACTERS = 12_000
UNLIMITED = frozenset({"divider", "rich_text", "video", "file", "plan", "task_card", "call"})


def problems(blocks: Any, *, most: int = MESSAGE_BLOCKS) -> list[str]:
    """What Slack would refuse, in words; empty when the blocks are fine."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return ["blocks must be an array of objects"]
    found = [f"no more than {most} items allowed"] if len(blocks) > most else []
    for number, block in enumerate(blocks):
        found += [f"{problem} [json-pointer:/blocks/{number}]" for problem in _block_problems(block)]
    return found + _repeated(blocks) + _in_all(blocks)


def named(blocks: list[Json], identity: Callable[[str], str]) -> list[Json]:
    """The blocks with the ids that Slack makes up for those that have none."""
    complete = [{"block_id": identity("block-"), **block} for block in blocks]
    for block in complete:
        for key in ("accessory", "element"):
            if isinstance(block.get(key), dict) and _usable(block[key]):
                block[key] = {"action_id": identity("action-"), **block[key]}
        if block["type"] in ("actions", "context_actions"):
            block["elements"] = [{"action_id": identity("action-"), **each} for each in block["elements"]]
    return complete


def _usable(element: Json) -> bool:
    return element.get("type") != "image"


def _block_problems(block: Json) -> Iterator[str]:
    kind = block.get("type")
    yield from _length(block.get("block_id", "-"), "block_id", 255)
    if kind in UNLIMITED:
        return
    check = BLOCKS.get(str(kind))
    if check is None:
        yield f"unsupported type: {kind}"
        return
    yield from check(block)
    for _, element in elements([block]):
        yield from _element_problems(element)
    names = [element["action_id"] for _, element in elements([block]) if "action_id" in element]
    if len(names) != len(set(names)):
        yield "action_id already exists within the block"


def _section(block: Json) -> Iterator[str]:
    if "text" not in block and not block.get("fields"):
        yield "missing required field: text"
    if "text" in block:
        yield from _text(block["text"], "text", 3000)
    yield from _count(block.get("fields", [None]), "fields", 10)
    for each in block.get("fields", []):
        yield from _text(each, "fields", 2000)


def _header(block: Json) -> Iterator[str]:
    yield from _text(block.get("text"), "text", 150, plain=True)


def _context(block: Json) -> Iterator[str]:
    yield from _count(block.get("elements"), "elements", 10)
    for each in block.get("elements") or []:
        if each.get("type") != "image":
            yield from _text(each, "elements", 3000)


def _actions(block: Json) -> Iterator[str]:
    yield from _count(block.get("elements"), "elements", 25)


def _context_actions(block: Json) -> Iterator[str]:
    yield from _count(block.get("elements"), "elements", 5)
    for each in block.get("elements") or []:
        if each.get("type") not in ("feedback_buttons", "icon_button"):
            yield f"unsupported element: {each.get('type')}"


def _image(block: Json) -> Iterator[str]:
    if "image_url" not in block and "slack_file" not in block:
        yield "missing required field: image_url"
    yield from _length(block.get("image_url", "-"), "image_url", 3000)
    yield from _length(block.get("alt_text"), "alt_text", 2000)


def _input(block: Json) -> Iterator[str]:
    yield from _text(block.get("label"), "label", 2000, plain=True)
    if not isinstance(block.get("element"), dict):
        yield "missing required field: element"
    if "hint" in block:
        yield from _text(block["hint"], "hint", 2000, plain=True)


def _markdown(block: Json) -> Iterator[str]:
    yield from _length(block.get("text"), "text", MARKDOWN_CHARACTERS)


def _table(block: Json) -> Iterator[str]:
    rows = block.get("rows")
    yield from _count(rows, "rows", 100)
    for row in rows or []:
        yield from _count(row, "columns", 20)
        for cell in row:
            if cell.get("type") not in ("raw_text", "rich_text", "raw_number"):
                yield f"unsupported cell: {cell.get('type')}"
    yield from _count(block.get("column_settings", [None]), "column_settings", 20)


BLOCKS: dict[str, Callable[[Json], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "context_actions": _context_actions,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "table": _table,
}


def _element_problems(element: Json) -> Iterator[str]:
    yield from _length(element.get("action_id", "-"), "action_id", 255)
    yield from _length(element.get("value", "-"), "value", 2000, least=0)
    yield from _length(element.get("url", "-"), "url", 3000)
    match element.get("type"):
        case "button":
            yield from _text(element.get("text"), "text", 75, plain=True)
            if element.get("style", "primary") not in ("primary", "danger"):
                yield "style must be primary or danger"
        case "static_select" | "multi_static_select":
            yield from _menu(element, 100)
        case "checkboxes" | "radio_buttons":
            yield from _menu(element, 10)
        case "overflow":
            yield from _menu(element, 5)
        case "feedback_buttons":
            for key in ("positive_button", "negative_button"):
                button = element.get(key) or {}
                yield from _text(button.get("text"), key, 75, plain=True)
                yield from _length(button.get("value"), key, 2000)
    if "placeholder" in element:
        yield from _text(element["placeholder"], "placeholder", 150, plain=True)


def _menu(element: Json, most: int) -> Iterator[str]:
    groups = element.get("option_groups")
    if groups is not None:
        yield from _count(groups, "option_groups", 100)
    lists = [group.get("options") for group in groups] if groups else [element.get("options")]
    for options in lists:
        yield from _count(options, "options", most)
        for option in options or []:
            yield from _text(option.get("text"), "option text", 75)
            yield from _length(option.get("value"), "option value", 150)
            if "description" in option:
                yield from _text(option["description"], "option description", 75)


def _text(value: Any, name: str, most: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{name} must be a text object"
        return
    if plain and value["type"] != "plain_text":
        yield f"{name} must be plain_text"
    yield from _length(value.get("text"), name, most)


def _length(value: Any, name: str, most: int, *, least: int = 1) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"missing required field: {name}"
    elif not least <= len(value) <= most:
        yield f"{name} must be {least} to {most} characters, not {len(value)}"


def _count(value: Any, name: str, most: int) -> Iterator[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        yield f"{name} must have 1 to {most} items"


def _repeated(blocks: list[Json]) -> list[str]:
    names = [block["block_id"] for block in blocks if "block_id" in block]
    return ["block_id already exists"] if len(names) != len(set(names)) else []


def _in_all(blocks: list[Json]) -> list[str]:
    written = sum(len(str(block.get("text"))) for block in blocks if block.get("type") == "markdown")
    tables = [block for block in blocks if block.get("type") == "table"]
    found = ["markdown text exceeds 12000 characters in all"] if written > MARKDOWN_CHARACTERS else []
    return found + (["only one table is allowed"] if len(tables) > 1 else [])
