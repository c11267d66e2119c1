"""A reply as Slack's blocks. All of its text is typed, so that nothing in it is a mention or a command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeAlias

from bot.connectors.slack.markdown import (
    Block,
    Code,
    Heading,
    Item,
    Paragraph,
    Quote,
    Rule,
    Table,
    read_blocks,
)
from bot.connectors.slack.markup import escaped
from bot.connectors.slack.spans import Span, Spans, words_of
from bot.controls import Button, Control, Look, Menu
from bot.message import Citation, Reply

Json: TypeAlias = dict[str, Any]

FALLBACK_CHARACTERS = 12_000
HEADER_CHARACTERS = 150
LABEL_CHARACTERS = 75
PROMPT_CHARACTERS = 150
CONTEXT_CHARACTERS = 2_000
MOST_TEXT_BLOCKS = 40
MOST_ROWS, MOST_COLUMNS = 100, 20
MOST_CHOICES = 25
BUTTONS_IN_A_ROW = 5
FEEDBACK = "feedback"
CONTROL = "control-"
NOTHING = "…"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is posted: the blocks people see, and the text for notifications and old clients."""

    text: str
    blocks: tuple[Json, ...]


def render(reply: Reply, key: str, *, feedback: bool = False) -> Rendered:
    """A part of a reply; `key` is the part's, and comes back when a control under it is used."""
    read = read_blocks(reply.text)
    text = "\n\n".join(filter(None, (_words(read), _sources(reply.citations)))).strip() or NOTHING
    blocks = [*_text_blocks(read), *_context(reply.citations), *_controls(reply.controls, key)]
    if feedback:
        blocks.append(_feedback(key))
    return Rendered(_fallback(text), tuple(blocks))


def plain_text(text: str, limit: int) -> Json:
    """A text object that is shown as it is, cut where Slack takes no more."""
    return {"type": "plain_text", "text": shortened(text, limit) or NOTHING}


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, with a mark where some are left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _fallback(text: str) -> str:
    safe = escaped(text)
    return safe if len(safe) <= FALLBACK_CHARACTERS else escaped(text[: FALLBACK_CHARACTERS // 5]) + "…"


def _words(blocks: Iterable[Block]) -> str:
    """The text alone, a line for each item and row."""
    paragraphs: list[str] = []
    for listed, group in groupby(blocks, key=lambda block: isinstance(block, Item)):
        lines = [_line(block) for block in group]
        paragraphs += ["\n".join(lines)] if listed else lines
    return "\n\n".join(filter(None, paragraphs))


def _line(block: Block) -> str:
    match block:
        case Code(text):
            return text
        case Table(rows):
            return "\n".join(" | ".join(words_of(cell) for cell in row) for row in rows)
        case Rule():
            return ""
        case Item(spans, level, number):
            return f"{'  ' * level}{'•' if number is None else f'{number}.'} {words_of(spans)}"
        case _:
            return words_of(block.spans)


def _sources(citations: tuple[Citation, ...]) -> str:
    if not citations:
        return ""
    lines = [
        f"[{number}] {', '.join(filter(None, (each.heading or each.document, each.location)))}"
        for number, each in enumerate(citations, start=1)
    ]
    return "\n".join(["Sources", *lines])


def _context(citations: tuple[Citation, ...]) -> list[Json]:
    text = _sources(citations)
    return [{"type": "context", "elements": [plain_text(text, CONTEXT_CHARACTERS)]}] if text else []


def _text_blocks(blocks: list[Block]) -> list[Json]:
    rendered = list(_laid_out(blocks))
    return rendered if len(rendered) <= MOST_TEXT_BLOCKS else list(_laid_out(blocks, flat=True))


def _laid_out(blocks: list[Block], *, flat: bool = False) -> Iterator[Json]:
    """Headings, tables and rules as blocks of their own, unless `flat`; the rest as rich text between.

    Slack takes one table in a message; further ones stand in fixed width.
    """
    rich: list[Json] = []
    tables = 0
    for block in _grouped(blocks):
        own = None if flat or isinstance(block, list) else _own_block(block, tables)
        if own is None:
            rich += _rich(block)
            continue
        tables += own["type"] == "table"
        if rich:
            yield {"type": "rich_text", "elements": rich}
            rich = []
        yield own
    if rich:
        yield {"type": "rich_text", "elements": rich}


def _grouped(blocks: list[Block]) -> Iterator[Block | list[Item] | list[Paragraph]]:
    """Items and paragraphs that follow each other together, the others alone."""
    for kind, group in groupby(blocks, key=type):
        alike = list(group)
        if kind is Item:
            yield [each for each in alike if isinstance(each, Item)]
        elif kind is Paragraph:
            yield [each for each in alike if isinstance(each, Paragraph)]
        else:
            yield from alike


def _own_block(block: Block, tables: int) -> Json | None:
    match block:
        case Heading(spans) if 0 < len(words_of(spans).strip()) <= HEADER_CHARACTERS:
            return {"type": "header", "text": plain_text(words_of(spans), HEADER_CHARACTERS)}
        case Rule():
            return {"type": "divider"}
        case Table(rows) if tables == 0 and len(rows) <= MOST_ROWS and len(rows[0]) <= MOST_COLUMNS:
            return {"type": "table", "rows": [[_cell(cell) for cell in row] for row in rows]}
    return None


def _cell(spans: Spans) -> Json:
    if not words_of(spans).strip():
        return {"type": "raw_text", "text": " "}
    return {"type": "rich_text", "elements": [_section(spans)]}


def _rich(block: Block | list[Item] | list[Paragraph]) -> list[Json]:
    match block:
        case list():
            items = [each for each in block if isinstance(each, Item)]
            return _items(items) or [_section(_paragraphs(block))]
        case Code(text):
            return [{"type": "rich_text_preformatted", "elements": _elements((Span(text or " "),))}]
        case Table():
            return [{"type": "rich_text_preformatted", "elements": _elements((Span(_line(block)),))}]
        case Quote(spans):
            return [{"type": "rich_text_quote", "elements": _elements(spans)}]
        case Heading(spans):
            return [_section((*(replace(span, bold=True) for span in spans), Span("\n")))]
        case Rule():
            return [_section((Span("———\n"),))]
        case Item() | Paragraph():
            return [_section(block.spans)]


def _paragraphs(blocks: Iterable[Item | Paragraph]) -> Spans:
    spans: list[Span] = []
    for block in blocks:
        spans += [*([Span("\n\n")] if spans else []), *block.spans]
    return tuple(spans)


def _items(items: list[Item]) -> list[Json]:
    lists: list[Json] = []
    for (level, ordered), group in groupby(items, key=lambda each: (each.level, each.number is not None)):
        alike = list(group)
        rendered: Json = {
            "type": "rich_text_list",
            "style": "ordered" if ordered else "bullet",
            "indent": level,
            "elements": [_section(each.spans) for each in alike],
        }
        if ordered and (alike[0].number or 1) > 1:
            rendered["offset"] = (alike[0].number or 1) - 1
        lists.append(rendered)
    return lists


def _section(spans: Spans) -> Json:
    return {"type": "rich_text_section", "elements": _elements(spans)}


def _elements(spans: Spans) -> list[Json]:
    return [_element(span) for span in spans if span.text] or [{"type": "text", "text": " "}]


def _element(span: Span) -> Json:
    element: Json = {"type": "text", "text": span.text}
    if span.address:
        element = {"type": "link", "url": span.text}
    style = {name: True for name in ("bold", "italic", "strike", "code") if getattr(span, name)}
    return element | ({"style": style} if style else {})


def _controls(controls: tuple[Control, ...], key: str) -> list[Json]:
    """Buttons side by side, each menu in a row of its own."""
    placed = [_control(each, place, key) for place, each in enumerate(controls)]
    rows: list[Json] = []
    for kind, group in groupby(placed, key=lambda element: element["type"]):
        alike = list(group)
        step = BUTTONS_IN_A_ROW if kind == "button" else 1
        rows += [
            {"type": "actions", "elements": alike[begin : begin + step]}
            for begin in range(0, len(alike), step)
        ]
    return rows


def _control(control: Control, place: int, key: str) -> Json:
    if isinstance(control, Menu):
        return {
            "type": "static_select",
            "action_id": f"{CONTROL}{place}",
            "placeholder": plain_text(control.prompt, PROMPT_CHARACTERS),
            "options": [
                _option(control, choice, key) for choice in range(len(control.choices[:MOST_CHOICES]))
            ],
        }
    return _button(control, place, key)


def _button(button: Button, place: int, key: str) -> Json:
    element: Json = {
        "type": "button",
        "action_id": f"{CONTROL}{place}",
        "text": plain_text(button.label, LABEL_CHARACTERS),
        "value": key,
    }
    return element if button.look is Look.PLAIN else element | {"style": str(button.look)}


def _option(menu: Menu, choice: int, key: str) -> Json:
    chosen = menu.choices[choice]
    option: Json = {"text": plain_text(chosen.label, LABEL_CHARACTERS), "value": f"{choice}:{key}"}
    if chosen.description:
        option["description"] = plain_text(chosen.description, LABEL_CHARACTERS)
    return option


def _feedback(key: str) -> Json:
    buttons: Json = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": {"text": plain_text("Good answer", LABEL_CHARACTERS), "value": f"good:{key}"},
        "negative_button": {"text": plain_text("Bad answer", LABEL_CHARACTERS), "value": f"bad:{key}"},
    }
    return {"type": "context_actions", "elements": [buttons]}
