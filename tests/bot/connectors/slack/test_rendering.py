"""Markdown as Slack's blocks: typed text, tables, lists, code; within every limit."""

import html
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.connectors.slack.markdown import read_blocks
from bot.connectors.slack.rendering import render
from bot.connectors.slack.spans import Span, read_spans
from bot.controls import Button, Choice, Look, Menu
from bot.message import Citation, Reply
from bot.testing.slack import blocks as limits_of_blocks
from bot.testing.slack.markup import pings

KEY = "slack:T0123456789:C0123456789:1700000000.000100|a-skill-with-a-very-long-name-x|1"


def blocks_of(text: str) -> list[dict[str, Any]]:
    return list(render(Reply(text), KEY).blocks)


def typed_text(value: Any) -> str:
    """All text in blocks, in order."""
    if isinstance(value, list | tuple):
        return "".join(typed_text(each) for each in value)
    if not isinstance(value, dict):
        return ""
    own = value.get("text") if isinstance(value.get("text"), str) else value.get("url", "")
    return str(own or "") + "".join(typed_text(each) for each in value.values() if not isinstance(each, str))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("plain", (Span("plain"),)),
        ("**bold** and *it*", (Span("bold", bold=True), Span(" and "), Span("it", italic=True))),
        ("***both***", (Span("both", bold=True, italic=True),)),
        ("**a *b***", (Span("a ", bold=True), Span("b", bold=True, italic=True))),
        ("~~gone~~", (Span("gone", strike=True),)),
        ("`a*b*`", (Span("a*b*", code=True),)),
        ("`` a`b ``", (Span("a`b", code=True),)),
        ("snake_case_name 2 * 3 * 4", (Span("snake_case_name 2 * 3 * 4"),)),
        ("never **closed", (Span("never **closed"),)),
        (r"\*as it is\*", (Span("*as it is*"),)),
        ("`unclosed", (Span("`unclosed"),)),
        ("[here](https://a.example)", (Span("here ("), Span("https://a.example", address=True), Span(")"))),
        ("[https://a.example](https://a.example)", (Span("https://a.example", address=True),)),
        ("[x](javascript:alert)", (Span("x (javascript:alert)"),)),
        ("see https://a.example/b.", (Span("see "), Span("https://a.example/b", address=True), Span("."))),
        ("<https://a.example>", (Span("https://a.example", address=True),)),
    ],
)
def test_spans_are_read(text: str, spans: tuple[Span, ...]) -> None:
    assert read_spans(text) == spans


def test_every_kind_of_block_has_its_own() -> None:
    text = "# Title\n\nOne\ntwo\n\nthree\n\n- a\n  1. b\n\n> said\n\n"
    text += "| A | B |\n|---|--:|\n| 1 | |\n\n```py\nx < 1\n```\n---"
    kinds = [block["type"] for block in blocks_of(text)]
    assert kinds == ["header", "rich_text", "table", "rich_text", "divider"]
    rich = [each["type"] for block in blocks_of(text) for each in block.get("elements", [])]
    assert rich == [
        "rich_text_section",
        "rich_text_list",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
    ]


def test_lists_keep_their_levels_and_numbers() -> None:
    (rich,) = blocks_of("3. c\n4. d\n   - inside\n5. e")
    found = [(each["style"], each["indent"], each.get("offset")) for each in rich["elements"]]
    assert found == [("ordered", 0, 2), ("bullet", 1, None), ("ordered", 0, 4)]


def test_one_table_is_a_table_and_others_are_in_fixed_width() -> None:
    table = "| A | B |\n|---|---|\n| 1 | 2 |"
    found = blocks_of(f"{table}\n\nand\n\n{table}")
    assert [block["type"] for block in found] == ["table", "rich_text"]
    assert found[1]["elements"][-1]["type"] == "rich_text_preformatted"


def test_a_table_that_is_too_large_is_in_fixed_width() -> None:
    wide = "|" + "a|" * 21 + "\n|" + "-|" * 21
    long = "| A |\n|---|\n" + "| 1 |\n" * 100
    for text in (wide, long):
        assert [block["type"] for block in blocks_of(text)] == ["rich_text"]


def test_the_text_for_notifications_is_the_words_alone() -> None:
    rendered = render(Reply("**Yes** & <b>\n\n- one\n- two\n\n| A | B |\n|---|---|\n| 1 | 2 |"), KEY)
    assert html.unescape(rendered.text) == "Yes & <b>\n\n• one\n• two\n\nA | B\n1 | 2"


def test_sources_stand_below() -> None:
    citations = (Citation("d1", "1", "t", "Handbook", "p. 3"), Citation("notes.md", "2", "t"))
    rendered = render(Reply("So it is [1].", citations), KEY)
    assert rendered.blocks[-1]["elements"][0]["text"] == "Sources\n[1] Handbook, p. 3\n[2] notes.md"
    assert "[1] Handbook, p. 3" in rendered.text


def test_controls_carry_the_part_they_stand_under() -> None:
    menu = Menu("Pick", tuple(Choice(f"choice {number}", "/x", "d" * 100) for number in range(40)))
    buttons = tuple(Button("b" * 90, "/x", look) for look in Look)
    found = render(Reply("Choose", controls=(*buttons, *buttons, menu)), KEY, feedback=True).blocks
    assert limits_of_blocks.problems(list(found)) == []
    rows = [block["elements"] for block in found if block["type"] == "actions"]
    assert [len(row) for row in rows] == [5, 1, 1]
    assert [each["action_id"] for row in rows for each in row] == [f"control-{place}" for place in range(7)]
    assert {each["value"] for each in rows[0]} == {KEY}
    assert rows[-1][0]["options"][24]["value"] == f"24:{KEY}"
    assert found[-1]["elements"][0]["positive_button"]["value"] == f"good:{KEY}"


@pytest.mark.parametrize("text", ["", " ", "\u200b", "---", "```\n```", "|", "#", "> ", "- "])
def test_next_to_nothing_can_be_posted(text: str) -> None:
    rendered = render(Reply(text), KEY)
    assert rendered.text.strip()
    assert limits_of_blocks.problems(list(rendered.blocks)) == []


def test_many_headings_do_not_make_too_many_blocks() -> None:
    found = blocks_of("\n\n".join(f"# Title {number}\n\ntext" for number in range(60)))
    assert [block["type"] for block in found] == ["rich_text"]
    assert "Title 59" in typed_text(found)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab 1.<>&!@#`*_~|[]()\\-+:/\n\t\u0301👍", max_size=200))
def test_any_text_is_shown_within_the_limits_and_mentions_nobody(text: str) -> None:
    rendered = render(Reply(text), KEY, feedback=True)
    found = list(rendered.blocks)
    assert limits_of_blocks.problems(found) == []
    assert pings(rendered.text, found) == ()
    assert pings(rendered.text, found, names=False) == ()
    kept = [letter for letter in text if letter.isalnum() and letter != "1"]
    assert [letter for letter in typed_text(found) if letter in "ab"][: len(kept)] == kept


@pytest.mark.parametrize(
    "text",
    ["*a " * 4000, "`" + " `` " * 3000, "[" * 10_000, "[a](" * 3000, "**_" * 3000, "> " * 5000, "|-" * 5000],
)
def test_reading_takes_little_time_whatever_the_text(text: str) -> None:
    began = time.process_time()
    read_blocks(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "injected", ["<!channel>", "<@U123ABC>", "<!subteam^S1>", "<https://evil.example|safe>"]
)
def test_nothing_typed_becomes_markup(injected: str) -> None:
    rendered = render(Reply(f"{injected} `{injected}`\n\n```\n{injected}\n```\n\n| {injected} |\n|---|"), KEY)
    assert pings(rendered.text, list(rendered.blocks)) == ()
    assert injected not in rendered.text
    assert typed_text(rendered.blocks).count(injected) >= 3 or "https" in injected
