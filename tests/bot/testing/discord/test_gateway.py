"""The gateway, spoken to by discord.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import discord
import pytest

from bot.testing.discord import Dice, FakeDiscord


async def test_login_shows_guild_channels_threads_and_last_messages(fake: FakeDiscord, connect: Any) -> None:
    forum = fake.add_channel("questions", kind="forum")
    voice = fake.add_channel("lounge", kind="voice")
    starter = fake.say(fake.general_id, "before")
    thread = fake.add_thread(fake.general_id, "old thread", starter=starter)
    post, first = fake.add_forum_post(forum, "How?", "like this")
    client = await connect()
    guild = client.get_guild(fake.guild_id)
    assert client.user.id == fake.bot_id
    assert client.application_id == fake.application_id
    assert guild.name == "Test guild"
    assert isinstance(guild.get_channel(forum), discord.ForumChannel)
    assert isinstance(guild.get_channel(voice), discord.VoiceChannel)
    assert {each.id for each in guild.threads} == {thread, post}
    assert client.general.last_message_id == starter == thread
    assert guild.get_thread(post).last_message_id == first == post
    assert client.general.permissions_for(guild.me).send_messages_in_threads


async def test_second_guild_appears_while_connected(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    guild = fake.add_guild("Other")
    channel = fake.add_channel("hall", guild=guild)
    fake.say(channel, "hello there")
    await fake.until(lambda: client.texts == ["hello there"])
    assert client.told("message")[0].guild.name == "Other"


async def test_wrong_token_is_refused_at_login(fake: FakeDiscord, client: Any) -> None:
    with pytest.raises(discord.LoginFailure):
        await client.start("wrong")
    assert fake.requests == [("GET", "/users/@me", 401)]
    assert fake.identifies == []


async def test_what_people_do_is_told(fake: FakeDiscord, connect: Any) -> None:
    client = await connect(max_messages=None)
    said = fake.say(fake.general_id, "helo", mention_bot=True)
    fake.edit(said, "hello")
    fake.preview(said)
    fake.react(said, "👍", author="bob")
    fake.unreact(said, "👍", author="bob")
    fake.delete(said)
    await fake.until(lambda: client.told("raw_message_delete"))
    [message] = client.told("message")
    edit, preview = client.told("raw_message_edit")
    assert message.author.name == "ann"
    assert client.user in message.mentions
    assert (edit.message.content, edit.message.edited_at is None) == ("hello", False)
    assert preview.message.embeds[0].url == "https://example.org/"
    assert client.told("raw_reaction_add")[0].user_id == fake.user_id("bob")
    assert str(client.told("raw_reaction_remove")[0].emoji) == "👍"
    assert client.told("raw_message_delete")[0].message_id == said


async def test_preview_is_no_edit(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.preview(fake.say(fake.general_id, "https://example.org/"))
    await fake.until(lambda: client.told("raw_message_edit"))
    assert client.told("raw_message_edit")[0].data["edited_timestamp"] is None


async def test_reply_names_its_message_and_pings_its_author(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    [asked] = [await client.general.send("yes?")]
    fake.say(fake.general_id, "and?", reply_to=asked.id)
    fake.say(fake.general_id, "quietly", reply_to=asked.id, pings=False)
    await fake.until(lambda: len(client.texts) == 3)
    loud, quiet = client.told("message")[1:]
    assert loud.reference.message_id == asked.id
    assert client.user in loud.mentions
    assert quiet.mentions == []


async def test_same_message_is_delivered_again(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    said = fake.say(fake.general_id, "once")
    fake.say(fake.general_id, "once", message_id=said)
    await fake.until(lambda: client.texts == ["once", "once"])
    assert [each.id for each in client.told("message")] == [said, said]
    assert [each.id async for each in client.general.history()] == [said]


async def test_undelivered_message_is_in_history_alone(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    missed = fake.say(fake.general_id, "missed", deliver=False)
    fake.say(fake.general_id, "seen")
    await fake.until(lambda: client.texts)
    assert client.texts == ["seen"]
    assert missed in [each.id async for each in client.general.history()]


async def test_direct_message(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.say(fake.dm("bob"), "psst")
    await fake.until(lambda: client.texts)
    message = client.told("message")[0]
    assert (message.author.name, message.guild) == ("bob", None)
    await message.reply("yes")
    assert fake.shown(fake.dm("bob"))[0].content == "yes"


async def test_other_bots_are_known_as_bots(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.say(fake.general_id, "beep", author="robot", is_bot=True)
    await fake.until(lambda: client.texts)
    assert client.told("message")[0].author.bot


async def test_without_the_content_intent_only_what_is_for_the_bot_has_text(
    fake: FakeDiscord, connect: Any
) -> None:
    client = await connect(intents=discord.Intents.default())
    fake.say(fake.general_id, "not for you")
    fake.say(fake.general_id, "for you", mention_bot=True)
    fake.say(fake.dm(), "direct")
    await client.general.send("mine")
    await fake.until(lambda: len(client.texts) == 4)
    assert client.texts == ["", f"<@{fake.bot_id}> for you", "direct", "mine"]


async def test_events_not_asked_for_do_not_come(fake: FakeDiscord, connect: Any) -> None:
    client = await connect(intents=discord.Intents(guilds=True, dm_messages=True))
    fake.react(fake.say(fake.general_id, "public"), "👍")
    fake.say(fake.dm(), "direct")
    await fake.until(lambda: client.texts)
    assert client.texts == ["direct"]
    assert client.told("raw_reaction_add") == []


@pytest.mark.parametrize("code", [1000, 4000])
async def test_closed_session_is_resumed_and_what_was_missed_replayed(
    fake: FakeDiscord, connect: Any, code: int
) -> None:
    client = await connect()
    fake.disconnect(code)
    texts = [f"missed {number}" for number in range(20)]
    for text in texts:
        fake.say(fake.general_id, text)
    await fake.until(lambda: len(client.texts) == 20)
    assert client.texts == texts
    assert (fake.resumes, len(fake.identifies)) == (1, 1)
    await fake.until(lambda: client.told("resumed"))


async def test_cut_connection_is_resumed(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.abort()
    fake.say(fake.general_id, "while away")
    await fake.until(lambda: client.texts == ["while away"])
    assert fake.resumes == 1


async def test_reconnect_is_obeyed(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.ask_reconnect()
    await fake.until(lambda: fake.resumes == 1 and fake.online == 1)
    fake.say(fake.general_id, "after")
    await fake.until(lambda: client.texts == ["after"])


async def test_resumable_invalidation_is_resumed(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.invalidate(resumable=True)
    await fake.until(lambda: fake.resumes == 1)
    fake.say(fake.general_id, "after")
    await fake.until(lambda: client.texts == ["after"])


async def test_invalidated_session_is_gone(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.invalidate()
    fake.say(fake.general_id, "lost")
    await fake.until(lambda: len(fake.identifies) == 2 and fake.online == 1)
    fake.say(fake.general_id, "after")
    await fake.until(lambda: client.texts)
    assert client.texts == ["after"]


@pytest.mark.parametrize("code", [4004, 4013])
async def test_fatal_close_code_ends_the_client(fake: FakeDiscord, client: Any, code: int) -> None:
    fake.refuse_identify(code)
    with pytest.raises(discord.ConnectionClosed) as closed:
        await client.start(fake.token)
    assert closed.value.code == code
    assert len(fake.identifies) == 1


async def test_intents_that_were_not_granted_are_refused(fake: FakeDiscord, client: Any) -> None:
    fake.grant_intents(0)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await client.start(fake.token)
    assert not client.application_flags.gateway_message_content_limited


async def test_each_identify_counts_against_the_daily_limit(
    fake: FakeDiscord, connect: Any, client: Any
) -> None:
    fake.session_start_limit["remaining"] = 1
    await connect()
    with pytest.raises(discord.ConnectionClosed):
        await client.start(fake.token)


async def test_frozen_socket_is_silent_until_thawed(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.freeze()
    fake.say(fake.general_id, "stuck")
    await asyncio.sleep(0.1)
    assert client.texts == []
    fake.thaw()
    await fake.until(lambda: client.texts == ["stuck"])
    assert fake.resumes == 0


async def test_frozen_socket_does_not_answer_heartbeats(fake: FakeDiscord, connect: Any) -> None:
    fake.gateway.heartbeat_seconds = 0.05
    client = await connect()
    await fake.until(lambda: client.latency < 1)
    fake.freeze()
    await asyncio.sleep(0.05)
    acknowledged = client.ws._keep_alive._last_ack
    await asyncio.sleep(0.3)
    assert client.ws._keep_alive._last_ack == acknowledged
    fake.abort()
    await fake.until(lambda: fake.resumes == 1)


async def test_zombie_is_replaced_by_a_resumed_session(fake: FakeDiscord, connect: Any) -> None:
    client = await connect(heartbeat_timeout=0.3)
    fake.freeze()
    fake.say(fake.general_id, "unheard")
    await asyncio.sleep(0.5)
    fake.abort()
    await fake.until(lambda: client.texts == ["unheard"])
    assert fake.resumes >= 1


async def test_payload_that_cannot_be_parsed_ends_the_client(fake: FakeDiscord, client: Any) -> None:
    running = asyncio.create_task(client.start(fake.token))
    await fake.until(client.is_ready)
    fake.send_raw({"op": 0, "s": 99, "t": "MESSAGE_CREATE", "d": {"id": "nonsense"}})
    with pytest.raises(KeyError):
        await running


async def test_shards_share_the_guilds(fake: FakeDiscord) -> None:
    for number in range(5):
        fake.add_channel("hall", guild=fake.add_guild(f"Guild {number}"))
    fake.gateway.shards = 2
    client = Sharded(intents=discord.Intents.all(), connector=fake.connector(), guild_ready_timeout=0.05)
    running = asyncio.create_task(client.start(fake.token))
    try:
        await fake.until(client.is_ready, within=20)
        assert len(client.guilds) == 6
        assert {each.shard_id for each in client.guilds} <= {0, 1}
        assert ("GET", "/gateway/bot", 200) in fake.requests
        assert fake.online == 2
    finally:
        await client.close()
        await running


async def test_members_are_sent_when_asked_for(fake: FakeDiscord, connect: Any) -> None:
    fake.say(fake.general_id, "here I am", author="zoe")
    client = await connect()
    [zoe] = await client.guilds[0].query_members("zoe")
    assert zoe.id == fake.user_id("zoe")


async def test_two_clients_hear_the_same(fake: FakeDiscord, connect: Any) -> None:
    first, second = await connect(), await connect()
    fake.say(fake.general_id, "both")
    await fake.until(lambda: first.texts == second.texts == ["both"])


class Sharded(discord.AutoShardedClient):
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait."""


class TestDice:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"dice": Dice(duplicate=0.3, reorder=0.3), "seed": 7}

    async def test_events_come_twice_and_out_of_order_and_none_is_lost(
        self, fake: FakeDiscord, connect: Any
    ) -> None:
        client = await connect()
        texts = [f"{number:03}" for number in range(200)]
        for text in texts:
            fake.say(fake.general_id, text)
        await fake.until(lambda: set(client.texts) == set(texts))
        assert 220 < len(client.texts) < 300
        firsts = list(dict.fromkeys(client.texts))
        assert firsts != texts
        assert all(abs(firsts.index(text) - texts.index(text)) <= 1 for text in texts)


class Raw:
    """A socket of our own: what no good client does."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, op: int, body: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": body}))

    async def closed(self) -> int | None:
        async for _ in self.socket:
            pass
        return self.socket.close_code


@pytest.fixture
async def raw(fake: FakeDiscord, http: aiohttp.ClientSession) -> Any:
    async with http.ws_connect("wss://gateway.discord.gg/?v=10&encoding=json") as socket:
        yield Raw(socket)


def _identify(fake: FakeDiscord, **more: Any) -> dict[str, Any]:
    return {"token": fake.token, "intents": 1, "properties": {}} | more


async def test_oversized_payload_is_refused(fake: FakeDiscord, raw: Raw) -> None:
    await raw.send(2, _identify(fake, properties={"os": "x" * 5000}))
    assert await raw.closed() == 4002


async def test_wrong_token_is_refused_at_the_gateway(fake: FakeDiscord, raw: Raw) -> None:
    await raw.send(2, _identify(fake, token="wrong"))
    assert await raw.closed() == 4004


async def test_second_identify_is_refused(fake: FakeDiscord, raw: Raw) -> None:
    await raw.send(2, _identify(fake))
    await raw.send(2, _identify(fake))
    assert await raw.closed() == 4005


async def test_asking_before_identifying_is_refused(fake: FakeDiscord, raw: Raw) -> None:
    await raw.send(8, {"guild_id": str(fake.guild_id), "query": "", "limit": 0})
    assert await raw.closed() == 4003


async def test_unknown_session_is_not_resumed(fake: FakeDiscord, raw: Raw) -> None:
    await raw.send(6, {"token": fake.token, "session_id": "unknown", "seq": 1})
    hello, invalid = await raw.socket.receive_json(), await raw.socket.receive_json()
    assert (hello["op"], invalid["op"], invalid["d"]) == (10, 9, False)


async def test_session_is_forgotten_after_a_while(fake: FakeDiscord, connect: Any, raw: Raw) -> None:
    fake.gateway.resume_seconds = 0.0
    await raw.send(2, _identify(fake))
    await fake.until(lambda: fake.online)
    await raw.socket.close(code=4000)
    await connect()
    assert len(fake.gateway.sessions) == 1


@pytest.mark.parametrize(("code", "left"), [(1000, 0), (1001, 0), (4000, 1)])
async def test_orderly_close_ends_the_session(fake: FakeDiscord, raw: Raw, code: int, left: int) -> None:
    await raw.send(2, _identify(fake))
    await fake.until(lambda: fake.online)
    await raw.socket.close(code=code)
    await fake.until(lambda: not fake.online)
    assert len(fake.gateway.sessions) == left


class TestStrict:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"strict": True}

    async def test_too_many_sends_are_cut_off(self, fake: FakeDiscord, raw: Raw) -> None:
        for _ in range(121):
            await raw.send(1, None)
        assert await raw.closed() == 4008
        assert fake.limited == 1

    async def test_hurried_identify_is_invalid(self, fake: FakeDiscord, connect: Any, raw: Raw) -> None:
        await connect()
        await raw.send(2, _identify(fake))
        hello, invalid = await raw.socket.receive_json(), await raw.socket.receive_json()
        assert (hello["op"], invalid["op"]) == (10, 9)
