"""Skills become Discord's commands: within its limits, sent only when they changed."""

from typing import Annotated, Literal

import pytest

from bot import Context, Skill, Suggest, skill
from bot.connectors.discord import commands
from bot.connectors.discord.commands import arguments_of, commands_of, skill_of_menu
from bot.settings import Settings
from bot.testing.discord import FakeDiscord
from tests.bot.connectors.discord.conftest import open_bot, until

JSON = {"Content-Type": "application/json"}


async def suggest(context: Context, typed: str) -> list[str]:
    return []


@skill(menu="A label that is a good deal longer than Discord lets it be")
async def odd(
    context: Context,
    optional: int = 1,
    Word: Annotated[str, "w" * 200] = "",  # noqa: N803 - Discord wants small letters
    share: float = 0.5,
    loud: bool = False,
    colour: Literal["red", "green"] = "red",
    topic: Annotated[str, Suggest(suggest)] = "",
) -> str:
    """A summary
    with a second line, which is help."""
    return ""


@skill
async def orders(context: Context, first: int = 1, second: str = "") -> str:
    """Give an order."""
    return ""


def test_every_kind_of_parameter_has_its_option() -> None:
    [command, menu] = commands_of([odd])
    assert (command["name"], command["type"], command["description"]) == ("odd", 1, "A summary")
    options = {each["name"]: each for each in command["options"]}
    assert {name: each["type"] for name, each in options.items()} == {
        "optional": 4,
        "word": 3,
        "share": 10,
        "loud": 5,
        "colour": 3,
        "topic": 3,
    }
    assert options["colour"]["choices"] == [
        {"name": "red", "value": "red"},
        {"name": "green", "value": "green"},
    ]
    assert options["topic"]["autocomplete"]
    assert len(options["word"]["description"]) == 100
    assert options["loud"]["description"] == "loud"
    assert menu["type"] == 3
    assert len(menu["name"]) == 32


def test_many_or_long_choices_are_suggested_instead() -> None:
    many = Literal[tuple(f"choice {each}" for each in range(30))]  # type: ignore[misc]

    async def pick(context: Context, one: many, other: Literal["x" * 101]) -> str:  # type: ignore[valid-type]
        """Pick."""
        return ""

    pick.__annotations__.update(one=many, other=Literal["x" * 101])  # type: ignore[valid-type]
    [command] = commands_of([skill(pick)])
    assert all(each["autocomplete"] and "choices" not in each for each in command["options"])


def test_required_options_come_first() -> None:
    async def mixed(context: Context, maybe: int = 1, *, must: int) -> str:
        """Mix."""
        return ""

    [command] = commands_of([skill(mixed)])
    assert [each["required"] for each in command["options"]] == [True, False]


def test_arguments_come_back_under_their_own_names() -> None:
    options = [
        {"name": "word", "value": "x"},
        {"name": "share", "value": 2.0},
        {"name": "loud", "value": True},
        {"name": "unknown", "value": 1},
    ]
    assert arguments_of(odd, options) == (("Word", "x"), ("share", "2"), ("loud", "yes"))


def test_no_more_than_discord_shows() -> None:
    skills = [Skill(f"s{n}", odd.function, "x", "x", (), menu=f"Menu {n}") for n in range(110)]
    built = commands_of(skills)
    assert [sum(each["type"] == kind for each in built) for kind in (1, 3)] == [100, 5]
    assert skill_of_menu(skills, "Menu 3") is skills[3]
    assert skill_of_menu(skills, "Nothing") is None


async def test_the_list_is_sent_once_and_again_when_it_changed(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def puts() -> int:
        return sum(method == "PUT" for method, _, _ in discord.requests)

    for _ in range(2):
        async with open_bot(settings, discord) as bot:
            await until(lambda: discord.commands)
            area = f"discord:{bot.connectors['discord'].account}"
            while "commands" not in await bot.store.notes.read(area):
                await until(lambda: puts() == 1)
    assert puts() == 1
    names = {each["name"] for each in discord.commands}
    assert {"echo", "everything", "Count letters"} <= names
    plugins = settings.plugins.model_copy(update={"disabled": ("help",)})
    async with open_bot(settings.model_copy(update={"plugins": plugins}), discord):
        await until(lambda: puts() == 2)
    assert "help" not in {each["name"] for each in discord.commands}


async def test_sending_the_list_is_tried_again(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "FIRST_PAUSE", 0.05)
    discord.fail_next("PUT", "/commands$", 503, "unavailable")
    async with open_bot(settings, discord):
        await until(lambda: discord.commands)


async def test_a_list_that_discord_refuses_does_not_stop_the_bot(
    settings: Settings, discord: FakeDiscord, caplog: pytest.LogCaptureFixture
) -> None:
    discord.fail_next("PUT", "/commands$", 400, {"message": "Invalid Form Body", "code": 50035}, JSON)
    async with open_bot(settings, discord) as bot:
        await until(lambda: "does not take the list of commands" in caplog.text)
        assert bot.connectors["discord"].status() == "ok"
