"""Commands, menus, buttons, choices and forms: answered in time, and still working after a restart."""

import asyncio

import pytest

from bot.app import Bot
from bot.settings import Settings
from bot.testing.discord import FakeDiscord, Interaction
from storage import InboxState, StorageUnavailable
from tests.bot.connectors.discord.conftest import (
    answers,
    finished,
    observed,
    open_bot,
    until,
)

DEFERRED, MESSAGE, MODAL = 5, 4, 9


@pytest.fixture
async def bot(bot: Bot, discord: FakeDiscord) -> Bot:
    """A bot whose commands are registered."""
    await until(lambda: discord.commands)
    return bot


def delay(interaction: Interaction) -> float:
    assert interaction.acknowledged_at is not None
    return interaction.acknowledged_at - interaction.asked_at


def custom_id(discord: FakeDiscord, message: int, label: str) -> str:
    rows = discord.world.state.post(message).components
    inside = [each for row in rows for each in row["components"]]
    return next(each["custom_id"] for each in inside if label in (each.get("label"), each.get("placeholder")))


async def test_a_slash_command_is_deferred_and_answered_in_its_place(bot: Bot, discord: FakeDiscord) -> None:
    interaction = await discord.slash("echo", {"text": "hello"}).answered()
    assert (interaction.response_type, interaction.ephemeral) == (DEFERRED, False)
    assert interaction.content == "hello"
    assert delay(interaction) < 1
    await finished(bot, f"discord:{interaction.id}")
    assert len(discord.shown(discord.general_id)) == 1
    message = next(each for each in observed() if each.key == f"discord:{interaction.id}")
    assert (message.text, message.author.name, message.channel.name) == ("/echo hello", "ann", "general")
    assert message.language == "en-US"


async def test_every_kind_of_parameter_arrives(bot: Bot, discord: FakeDiscord) -> None:
    options = {
        "count": 3,
        "share": 0.5,
        "loud": True,
        "size": "large",
        "colour": "green",
        "town": "Bern",
        "words": "a b",
    }
    interaction = await discord.slash("everything", options).answered()
    assert interaction.content == "3 0.5 True large green Bern a b"
    del options["town"], options["words"]
    interaction = await discord.slash("everything", options).answered()
    assert interaction.content == "3 0.5 True large green Rome"


async def test_suggestions_come_while_one_types(bot: Bot, discord: FakeDiscord) -> None:
    interaction = await discord.autocomplete("everything", "town", "Ber").answered()
    assert interaction.choices == [
        {"name": "Berlin", "value": "Berlin"},
        {"name": "Bern", "value": "Bern"},
    ]


async def test_what_is_for_the_asker_is_seen_by_nobody_else(bot: Bot, discord: FakeDiscord) -> None:
    interaction = await discord.slash("whisper", {"text": "secret " * 700}).answered()
    assert interaction.ephemeral
    assert interaction.content is not None
    assert interaction.content.startswith("psst: secret")
    [(name, content)] = interaction.files
    assert (name, content.decode()) == ("answer.md", f"psst: {'secret ' * 700}".strip())
    await finished(bot, f"discord:{interaction.id}")
    assert discord.shown(discord.general_id) == []


async def test_long_answers_go_on_in_the_channel(bot: Bot, discord: FakeDiscord) -> None:
    interaction = discord.slash("repeat", {"times": 700, "text": "word "})
    await finished(bot, f"discord:{interaction.id}")
    first, second = discord.shown(discord.general_id)
    assert interaction.message is not None
    assert first.id == interaction.message.id
    assert f"{first.content} {second.content}".split() == ["word"] * 700


async def test_a_menu_of_a_message_calls_its_skill_upon_it(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "abcdef", deliver=False)
    interaction = await discord.message_command("Count letters", number, author="bob").answered()
    assert interaction.content == "6 letters"
    assert await bot.store.inbox.state(f"discord:{number}") is InboxState.NO_REPLY_NEEDED
    discord.delete(number)
    await until(lambda: any(each.key == f"discord:{number}:delete" for each in observed()))
    assert await bot.store.history.search("abcdef", conversations=None) == []


async def test_a_menu_works_on_the_bots_own_words(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    discord.say(where, "echo abc")
    [answer] = await answers(discord, where)
    await until(lambda: not bot.delivery.busy)
    interaction = await discord.message_command("Count letters", answer.id).answered()
    assert interaction.content == "3 letters"


async def test_controls_work_after_a_restart(settings: Settings, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    async with open_bot(settings, discord):
        discord.say(where, "/panel")
        [answer] = await answers(discord, where)
    async with open_bot(settings, discord) as bot:
        pressed = await discord.press(answer.id, custom_id(discord, answer.id, "Again")).answered()
        assert (pressed.response_type, pressed.content) == (DEFERRED, "pressed")
        chosen = await discord.choose(answer.id, custom_id(discord, answer.id, "Pick one"), ["1"]).answered()
        assert chosen.content == "two"
        hidden = await discord.press(answer.id, custom_id(discord, answer.id, "Secret")).answered()
        assert (hidden.ephemeral, hidden.content) == (True, "psst: hidden")
        gone = await discord.press(answer.id, custom_id(discord, answer.id, "Gone")).answered()
        assert (gone.response_type, gone.ephemeral) == (MESSAGE, True)
        await finished(bot, f"discord:{pressed.id}")


async def test_a_form_is_filled_in_and_sent_across_a_restart(
    settings: Settings, discord: FakeDiscord
) -> None:
    where = discord.dm("ann")
    async with open_bot(settings, discord):
        discord.say(where, "/panel")
        [answer] = await answers(discord, where)
        opened = await discord.press(answer.id, custom_id(discord, answer.id, "Fill in")).answered()
    assert opened.response_type == MODAL
    assert opened.modal is not None
    inputs = [each["component"] for each in opened.modal["components"]]
    assert [(each["custom_id"], each["value"]) for each in inputs] == [("first", "first"), ("second", "")]
    async with open_bot(settings, discord):
        sent = await discord.submit(opened, {"first": "one", "second": "two words"}).answered()
        assert sent.content == "one+two words"


async def test_a_hanging_skill_does_not_delay_the_deferral(bot: Bot, discord: FakeDiscord) -> None:
    rooms = [discord.add_channel(f"room{each}") for each in range(40)]
    many = [
        discord.slash("wait", {"seconds": 1.5, "text": str(each)}, channel=room)
        for each, room in enumerate(rooms)
    ]
    for each in many:
        await each.acknowledged()
    assert max(map(delay, many)) < 1
    for number, each in enumerate(many):
        await each.answered()
        assert each.content == str(number)


async def test_a_stalled_database_does_not_delay_the_deferral(
    bot: Bot, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, released = bot.store.inbox.accept, asyncio.Event()

    async def stalled(event: object) -> object:
        await released.wait()
        return await accept(event)  # type: ignore[arg-type]

    monkeypatch.setattr(bot.store.inbox, "accept", stalled)
    interaction = await discord.slash("echo", {"text": "late"}).acknowledged()
    assert 0.7 < delay(interaction) < 1.0
    released.set()
    await interaction.answered()
    assert interaction.content == "late"


async def test_what_cannot_be_stored_is_said(
    bot: Bot, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = 0.0

    async def broken(event: object) -> object:
        await asyncio.sleep(pause)
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(bot.store.inbox, "accept", broken)
    at_once = await discord.slash("echo", {"text": "x"}).answered()
    assert (at_once.response_type, at_once.ephemeral) == (MESSAGE, True)
    assert "nothing can be stored" in (at_once.content or "")
    pause = 1.2
    later = await discord.slash("echo", {"text": "x"}).answered()
    assert later.response_type == DEFERRED
    assert "nothing can be stored" in (later.content or "")


async def test_an_interaction_told_twice_is_answered_once(bot: Bot, discord: FakeDiscord) -> None:
    interaction = discord.slash("echo", {"text": "once"})
    discord.world.tell("INTERACTION_CREATE", interaction.body, discord.guild_id)
    await finished(bot, f"discord:{interaction.id}")
    assert [each.content for each in discord.shown(discord.general_id)] == ["once"]


async def test_an_expired_token_gives_way_to_a_message(bot: Bot, discord: FakeDiscord) -> None:
    interaction = await discord.slash("wait", {"seconds": 0.5, "text": "slow"}).acknowledged()
    discord.expire(interaction)
    await finished(bot, f"discord:{interaction.id}")
    assert "slow" in [each.content for each in discord.shown(discord.general_id)]


async def test_an_expired_token_does_not_let_a_secret_out(bot: Bot, discord: FakeDiscord) -> None:
    interaction = await discord.slash("whisper", {"text": "x"}).acknowledged()
    await interaction.answered()
    slow = discord.slash("whisper", {"text": "y"})
    discord.expire(slow)
    await finished(bot, f"discord:{slow.id}")
    assert [each.content for each in discord.shown(discord.dm("ann"))] == ["psst: y"]
    assert discord.shown(discord.general_id) == []


async def test_an_answer_after_a_crash_takes_the_place_kept_for_it(
    settings: Settings, discord: FakeDiscord
) -> None:
    async with open_bot(settings, discord):
        await until(lambda: discord.commands)
        interaction = await discord.slash("wait", {"seconds": 30.0, "text": ""}).acknowledged()
    settings = settings.model_copy(
        update={"lanes": settings.lanes.model_copy(update={"expire_seconds": 0.01})}
    )
    async with open_bot(settings, discord) as bot:
        await finished(bot, f"discord:{interaction.id}")
    assert interaction.content == ""


async def test_commands_in_direct_messages_and_threads(bot: Bot, discord: FakeDiscord) -> None:
    direct = await discord.slash("echo", {"text": "there"}, channel=discord.dm("ann")).answered()
    assert direct.content == "there"
    thread = discord.add_thread(discord.general_id, "talk")
    inside = await discord.slash("echo", {"text": "inside"}, channel=thread).answered()
    assert inside.content == "inside"
    message = await bot.store.history.message(f"discord:{inside.id}")
    assert message is not None
    assert message.conversation == f"discord:{discord.general_id}/{thread}"


async def test_broken_input_is_answered_in_words(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "x", deliver=False)
    interaction = discord.message_command("Count letters", number)
    for odd in ({"custom_id": "not ours"}, {"custom_id": "9:nothing|x|1"}, {}):
        body = interaction.body | {"type": 3, "id": str(discord.world.state.snowflake()), "data": odd}
        discord.world.tell("INTERACTION_CREATE", body, discord.guild_id)
    discord.world.tell("INTERACTION_CREATE", interaction.body | {"type": 5, "data": {"custom_id": "x"}}, None)
    fine = await discord.slash("echo", {"text": "still here"}).answered()
    assert fine.content == "still here"
