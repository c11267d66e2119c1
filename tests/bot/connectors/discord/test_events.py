"""What happens on Discord reaches the bot as it happened, once, in the right conversation."""

from dataclasses import replace
from pathlib import Path

from bot.app import Bot
from bot.message import EventKind, Message
from bot.settings import Settings
from bot.testing.discord import FakeDiscord
from storage import InboxState
from tests.bot.connectors.discord.conftest import (
    accepted,
    answers,
    discord_settings,
    finished,
    observed,
    open_bot,
    until,
)


def seen(key: str) -> Message:
    """The message as the bot's observers saw it."""
    return next(each for each in observed() if each.key == key)


async def test_a_mention_is_answered_in_a_thread_named_by_it(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo what is new?", mention_bot=True)
    [answer] = await answers(discord, number)
    assert (answer.content, answer.reference) == ("what is new?", None)
    assert discord.world.state.channels[number].name == "echo what is new?"
    assert discord.shown(discord.general_id) == []
    message = await bot.store.history.message(f"discord:{number}")
    assert message is not None
    assert message.conversation == f"discord:{discord.general_id}/{number}"
    assert message.text == "echo what is new?"


async def test_a_thread_goes_on_without_a_mention_and_keeps_its_skill(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo begin", mention_bot=True)
    await answers(discord, number)
    discord.say(number, "go on")
    assert [each.content for each in await answers(discord, number, 2)] == ["begin", "go on"]


async def test_a_thread_somebody_began_already_is_used(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "wait 0.4 done", mention_bot=True)
    discord.add_thread(discord.general_id, "mine", starter=number)
    assert [each.content for each in await answers(discord, number)] == ["done"]
    assert discord.world.state.channels[number].name == "mine"


async def test_a_channel_without_leave_for_threads_is_answered_below_the_question(
    bot: Bot, discord: FakeDiscord
) -> None:
    body = {"message": "Missing Permissions", "code": 50013}
    discord.fail_next("POST", r"/threads$", 403, body, {"Content-Type": "application/json"})
    number = discord.say(discord.general_id, "echo here", mention_bot=True)
    [answer] = await answers(discord, discord.general_id)
    assert (answer.content, answer.reference) == ("here", number)


async def test_answers_in_the_channel_where_the_operator_wants_it(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    async with open_bot(discord_settings(tmp_path, discord, answer_in="channel"), discord):
        number = discord.say(discord.general_id, "echo below", mention_bot=True)
        [answer] = await answers(discord, discord.general_id)
    assert (answer.content, answer.reference, answer.mentions_effective) == ("below", number, ())


async def test_a_direct_message_is_answered_where_it_stands(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    discord.say(where, "echo hello")
    [answer] = await answers(discord, where)
    assert (answer.content, answer.reference) == ("hello", None)


async def test_a_reply_to_the_bot_needs_no_mention(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo first", mention_bot=True)
    [answer] = await answers(discord, number)
    again = discord.say(number, "echo second", reply_to=answer.id)
    await finished(bot, f"discord:{again}")
    assert seen(f"discord:{again}").mentions_bot
    assert seen(f"discord:{again}").reply_to == f"discord:{answer.id}"


async def test_what_is_not_for_the_bot_is_observed_only(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "good morning <@1> in <#2>")
    assert await finished(bot, f"discord:{number}") is InboxState.NO_REPLY_NEEDED
    message = seen(f"discord:{number}")
    assert not message.mentions_bot
    assert message.channel.conversation == f"discord:{discord.general_id}"
    assert message.channel.name == "general"
    assert discord.posts == 0


async def test_mentions_are_read_as_names(bot: Bot, discord: FakeDiscord) -> None:
    ann = discord.world.state.person("ann")
    text = f"<@{discord.bot_id}>, ask <@{ann.id}> in <#{discord.general_id}> <:wave:123> <@{discord.bot_id}>"
    number = discord.say(discord.general_id, text)
    await accepted(bot, f"discord:{number}")
    message = await bot.store.history.message(f"discord:{number}")
    assert message is not None
    assert message.text == "ask @ann in #general :wave:"


async def test_the_bots_own_role_is_a_mention(bot: Bot, discord: FakeDiscord) -> None:
    role = discord.guild_id + 1
    payload = discord.world.state.post(
        discord.say(discord.general_id, f"<@&{role}> echo by role", deliver=False)
    )
    payload.pinged = [f"role:{role}"]
    discord.world.publish(payload)
    assert [each.content for each in await answers(discord, payload.id)] == ["by role"]


async def test_an_edit_changes_the_text_and_a_preview_does_not(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "first https://example.org")
    await finished(bot, f"discord:{number}")
    discord.preview(number)
    discord.edit(number, "second")
    await until(lambda: any(each.kind is EventKind.EDITED for each in observed()))
    message = await bot.store.history.message(f"discord:{number}")
    assert message is not None
    assert (message.text, message.edited) == ("second", True)
    assert sum(each.kind is EventKind.EDITED for each in observed()) == 1


async def test_deletions_erase_also_many_at_once(bot: Bot, discord: FakeDiscord) -> None:
    numbers = [discord.say(discord.general_id, f"secret {each}") for each in range(3)]
    for each in numbers:
        await finished(bot, f"discord:{each}")
    discord.delete(numbers[0])
    ids = [str(each) for each in numbers[1:]]
    bulk = {"ids": ids, "channel_id": str(discord.general_id), "guild_id": str(discord.guild_id)}
    discord.world.tell("MESSAGE_DELETE_BULK", bulk, discord.guild_id)
    for each in numbers:
        await accepted(bot, f"discord:{each}:delete")
    assert await bot.store.history.search("secret", conversations=None) == []


async def test_a_deletion_that_comes_first_wins(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo never", mention_bot=True, deliver=False)
    post = discord.world.state.post(number)
    discord.delete(number)
    await accepted(bot, f"discord:{number}:delete")
    discord.world.tell("MESSAGE_CREATE", discord.world.event_json(post), discord.guild_id)
    assert await finished(bot, f"discord:{number}") is InboxState.ERASED
    assert discord.posts == 0


async def test_an_edit_that_comes_before_its_message_counts(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo old", mention_bot=True, deliver=False)
    before = discord.world.event_json(discord.world.state.post(number))
    discord.edit(number, f"<@{discord.bot_id}> echo new")
    await until(lambda: observed())
    discord.world.tell("MESSAGE_CREATE", before, discord.guild_id)
    assert [each.content for each in await answers(discord, number)] == ["new"]


async def test_a_message_deleted_while_it_is_worked_on_is_not_answered(
    bot: Bot, discord: FakeDiscord
) -> None:
    number = discord.say(discord.general_id, "wait 5 too late", mention_bot=True)
    await until(lambda: discord.typing)
    discord.delete(number)
    assert await finished(bot, f"discord:{number}") is InboxState.ERASED
    assert await bot.store.history.search("late", conversations=None) == []
    assert discord.posts == 0


async def test_the_same_event_ten_times_is_one_message_and_one_reply(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo once", mention_bot=True)
    for _ in range(9):
        discord.say(discord.general_id, "echo once", mention_bot=True, message_id=number)
    await finished(bot, f"discord:{number}")
    assert [each.content for each in discord.shown(number)] == ["once"]


async def test_reactions_are_told_and_thumbs_are_feedback(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo rate me", mention_bot=True)
    [answer] = await answers(discord, number)
    await finished(bot, f"discord:{number}")
    discord.react(answer.id, "👍")
    discord.react(number, "party:123", author="bob")
    discord.unreact(answer.id, "👍")
    discord.react(answer.id, "👎")
    await until(lambda: sum(each.kind is not EventKind.CREATED for each in observed()) == 4)
    told = [(each.kind, each.text) for each in observed() if each.kind is not EventKind.CREATED]
    assert sorted(told) == sorted(
        [
            (EventKind.REACTED, "👍"),
            (EventKind.REACTED, ":party:"),
            (EventKind.UNREACTED, "👍"),
            (EventKind.REACTED, "👎"),
        ]
    )


async def test_files_and_voice_messages_come_with_their_bytes(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    discord.say(where, "/hear", files=[("notes.txt", b"abc", "text/plain")])
    [answer] = await answers(discord, where)
    assert answer.content == "notes.txt False 3"
    spoken = discord.say(where, "", voice=b"OggS" + bytes(40))
    await finished(bot, f"discord:{spoken}")
    [voice] = seen(f"discord:{spoken}").attachments
    assert (voice.is_voice, voice.media_type, voice.is_audio) == (True, "audio/ogg", True)
    assert await bot.connectors["discord"].fetch(voice, 1000) == b"OggS" + bytes(40)


async def test_a_forum_post_is_a_thread_and_brings_its_title(bot: Bot, discord: FakeDiscord) -> None:
    forum = discord.add_channel("help", kind="forum")
    thread, number = discord.add_forum_post(forum, "How do I sign in?", "It says no.")
    await finished(bot, f"discord:{number}")
    message = await bot.store.history.message(f"discord:{number}")
    assert message is not None
    assert message.conversation == f"discord:{forum}/{thread}"
    assert message.text == "How do I sign in?\n\nIt says no."
    asked = discord.say(thread, "echo and now?", mention_bot=True)
    [answer] = await answers(discord, thread)
    assert (answer.content, answer.reference) == ("and now?", asked)


async def test_bots_are_never_answered(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "echo you", author="other", is_bot=True, mention_bot=True)
    assert await finished(bot, f"discord:{number}") is InboxState.NO_REPLY_NEEDED
    assert seen(f"discord:{number}").author.is_bot
    own = discord.say(discord.general_id, "echo hi", mention_bot=True)
    await finished(bot, f"discord:{own}")
    [answer] = discord.shown(own)
    assert await bot.store.inbox.state(f"discord:{answer.id}") is None


async def test_forwarded_words_are_read(bot: Bot, discord: FakeDiscord) -> None:
    post = discord.world.state.post(discord.say(discord.dm("ann"), "", deliver=False))
    shape = discord.world.event_json(post) | {
        "message_reference": {"type": 1, "channel_id": "5", "message_id": "6"},
        "message_snapshots": [{"message": {"content": "echo forwarded", "attachments": []}}],
    }
    discord.world.told = lambda event, body: None
    discord.world.tell("MESSAGE_CREATE", shape, None)
    [answer] = await answers(discord, discord.dm("ann"))
    assert answer.content == "forwarded"


async def test_without_message_content_what_is_not_for_the_bot_leaves_no_trace(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    async with open_bot(discord_settings(tmp_path, discord, message_content=False), discord) as bot:
        quiet = discord.say(discord.general_id, "private talk")
        loud = discord.say(discord.general_id, "echo heard", mention_bot=True)
        assert [each.content for each in await answers(discord, loud)] == ["heard"]
        assert await bot.store.inbox.state(f"discord:{quiet}") is None


async def test_too_much_text_is_told_to_whoever_wrote_it(settings: Settings, discord: FakeDiscord) -> None:
    limits = settings.limits.model_copy(update={"message_kb": 1})
    async with open_bot(settings.model_copy(update={"limits": limits}), discord):
        number = discord.say(discord.general_id, "echo " + "x" * 1500, mention_bot=True)
        [answer] = await answers(discord, number)
    assert "longer than 1 KiB" in answer.content


async def test_messages_have_addresses(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "hello")
    await finished(bot, f"discord:{number}")
    link = bot.connectors["discord"].link(f"discord:{discord.general_id}", f"discord:{number}")
    assert link == f"https://discord.com/channels/{discord.guild_id}/{discord.general_id}/{number}"
    assert bot.connectors["discord"].link("discord:5", "discord:6") == ""
    assert bot.connectors["discord"].community("discord:5") == "discord:5"
    assert (
        bot.connectors["discord"].community(f"discord:{discord.general_id}/7")
        == f"discord:{discord.guild_id}"
    )
    assert replace(seen(f"discord:{number}"), text="").channel.name == "general"
