"""Interactions, answered by discord.py's own commands, views and modals."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from bot.testing.discord import FakeDiscord


class Form(ui.Modal, title="Tell us"):
    reason: ui.TextInput[Any] = ui.TextInput(label="Why?", custom_id="reason")
    kind: ui.Label[Any] = ui.Label(
        text="Kind",
        component=ui.Select(
            custom_id="kind", options=[discord.SelectOption(label="Bug"), discord.SelectOption(label="Idea")]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"{self.reason.value}: {self.kind.component.values}")


class Buttons(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @ui.button(label="More", custom_id="more")
    async def more(self, interaction: discord.Interaction, button: ui.Button[Any]) -> None:
        await interaction.response.edit_message(content="more", view=None)

    @ui.button(label="Slow", custom_id="slow")
    async def slow(self, interaction: discord.Interaction, button: ui.Button[Any]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="slowly")

    @ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, interaction: discord.Interaction, button: ui.Button[Any]) -> None: ...

    @ui.button(label="Form", custom_id="form")
    async def form(self, interaction: discord.Interaction, button: ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form())

    @ui.select(custom_id="size", options=[discord.SelectOption(label="S"), discord.SelectOption(label="L")])
    async def size(self, interaction: discord.Interaction, select: ui.Select[Any]) -> None:
        await interaction.response.send_message(f"size {select.values}", ephemeral=True)


def add_commands(tree: app_commands.CommandTree[Any]) -> None:
    @tree.command(description="Say it back")
    async def echo(interaction: discord.Interaction, text: str, times: int = 1) -> None:
        await interaction.response.send_message(text * times)

    @tree.command(description="Think first")
    async def think(interaction: discord.Interaction, hidden: bool = False) -> None:
        await interaction.response.defer(ephemeral=hidden, thinking=True)
        await asyncio.sleep(0.05)
        await interaction.edit_original_response(content="thought @everyone")
        await interaction.followup.send("and more")

    @tree.command(description="Answer twice")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("one")
        interaction.response._response_type = None
        await interaction.response.send_message("two")

    @tree.command(description="Answer by a follow-up")
    async def follow(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.followup.send("followed")

    @tree.command(description="Look at things")
    async def look(
        interaction: discord.Interaction,
        person: discord.User,
        place: discord.TextChannel,
        file: discord.Attachment,
    ) -> None:
        content = (await file.read()).decode()
        await interaction.response.send_message(f"{person.name} {place.name} {content}")

    @tree.command(description="Find something")
    async def find(interaction: discord.Interaction, what: str) -> None:
        await interaction.response.send_message(what)

    @find.autocomplete("what")
    async def whats(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}{each}", value=each) for each in "ab"]

    @tree.command(description="Show buttons")
    async def buttons(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("less", view=Buttons())

    @tree.command(description="Show a form")
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    @tree.command(description="Send a file")
    async def paper(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(
            content="here", attachments=[discord.File(io.BytesIO(b"p"), "p.txt")]
        )

    @tree.command(description="Say nothing")
    async def silent(interaction: discord.Interaction) -> None: ...

    @tree.context_menu(name="Shout")
    async def shout(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(message.content.upper())

    group = app_commands.Group(name="desk", description="The desk")
    inner = app_commands.Group(name="ticket", description="Tickets", parent=group)

    @group.command(description="Open it")
    async def open(interaction: discord.Interaction, title: str) -> None:  # noqa: A001
        await interaction.response.send_message(f"opened {title}")

    @inner.command(description="Close it")
    async def close(interaction: discord.Interaction, number: int) -> None:
        await interaction.response.send_message(f"closed {number}")

    tree.add_command(group)


@pytest.fixture
async def client(connect: Any) -> Any:
    return await connect(commands=add_commands)


async def test_commands_are_registered_and_keep_their_ids(fake: FakeDiscord, client: Any) -> None:
    before = {each["name"]: each["id"] for each in fake.commands}
    assert {"echo", "think", "Shout", "desk"} <= set(before)
    await client.tree.sync()
    assert {each["name"]: each["id"] for each in fake.commands} == before
    assert len(await client.tree.fetch_commands()) == len(before)


async def test_slash_command_is_answered(fake: FakeDiscord, client: Any) -> None:
    asked = fake.slash("echo", {"text": "hey", "times": 2}, author="bob")
    await asked.answered()
    assert (asked.content, asked.response_type, asked.ephemeral) == ("heyhey", 4, False)
    [shown] = fake.shown(fake.general_id)
    assert shown.content == "heyhey"
    await fake.until(lambda: client.texts)
    message = client.told("message")[0]
    assert message.type is discord.MessageType.chat_input_command
    assert message.interaction_metadata.user.name == "bob"


async def test_deferred_answer_takes_the_place_of_thinking(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("think").acknowledged()
    assert (asked.response_type, asked.content) == (5, "")
    assert asked.acknowledged_at is not None
    assert fake.shown(fake.general_id) == []
    await asked.answered()
    await fake.until(lambda: asked.followups)
    assert asked.content == "thought @everyone"
    assert asked.followups[0].content == "and more"
    first, second = fake.shown(fake.general_id)
    assert (first.content, first.flags & 128, first.edited) == ("thought @everyone", 0, False)
    assert first.mentions_effective == ("everyone",)
    assert second.reference == first.id


async def test_ephemeral_answer_is_seen_by_one(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("think", {"hidden": True}).answered()
    assert (asked.ephemeral, asked.content) == (True, "thought @everyone")
    await fake.until(lambda: asked.followups)
    assert [each.content for each in fake.shown(fake.general_id)] == ["and more"]
    await fake.until(lambda: client.texts)
    assert client.texts == ["and more"]


async def test_first_followup_takes_the_place_of_thinking(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("follow").answered()
    assert (asked.content, asked.followups) == ("followed", [])
    assert len(fake.shown(fake.general_id)) == 1


async def test_second_callback_is_refused(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("twice").answered()
    await fake.until(lambda: client.failures)
    assert client.failures[0].original.code == 40060
    assert asked.content == "one"


async def test_options_of_all_kinds_are_resolved(fake: FakeDiscord, client: Any) -> None:
    fake.say(fake.general_id, "hi", author="zoe")
    options = {"person": "zoe", "place": fake.general_id, "file": ("a.txt", b"inside", "text/plain")}
    asked = await fake.slash("look", options).answered()
    assert asked.content == "zoe general inside"


async def test_sub_commands(fake: FakeDiscord, client: Any) -> None:
    assert (await fake.slash("desk", {"title": "it"}, sub="open").answered()).content == "opened it"
    assert (await fake.slash("desk", {"number": 7}, sub="ticket close").answered()).content == "closed 7"
    with pytest.raises(LookupError):
        fake.slash("desk", {})


async def test_only_what_is_registered_can_be_asked(fake: FakeDiscord, client: Any) -> None:
    with pytest.raises(LookupError):
        fake.slash("unknown")
    with pytest.raises(LookupError):
        fake.slash("echo", {"text": "a", "colour": "b"})
    with pytest.raises(ValueError, match="needs text"):
        fake.slash("echo")
    with pytest.raises(ValueError, match="no choices"):
        fake.autocomplete("echo", "text", "a")


async def test_autocomplete(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.autocomplete("find", "what", "x").answered()
    assert asked.choices == [{"name": "xa", "value": "a"}, {"name": "xb", "value": "b"}]
    assert asked.response_type == 8


async def test_message_command(fake: FakeDiscord, client: Any) -> None:
    said = fake.say(fake.general_id, "quiet")
    assert (await fake.message_command("Shout", said).answered()).content == "QUIET"


async def test_direct_channel_has_commands_too(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("echo", {"text": "hey"}, channel=fake.dm("bob"), author="bob").answered()
    assert asked.content == "hey"
    assert fake.shown(fake.dm("bob"))[0].content == "hey"


async def test_buttons_change_their_message(fake: FakeDiscord, client: Any) -> None:
    shown = (await fake.slash("buttons").answered()).message
    slow = await fake.press(shown.id, "slow").answered()
    assert (slow.response_type, slow.content) == (6, "slowly")
    more = await fake.press(shown.id, "more", author="bob").answered()
    assert (more.response_type, more.content, more.components) == (7, "more", ())
    assert fake.shown(fake.general_id)[0].components == ()
    with pytest.raises(LookupError):
        fake.press(shown.id, "more")


async def test_disabled_button_and_wrong_choice(fake: FakeDiscord, client: Any) -> None:
    shown = (await fake.slash("buttons").answered()).message
    with pytest.raises(ValueError, match="disabled"):
        fake.press(shown.id, "off")
    with pytest.raises(ValueError, match="offers"):
        fake.choose(shown.id, "size", ["XXL"])
    with pytest.raises(ValueError, match="a menu"):
        fake.press(shown.id, "size")


async def test_menu_is_chosen_from(fake: FakeDiscord, client: Any) -> None:
    shown = (await fake.slash("buttons").answered()).message
    chosen = await fake.choose(shown.id, "size", ["L"]).answered()
    assert (chosen.content, chosen.ephemeral) == ("size ['L']", True)


@pytest.mark.parametrize("way", ["command", "button"])
async def test_modal_is_filled(fake: FakeDiscord, client: Any, way: str) -> None:
    opened = fake.slash("form")
    if way == "button":
        shown = (await fake.slash("buttons").answered()).message
        opened = fake.press(shown.id, "form")
    await opened.answered()
    assert opened.response_type == 9
    assert opened.modal["title"] == "Tell us"
    sent = await fake.submit(opened, {"reason": "because", "kind": ["Bug"]}).answered()
    assert sent.content == "because: ['Bug']"
    with pytest.raises(ValueError, match="required"):
        fake.submit(opened, {"kind": ["Bug"]})


async def test_file_in_an_answer(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("paper").answered()
    assert asked.files == (("p.txt", b"p"),)


async def test_late_callback_is_unknown(fake: FakeDiscord, client: Any) -> None:
    fake.interactions.answer_seconds = 0.05
    asked = fake.slash("silent")
    await fake.until(lambda: client.told("interaction"))
    await asyncio.sleep(0.1)
    with pytest.raises(discord.NotFound) as late:
        await client.told("interaction")[0].response.send_message("late")
    assert late.value.code == 10062
    assert asked.acknowledged_at is None


async def test_token_does_not_work_before_the_callback_and_after_its_time(
    fake: FakeDiscord, client: Any
) -> None:
    asked = fake.slash("silent")
    await fake.until(lambda: client.told("interaction"))
    interaction = client.told("interaction")[0]
    with pytest.raises(discord.NotFound) as early:
        await interaction.edit_original_response(content="early")
    assert early.value.code == 10015
    await interaction.response.defer(thinking=True)
    fake.expire(asked)
    with pytest.raises(discord.HTTPException) as late:
        await interaction.edit_original_response(content="late")
    assert (late.value.status, late.value.code) == (401, 50027)


async def test_answer_is_taken_away(fake: FakeDiscord, client: Any) -> None:
    asked = await fake.slash("echo", {"text": "oops"}).answered()
    await client.told("interaction")[0].delete_original_response()
    assert asked.content is None
    assert fake.shown(fake.general_id) == []
