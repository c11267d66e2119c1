"""Controls survive the journey through storage and say what would be typed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import Button, Choice, Look, Menu, Reply
from bot.controls import Control, command_of, control_fields, control_from, said
from bot.message import pack_reply, unpack_reply

MORE = Button("More", "/more")
UNDO = Button("Undo", "/undo all", Look.DANGER)
ASK = Button("Ask", "/ask", Look.PRIMARY, asks=True)
TOPICS = Menu("Topic", (Choice("One", "/topic 1"), Choice("Two", "/topic 2", "the second")))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
buttons = st.builds(Button, texts, texts, st.sampled_from(Look), st.booleans())
menus = st.builds(Menu, texts, st.lists(st.builds(Choice, texts, texts, texts), max_size=4).map(tuple))


@given(st.lists(buttons | menus, max_size=5).map(tuple))
def test_controls_survive_packing(controls: tuple[Control, ...]) -> None:
    reply = Reply("Choose.", controls=controls)
    assert unpack_reply(pack_reply(reply)) == reply


def test_a_reply_without_controls_is_packed_as_before() -> None:
    assert json.loads(pack_reply(Reply("x"))) == {"text": "x", "skill": ""}


def test_only_what_differs_from_the_defaults_is_packed() -> None:
    assert control_fields(MORE) == {"label": "More", "command": "/more"}
    assert control_fields(ASK) == {"label": "Ask", "command": "/ask", "look": "primary", "asks": True}
    assert control_from({"label": "More", "command": "/more"}) == MORE


def test_a_pressed_control_says_its_command() -> None:
    controls = (MORE, TOPICS, UNDO)
    assert command_of(controls, 0) == "/more"
    assert command_of(controls, 1, 1) == "/topic 2"
    for place, choice in ((3, 0), (1, 2)):
        with pytest.raises(LookupError):
            command_of(controls, place, choice)


@pytest.mark.parametrize(
    ("command", "prefix", "typed"),
    [
        ("/ask a/b?", "/", "/ask a/b?"),
        ("/ask a/b?", "!", "!ask a/b?"),
        ("roll again", "!", "roll again"),
        ("", "!", ""),
    ],
)
def test_a_command_begins_as_the_operator_chose(command: str, prefix: str, typed: str) -> None:
    assert said(command, prefix) == typed
