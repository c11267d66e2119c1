"""A skill is declared once; usage, arguments and schema come from its signature."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest

from bot import BadArguments, Context, Word, skill
from bot.errors import BrokenPlugin


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@skill(examples=["draw a dragon"], aliases=["paint"])
async def draw(
    context: Context,
    size: Size,
    count: Annotated[int, "how many"] = 1,
    style: Literal["ink", "oil"] = "ink",
    subject: str = "",
) -> str:
    """Draw something.

    As large as you like.
    """
    return subject


def test_help_and_usage_come_from_the_declaration() -> None:
    assert draw.usage == "draw small|large [COUNT] [ink|oil] [SUBJECT…]"
    assert draw.summary == "Draw something."
    assert "As large as you like." in draw.help


def test_schema_is_what_a_form_or_a_tool_call_needs() -> None:
    schema = draw.schema()
    assert schema["required"] == ["size"]
    assert schema["properties"]["count"] == {"type": "integer", "description": "how many"}
    assert schema["properties"]["style"] == {"type": "string", "enum": ["ink", "oil"]}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("small", {"size": Size.SMALL, "count": 1, "style": "ink", "subject": ""}),
        (
            "LARGE 3 oil a red  dragon",
            {"size": Size.LARGE, "count": 3, "style": "oil", "subject": "a red  dragon"},
        ),
    ],
)
def test_arguments_are_read_as_their_types(text: str, arguments: dict[str, Any]) -> None:
    assert draw.read(text) == arguments


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Size is missing. Usage: draw"),
        ("huge", "Size must be one of small, large, not 'huge'"),
        ("small many", "Count must be a whole number, not 'many'"),
    ],
)
def test_wrong_arguments_are_explained_with_the_usage(text: str, complaint: str) -> None:
    with pytest.raises(BadArguments, match="Usage: draw") as raised:
        draw.read(text)
    assert str(raised.value).startswith(complaint)


def test_a_word_takes_one_word_and_quotes_keep_words_together() -> None:
    @skill
    async def tag(context: Context, name: Word, note: Word = "") -> None:
        """Tag it."""

    assert tag.read('"two words" note') == {"name": "two words", "note": "note"}
    with pytest.raises(BadArguments, match="more than it takes"):
        tag.read("one two three")


def test_booleans_are_said_in_words() -> None:
    @skill
    async def switch(context: Context, on: bool, level: float | None = None) -> None:
        """Switch."""

    assert switch.read("yes 0.5") == {"on": True, "level": 0.5}
    with pytest.raises(BadArguments, match="yes or no"):
        switch.read("perhaps")


def test_only_skills_whose_text_comes_first_take_free_text() -> None:
    @skill
    async def ask(context: Context, question: str) -> None:
        """Ask."""

    assert ask.takes_text
    assert not draw.takes_text


async def _no_docstring(context: Context) -> None: ...


async def _no_type(context: Context, thing) -> None:  # type: ignore[no-untyped-def]
    """No type."""


async def _no_form(context: Context, thing: dict[str, str]) -> None:
    """No form can show it."""


def _not_async(context: Context) -> None:
    """Not async."""


async def _no_context() -> None:
    """No context."""


@pytest.mark.parametrize("function", [_no_docstring, _no_type, _no_form, _not_async, _no_context])
def test_declarations_that_cannot_work_are_refused_with_a_reason(function: Any) -> None:
    with pytest.raises(BrokenPlugin, match="Skill "):
        skill(name="named")(function)


def test_names_are_checked() -> None:
    with pytest.raises(BrokenPlugin, match="small letters"):
        skill(name="Not A Name")(_no_docstring)
