"""Replies become Discord's messages: parts, components, forms."""

import pytest

from bot.connectors.discord.forms import filled_in, modal, pressed, rows
from bot.connectors.discord.rendering import render, split, unmask
from bot.connectors.splitting import length
from bot.controls import Button, Choice, Field, Form, Look, Menu
from bot.message import Citation, Reply

KEY = "discord:1|ask|1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[bank](https://evil/)", "bank (https://evil/)"),
        ("![x](<https://evil/a b>)", "![x](<https://evil/a b>)"),
        ("![alt](https://evil/i.png 'title')", "alt (https://evil/i.png)"),
        ("[https://a.b](https://a.b)", "https://a.b"),
        ("[](https://a.b)", "https://a.b"),
        ("`[a](https://b)` and\n```\n[a](https://b)\n```", "`[a](https://b)` and\n```\n[a](https://b)\n```"),
        ("[x] (not a link)", "[x] (not a link)"),
    ],
)
def test_links_show_their_address(text: str, shown: str) -> None:
    assert unmask(text) == shown
    assert unmask(shown) == shown


def test_a_short_reply_is_one_part_as_it_is() -> None:
    reply = Reply("hello", controls=(Button("A", "/a"),))
    assert split(reply) == [reply]


def test_controls_and_sources_go_with_the_last_part() -> None:
    citation = Citation("guide.pdf", "p", "text")
    parts = split(Reply("word " * 900, citations=(citation,), controls=(Button("A", "/a"),)))
    assert [bool(each.citations) for each in parts] == [False, False, True]
    assert [bool(each.controls) for each in parts] == [False, False, True]
    rendered = [render(each, KEY) for each in parts]
    assert all(length(each.content) <= 2000 for each in rendered)
    assert rendered[-1].content.endswith("[1] guide.pdf")


def test_sources_that_do_not_fit_come_in_a_part_of_their_own() -> None:
    citations = tuple(Citation(f"document {n} " + "x" * 150, "p", "t") for n in range(5))
    parts = [render(each, KEY).content for each in split(Reply("x" * 1900, citations))]
    assert parts[0] == "x" * 1900
    assert parts[1].startswith("**Sources**")
    many = tuple(Citation(f"document {n} " + "x" * 150, "p", "t") for n in range(50))
    [first, second] = [render(each, KEY) for each in split(Reply("x" * 1900, many))]
    assert first.content == "x" * 1900
    assert (len(second.files), length(second.content) <= 2000) == (1, True)


def test_more_than_five_parts_become_a_file() -> None:
    [part] = split(Reply("word " * 3000))
    rendered = render(part, KEY)
    assert length(rendered.content) <= 2000
    assert rendered.files[0][1].decode().split() == ["word"] * 3000
    assert len(split(Reply("word " * 1900))) == 5


def test_white_space_alone_is_shown_as_something() -> None:
    assert render(Reply(" \n "), KEY).content


def test_buttons_stand_side_by_side_and_menus_alone() -> None:
    menu = Menu("Pick " * 50, tuple(Choice(f"c{n}", f"/c {n}") for n in range(30)))
    controls = (*(Button(f"B{n}", "/b", Look.DANGER) for n in range(6)), menu, Button("last", "/l"))
    shown = rows(controls, KEY)
    assert [len(each["components"]) for each in shown] == [5, 1, 1, 1]
    assert shown[0]["components"][0] == {"type": 2, "style": 4, "label": "B0", "custom_id": f"0:{KEY}"}
    select = shown[2]["components"][0]
    assert (len(select["options"]), len(select["placeholder"]), select["custom_id"]) == (25, 150, f"6:{KEY}")
    assert pressed(f"6:{KEY}") == (6, KEY)
    assert pressed("other") is None


def test_a_key_too_long_for_discord_leaves_its_controls_out() -> None:
    assert rows((Button("A", "/a"),), "k" * 100) == ()


def test_a_form_of_many_fields_asks_for_what_is_needed() -> None:
    fields = tuple(
        Field(f"f{n}", "l" * 60, required=n > 5, choices=("a", "b") if n == 7 else ()) for n in range(8)
    )
    built = modal(Form("skill", "t" * 60, fields))
    assert (built["custom_id"], len(built["title"])) == ("form:skill", 45)
    names = [each["component"]["custom_id"] for each in built["components"]]
    assert names == ["f6", "f7", "f0", "f1", "f2"]
    assert [each["component"]["type"] for each in built["components"]] == [4, 3, 4, 4, 4]


def test_a_form_comes_back_in_either_shape() -> None:
    label = {"type": 18, "component": {"type": 4, "custom_id": "a", "value": "x"}}
    select = {"type": 18, "component": {"type": 3, "custom_id": "b", "values": ["y"]}}
    row = {"type": 1, "components": [{"type": 4, "custom_id": "c", "value": "z"}]}
    sent = {"custom_id": "form:skill", "components": [label, select, row]}
    assert filled_in(sent) == ("skill", {"a": "x", "b": "y", "c": "z"})
    with pytest.raises(ValueError, match="somebody else"):
        filled_in({"custom_id": "x"})
