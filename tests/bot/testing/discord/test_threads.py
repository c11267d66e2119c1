"""Threads and forum posts."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.testing.discord import FakeDiscord


async def test_thread_grows_from_a_message_once(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    said = fake.say(fake.general_id, "question")
    message = client.general.get_partial_message(said)
    thread = await message.create_thread(name="Question")
    assert thread.id == said
    with pytest.raises(discord.HTTPException) as refused:
        await message.create_thread(name="Question")
    assert (refused.value.status, refused.value.code) == (400, 160004)
    assert (await message.fetch()).flags.has_thread
    await fake.until(lambda: client.told("thread_create"))


async def test_talk_in_a_thread(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    said = fake.say(fake.general_id, "question")
    thread = fake.add_thread(fake.general_id, "Question", starter=said)
    fake.say(thread, "more")
    await fake.until(lambda: client.texts[-1:] == ["more"])
    message = client.told("message")[-1]
    assert (message.channel.id, message.channel.parent_id) == (thread, fake.general_id)
    assert message.channel.me is None
    await message.channel.send("answer")
    assert (await client.fetch_channel(thread)).me.id == fake.bot_id
    assert [each.content for each in fake.shown(thread)] == ["answer"]
    types = [each.type async for each in message.channel.history(oldest_first=True)]
    assert types[0] is discord.MessageType.thread_starter_message


async def test_thread_without_a_message(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    thread = await client.general.create_thread(name="Side", type=discord.ChannelType.public_thread)
    await thread.send("hello")
    assert fake.shown(thread.id)[0].content == "hello"
    await thread.join()


async def test_forum_post_of_a_person(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    forum = fake.add_channel("questions", kind="forum")
    thread, first = fake.add_forum_post(forum, "How?", "like this?", author="bob")
    await fake.until(lambda: client.texts == ["like this?"])
    message = client.told("message")[0]
    assert (message.id, message.channel.id, message.channel.name) == (first, thread, "How?")
    assert isinstance(message.channel.parent, discord.ForumChannel)
    await message.reply("yes")
    assert fake.shown(thread)[0].reference == first


async def test_forum_post_of_the_bot(fake: FakeDiscord, connect: Any) -> None:
    forum_id = fake.add_channel("news", kind="forum")
    client = await connect()
    forum = client.get_channel(forum_id)
    made = await forum.create_thread(name="Today", content="all well")
    assert made.thread.id == made.message.id
    assert fake.shown(made.thread.id)[0].content == "all well"
    with pytest.raises(discord.HTTPException) as refused:
        await client.http.send_message(
            forum_id, params=discord.http.handle_message_parameters(content="not here")
        )
    assert refused.value.code == 50008


async def test_archived_thread_comes_back_unless_locked(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    thread_id = fake.add_thread(fake.general_id, "Old")
    fake.archive(thread_id)
    assert await client.guilds[0].active_threads() == []
    [thread] = [each async for each in client.general.archived_threads()]
    await thread.send("again")
    assert [each.id for each in await client.guilds[0].active_threads()] == [thread_id]
    fake.archive(thread_id, locked=True)
    with pytest.raises(discord.HTTPException) as refused:
        await thread.send("no")
    assert refused.value.code == 50083


async def test_thread_is_renamed_and_put_away_by_the_bot(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    thread = await client.general.create_thread(name="Side", type=discord.ChannelType.public_thread)
    await thread.edit(name="Aside", archived=True)
    fetched = await client.fetch_channel(thread.id)
    assert (fetched.name, fetched.archived) == ("Aside", True)
