"""What connectors show of skills, on a running bot: calls, forms, controls however old, suggestions."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot import Button, Call, Field, Form
from bot.message import part_key
from bot.settings import ChannelRule, PluginsSettings, Settings
from bot.testing import Harness, open_harness

PAINT = Path(__file__).parents[1] / "fixtures" / "plugins" / "paint.py"
HERE = "test:room"


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    rules = (ChannelRule(match="test:quiet", disable=("paint",)),)
    return Settings(data_dir=tmp_path, plugins=PluginsSettings(paths=(PAINT,)), channels=rules)


def test_skills_are_those_switched_on(harness: Harness) -> None:
    assert {"ask", "help", "paint", "why"} <= {each.name for each in harness.bot.offers.skills(HERE)}
    assert harness.bot.offers.skill("paint", HERE) is not None
    assert harness.bot.offers.skill("paint", "test:quiet") is None
    assert harness.bot.offers.skill("nosuch", HERE) is None


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("/why", Call("why")),
        ("!WHY", Call("why")),
        ("/ask what is  new?", Call("ask", (("question", "what is  new?"),))),
        ("/ask one\n two", Call("ask", (("question", "one\n two"),))),
        ("/paint 'dark green' large", Call("paint", (("colour", "dark green"), ("size", "large")))),
        ("/paint red no-such-size", Call("paint", (("colour", "red"), ("size", "no-such-size")))),
        ("/nosuch thing", None),
        ("", None),
    ],
)
def test_a_command_line_is_read_as_a_call(harness: Harness, command: str, call: Call | None) -> None:
    assert harness.bot.offers.call(command, HERE) == call


def test_a_call_of_a_skill_that_is_switched_off_is_none(harness: Harness) -> None:
    assert harness.bot.offers.call("/paint red", "test:quiet") is None
    assert harness.bot.offers.form(Call("paint"), "test:quiet") is None


def test_a_form_holds_what_is_given_and_else_the_defaults(harness: Harness) -> None:
    call = Call("paint", (("colour", "red"), ("size", "LARGE"), ("dry", "off"), ("finish", "nonsense")))
    assert harness.bot.offers.form(call, HERE) == Form(
        "paint",
        "Paint a picture.",
        (
            Field("colour", "which colour", value="red"),
            Field("size", "Size", required=False, value="large", choices=("small", "large")),
            Field("finish", "Finish", required=False, value="", choices=("matt", "gloss")),
            Field("coats", "Coats", required=False, value="1", number=True),
            Field("dry", "Dry", required=False, value="no", choices=("yes", "no")),
            Field("title", "Title", required=False, long=True),
        ),
    )
    untouched = harness.bot.offers.form(Call("paint"), HERE)
    assert untouched is not None
    assert [each.value for each in untouched.fields] == ["", "small", "", "1", "yes", ""]


async def test_a_form_sent_as_it_opens_says_the_same_as_the_command(harness: Harness) -> None:
    form = harness.bot.offers.form(Call("paint", (("colour", "red"),)), HERE)
    assert form is not None
    call = Call(form.skill, tuple((each.name, each.value) for each in form.fields))
    (sent,) = await harness.hand_in(replace(harness.message("/paint red"), call=call))
    assert sent.text == await harness.say("/paint red")


def test_a_skill_that_takes_nothing_has_no_form(harness: Harness) -> None:
    assert harness.bot.offers.form(Call("why"), HERE) is None
    assert harness.bot.offers.form(Call("nosuch"), HERE) is None


async def test_a_control_is_found_however_long_ago_it_was_sent(harness_settings: Settings) -> None:
    async with open_harness(harness_settings) as harness:
        asking = harness.message("/paint red")
        await harness.hand_in(asking)
        key = part_key(asking.key, "paint", 1)
        again = Button("Again", "/paint red", asks=True)
        assert await harness.bot.offers.control(key, 0) == again
    async with open_harness(harness_settings) as harness:
        offers = harness.bot.offers
        assert await offers.control(key, 0) == again
        assert [await offers.control(key, place) for place in (1, -1, 10**9)] == [None, None, None]
        assert await offers.control(part_key("test:nosuch", "paint", 1), 0) is None


async def test_suggestions_come_from_the_plugin(harness: Harness) -> None:
    message, call = harness.message(""), Call("paint")

    async def suggest(parameter: str, typed: str) -> list[str]:
        return list(await harness.bot.offers.suggestions(message, call, parameter, typed))

    assert await suggest("colour", "green") == ["green for ann", "dark green for ann"]
    assert await suggest("size", "L") == ["small", "large"]
    assert await suggest("size", "lar") == ["large"]
    assert await suggest("coats", "1") == []
    assert await suggest("nosuch", "1") == []
    assert await suggest("colour", "black") == [], "a plugin that fails suggests nothing"
    many = await suggest("colour", "all")
    assert len(many) == 25
    assert {len(each) for each in many} == {100}


async def test_nothing_is_suggested_for_a_skill_that_is_not_here(harness: Harness) -> None:
    message = harness.message("", channel="quiet")
    assert await harness.bot.offers.suggestions(message, Call("paint"), "size", "") == []
    assert await harness.bot.offers.suggestions(message, Call("nosuch"), "size", "") == []


async def test_topics_of_help_are_suggested(harness: Harness) -> None:
    message = harness.message("")
    for typed in ("hel", "/HEL"):
        assert await harness.bot.offers.suggestions(message, Call("help"), "topic", typed) == ["help"]
