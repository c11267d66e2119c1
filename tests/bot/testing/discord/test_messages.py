"""Messages, as discord.py sends them and as it should not."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import discord
import pytest

from bot.testing.discord import FakeDiscord

NONE = discord.AllowedMentions.none()


async def test_post_is_shown_and_told_to_the_bot_itself(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    sent = await client.general.send("hello", nonce="abc", suppress_embeds=True)
    [shown] = fake.shown(fake.general_id)
    assert (shown.id, shown.content, shown.nonce, shown.edited) == (sent.id, "hello", "abc", False)
    assert shown.flags == 4
    assert fake.posts == 1
    await fake.until(lambda: client.texts == ["hello"])
    assert client.told("message")[0].nonce == "abc"


async def test_same_nonce_makes_one_message(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    other = client.get_channel(fake.add_channel("other")) or await client.fetch_channel(
        fake.add_channel("another")
    )
    first = await client.general.send("once", nonce="key")
    again = await client.general.send("once", nonce="key")
    await other.send("once", nonce="key")
    await client.general.send("twice", nonce="other key")
    assert first.id == again.id
    assert [each.content for each in fake.shown(fake.general_id)] == ["once", "twice"]
    assert (fake.posts, fake.repeated()) == (3, [])


async def test_nonce_is_forgotten_after_a_while(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.world.nonce_seconds = 0.0
    await client.general.send("twice", nonce="key")
    await client.general.send("twice", nonce="key")
    assert fake.repeated() == ["twice"]


async def test_nonce_of_a_deleted_message_is_unknown(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    await (await client.general.send("once", nonce="key")).delete()
    with pytest.raises(discord.NotFound) as refused:
        await client.general.send("once", nonce="key")
    assert refused.value.code == 10008
    assert fake.shown(fake.general_id) == []


@pytest.mark.parametrize(
    ("text", "allowed", "pinged"),
    [
        ("@everyone <@5> <@&7>", None, ("everyone", "user:5", "role:7")),
        ("@everyone @here <@5> <@&7>", NONE, ()),
        ("@here <@5>", discord.AllowedMentions(everyone=False, users=True, roles=False), ("user:5",)),
        ("<@5> <@6>", discord.AllowedMentions(users=[discord.Object(6)]), ("user:6",)),
        ("`@everyone` ```<@5>```", None, ()),
    ],
)
async def test_mentions_are_effective_as_far_as_allowed(
    fake: FakeDiscord, connect: Any, text: str, allowed: Any, pinged: tuple[str, ...]
) -> None:
    client = await connect()
    await client.general.send(text, allowed_mentions=allowed)
    assert fake.shown(fake.general_id)[0].mentions_effective == pinged


async def test_edit_without_allowed_mentions_pings_again(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    sent = await client.general.send("calm", allowed_mentions=NONE)
    await sent.edit(content="@everyone", allowed_mentions=NONE)
    assert fake.shown(fake.general_id)[0].mentions_effective == ()
    await client.http.edit_message(
        fake.general_id, sent.id, params=discord.http.handle_message_parameters(content="@here")
    )
    [shown] = fake.shown(fake.general_id)
    assert (shown.mentions_effective, shown.content, shown.edited) == (("here",), "@here", True)


async def test_reply_pings_its_author_unless_told_otherwise(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    asked = client.general.get_partial_message(fake.say(fake.general_id, "?"))
    await asked.reply("loud")
    await asked.reply("quiet", mention_author=False)
    loud, quiet = fake.shown(fake.general_id)
    assert loud.mentions_effective == (f"user:{fake.user_id('ann')}",)
    assert quiet.mentions_effective == ()
    assert loud.reference == quiet.reference == asked.id


async def test_reply_to_what_is_gone(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    said = fake.say(fake.general_id, "?")
    fake.delete(said)
    gone = discord.MessageReference(message_id=said, channel_id=fake.general_id)
    with pytest.raises(discord.HTTPException) as refused:
        await client.general.send("answer", reference=gone)
    assert (refused.value.status, refused.value.code) == (400, 50035)
    kept = discord.MessageReference(message_id=said, channel_id=fake.general_id, fail_if_not_exists=False)
    await client.general.send("answer", reference=kept)
    assert fake.shown(fake.general_id)[0].reference is None


async def test_limits_of_text(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    await client.general.send("x" * 2000)
    for text, nonce in (("x" * 2001, "a"), ("x", "n" * 26)):
        with pytest.raises(discord.HTTPException) as refused:
            await client.general.send(text, nonce=nonce)
        assert refused.value.code == 50035
    with pytest.raises(discord.HTTPException) as refused:
        await client.general.send("   ")
    assert refused.value.code == 50006
    assert fake.posts == 1
    assert [each for each in fake.violations if "nonce" not in each] == []
    fake.violations.clear()


async def test_edit_and_deletion_are_seen(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    sent = await client.general.send("helo")
    await sent.edit(content="hello")
    await fake.until(lambda: client.told("raw_message_edit"))
    assert fake.shown(fake.general_id)[0].edited
    await sent.delete()
    await fake.until(lambda: client.told("raw_message_delete"))
    assert fake.shown(fake.general_id) == []
    with pytest.raises(discord.NotFound):
        await sent.edit(content="too late")


async def test_others_messages_cannot_be_edited(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    theirs = client.general.get_partial_message(fake.say(fake.general_id, "mine"))
    with pytest.raises(discord.Forbidden) as refused:
        await theirs.edit(content="yours")
    assert refused.value.code == 50005


async def test_history_in_all_directions(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    ids = [fake.say(fake.general_id, str(number)) for number in range(250)]
    channel = client.general

    async def texts(**window: Any) -> list[int]:
        return [int(each.content) async for each in channel.history(**window)]

    middle = discord.Object(ids[100])
    assert await texts(limit=None) == list(range(249, -1, -1))
    assert await texts(limit=3, before=middle) == [99, 98, 97]
    assert await texts(limit=3, after=middle) == [101, 102, 103]
    assert await texts(limit=None, after=discord.Object(ids[0])) == list(range(1, 250))
    assert sorted(await texts(limit=5, around=middle)) == [98, 99, 100, 101, 102]
    assert (await channel.fetch_message(ids[7])).content == "7"


async def test_history_may_be_short() -> None:
    fake = FakeDiscord(history=3)
    ids = [fake.say(fake.general_id, str(number)) for number in range(10)]
    assert list(fake.world.state.channels[fake.general_id].posts) == ids[-3:]
    with pytest.raises(LookupError):
        fake.delete(ids[0])


async def test_refused_places(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    fake.forbid(fake.general_id)
    with pytest.raises(discord.Forbidden) as refused:
        await client.general.send("no")
    assert refused.value.code == 50013
    fake.forbid(fake.general_id, 50001)
    with pytest.raises(discord.Forbidden) as refused:
        [each async for each in client.general.history()]
    assert refused.value.code == 50001
    fake.allow(fake.general_id)
    await client.general.send("yes")
    with pytest.raises(discord.NotFound) as unknown:
        await client.fetch_channel(5)
    assert unknown.value.code == 10003


async def test_forbidden_channel_says_so_in_its_permissions(fake: FakeDiscord, connect: Any) -> None:
    fake.forbid(fake.general_id)
    client = await connect()
    assert not client.general.permissions_for(client.guilds[0].me).send_messages
    assert client.general.permissions_for(client.guilds[0].me).view_channel


async def test_direct_channel_is_opened(fake: FakeDiscord, connect: Any) -> None:
    fake.say(fake.general_id, "hi", author="bob")
    client = await connect()
    bob = await client.guilds[0].fetch_member(fake.user_id("bob"))
    await bob.send("psst")
    assert [each.content for each in fake.shown(fake.dm("bob"))] == ["psst"]
    fake.forbid(fake.dm("bob"), 50007)
    with pytest.raises(discord.Forbidden) as refused:
        await bob.send("psst")
    assert refused.value.code == 50007


async def test_reactions_and_typing(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    message = client.general.get_partial_message(fake.say(fake.general_id, "well?"))
    await message.add_reaction("👀")
    assert fake.reactions(message.id) == {"👀": ["parley"]}
    await fake.until(lambda: client.told("raw_reaction_add"))
    await message.remove_reaction("👀", client.user)
    assert fake.reactions(message.id) == {}
    async with client.general.typing():
        pass
    assert [channel for channel, _ in fake.typing] == [fake.general_id]


async def test_files_go_both_ways(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    said = fake.say(fake.general_id, "look", files=[("notes.txt", b"some notes", "text/plain")])
    await fake.until(lambda: client.texts)
    [attachment] = client.told("message")[0].attachments
    assert (attachment.filename, attachment.size, attachment.content_type) == ("notes.txt", 10, "text/plain")
    assert await attachment.read() == b"some notes"
    files = [discord.File(io.BytesIO(b"one"), "one.txt"), discord.File(io.BytesIO(b"two"), "two.md")]
    sent = await client.general.get_partial_message(said).reply("both", files=files, nonce="f")
    again = await client.general.get_partial_message(said).reply("both", files=files, nonce="f")
    assert sent.id == again.id
    assert fake.shown(fake.general_id)[0].files == (("one.txt", b"one"), ("two.md", b"two"))
    await sent.edit(attachments=[sent.attachments[1], discord.File(io.BytesIO(b"three"), "three.txt")])
    assert [name for name, _ in fake.shown(fake.general_id)[0].files] == ["two.md", "three.txt"]


async def test_file_that_never_was_is_not_found(http: aiohttp.ClientSession) -> None:
    async with http.get("https://cdn.discordapp.com/attachments/1/2/none.txt") as response:
        assert response.status == 404


async def test_voice_message(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    page = b"OggS\0\4" + (96_000).to_bytes(8, "little") + b"\0" * 14
    fake.say(fake.general_id, "", voice=page)
    await fake.until(lambda: client.texts == [""])
    message = client.told("message")[0]
    assert message.flags.voice
    assert message.attachments[0].is_voice_message()
    assert message.attachments[0].duration == 2.0
    assert await message.attachments[0].read() == page


async def test_components_v2(fake: FakeDiscord, connect: Any) -> None:
    class Panel(discord.ui.LayoutView):
        box = discord.ui.Container(
            discord.ui.TextDisplay("## Title"),
            discord.ui.Separator(),
            discord.ui.Section("@everyone", accessory=discord.ui.Button(label="Go", custom_id="go")),
        )

    client = await connect()
    await client.general.send(view=Panel(), allowed_mentions=NONE)
    [shown] = fake.shown(fake.general_id)
    assert (shown.content, shown.text) == ("", "## Title\n@everyone")
    assert shown.flags & 1 << 15
    assert shown.mentions_effective == ()
    flags = discord.MessageFlags(components_v2=True)
    params = discord.http.handle_message_parameters(content="both", flags=flags)
    with pytest.raises(discord.HTTPException) as refused:
        await client.http.send_message(fake.general_id, params=params)
    assert refused.value.code == 50035


async def test_media_of_components_have_addresses(fake: FakeDiscord, connect: Any) -> None:
    class Panel(discord.ui.LayoutView):
        picture = discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://one.png"))
        paper = discord.ui.File("attachment://two.txt")

    client = await connect()
    files = [discord.File(io.BytesIO(b"1"), "one.png"), discord.File(io.BytesIO(b"2"), "two.txt")]
    sent = await client.general.send(view=Panel(), files=files)
    gallery, paper = sent.components
    assert await client.http.get_from_cdn(gallery.items[0].media.url) == b"1"
    assert await client.http.get_from_cdn(paper.media.url) == b"2"


async def test_previews_are_fetched_unless_suppressed(fake: FakeDiscord, connect: Any) -> None:
    client = await connect()
    await client.general.send("https://evil.example/?q=1", suppress_embeds=True)
    await client.general.send("<https://evil.example/?q=2> `https://evil.example/?q=3`")
    assert fake.previews == []
    sent = await client.general.send("see [this](https://evil.example/?q=4)")
    assert fake.previews == ["https://evil.example/?q=4"]
    await sent.edit(content="https://evil.example/?q=5", suppress=True)
    assert len(fake.previews) == 1


async def test_bad_requests_are_refused_as_discord_does(
    fake: FakeDiscord, http: aiohttp.ClientSession, api: str
) -> None:
    url = f"{api}/channels/{fake.general_id}/messages"
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "a", "custom_id": "same"}] * 2}
    cases: list[tuple[Any, int]] = [
        ({"content": "x", "components": [row]}, 50035),
        ({"content": "x", "components": [{"type": 1, "components": []}]}, 50035),
        ({}, 50006),
    ]
    for body, code in cases:
        async with http.post(url, json=body) as response:
            assert (response.status, (await response.json())["code"]) == (400, code)
    async with http.post(url, data="{", headers={"Content-Type": "application/json"}) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)
    async with http.get(f"{api}/nothing/here") as response:
        assert response.status == 404
    async with http.get(url, params={"limit": "101"}) as response:
        assert response.status == 400
    async with http.get(f"{api}/users/@me", headers={"Authorization": "Bot wrong"}) as response:
        assert response.status == 401
        assert response.headers["Content-Type"] == "application/json"
    assert fake.posts == 0
    # The bodies were wrong on purpose.
    assert any("components" in each for each in fake.violations)
    fake.violations.clear()
