"""What becomes of calls, spoken messages, quoted messages, files, reactions and replies for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot import Attachment, Author, Call, Context, EventKind, Message, Reply, Skill, hookimpl, skill
from bot.message import Channel
from bot.settings import ChannelRule, RouterSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness
from bot.testing.platform import platform_settings
from storage import InboxState, NewAttachment


@skill
async def hear(context: Context) -> Reply:
    """Write down what was said."""
    words = (await context.files.read(context.message.attachments[0])).decode()
    return Reply(f"> {words}" if words else "I understood nothing.", heard=words)


@skill(to_asker=True, menu="Whisper it")
async def whisper(context: Context, text: str) -> str:
    """Say it to the asker alone."""
    return f"psst: {text}"


@skill
async def tell(context: Context, place: str, text: str) -> Sequence[Reply]:
    """Say something in another conversation, too."""
    return [Reply("told"), Reply(text, to=place)]


@skill
async def count(context: Context, upto: int) -> Sequence[Reply]:
    """Count, one message each."""
    return [Reply(str(number)) for number in range(1, upto + 1)]


@skill
async def quote(context: Context) -> str:
    """Say what was replied to."""
    said = await context.history.quoted()
    return f"{said.author}: {said.text}" if said else "nothing"


@skill(to_asker=True, reactions={"🐶": {"voice": "woof"}, "❤": {"voice": "aww"}})
async def react(context: Context, voice: str) -> str | None:
    """Say something about the message that somebody reacted to."""
    said = await context.history.quoted()
    return f"{voice}, {said.author}: {said.text}" if said else None


@skill
async def recount(context: Context) -> str:
    """Say everything from the message replied to on."""
    said = await context.history.since(context.message.reply_to or "")
    return " / ".join(each.text for each in said)


class Filing(RecordingConnector):
    """A platform that keeps the bytes of files."""

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        return attachment.source.encode()

    async def send(self, outgoing: object) -> str:
        await super().send(outgoing)  # type: ignore[arg-type]
        return f"test:post-{len(self.sent)}"


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    for each in (hear, whisper, tell, count, quote, react, recount):
        register(each)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    settings: Settings = platform_settings(tmp_path).model_copy(
        update={"router": RouterSettings(voice="hear")}
    )
    async with open_harness(settings, Filing()) as running:
        running.bot.plugins.add("more", "test", lambda: SimpleNamespace(register_skills=register_skills))
        yield running


def texts(replies: list[Reply]) -> list[str]:
    return [each.text for each in replies]


def spoken(harness: Harness, words: str, **where: object) -> Message:
    file = Attachment("clip-1", "voice.ogg", "audio/ogg", 10, source=words, is_voice=True)
    return replace(harness.message("", **where), attachments=(file,))  # type: ignore[arg-type]


# --- calls by name ---


async def test_a_call_needs_no_text_to_be_parsed(harness: Harness) -> None:
    call = Call("wait", (("text", 'with "quotes" and\nlines'), ("seconds", "0")))
    message = replace(harness.message("/wait", direct=False), call=call)
    assert texts(await harness.hand_in(message)) == ['with "quotes" and\nlines']


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("wait", (("seconds", "soon"),)), "must be a number"),
        (Call("wait"), "Seconds is missing. Usage: wait SECONDS [TEXT…]"),
        (Call("nosuch"), "/nosuch is not switched on here"),
    ],
)
async def test_a_call_that_does_not_fit_is_explained(harness: Harness, call: Call, words: str) -> None:
    message = replace(harness.message("/x"), call=call)
    assert words in "\n".join(texts(await harness.hand_in(message)))


async def test_a_call_upon_a_message_gets_its_text(harness: Harness) -> None:
    seen = replace(harness.message("good news", direct=False), kind=EventKind.SEEN)
    await harness.hand_in(seen)
    assert await harness.finished(seen.key) is InboxState.NO_REPLY_NEEDED
    message = replace(harness.message("", direct=False), call=Call("whisper"), reply_to=seen.key)
    (reply,) = await harness.hand_in(message)
    assert (reply.text, reply.to_asker) == ("psst: good news", True)


# --- spoken ---


async def test_what_was_spoken_is_shown_and_then_answered(harness: Harness) -> None:
    message = spoken(harness, "echo hello there")
    assert texts(await harness.hand_in(message)) == ["> echo hello there", "hello there"]
    kept = await harness.bot.store.history.message(message.key)
    assert kept is not None
    assert kept.text == "echo hello there"


async def test_what_people_speak_to_each_other_is_written_down_and_left_alone(harness: Harness) -> None:
    message = spoken(harness, "see you at noon", direct=False)
    assert texts(await harness.hand_in(message)) == ["> see you at noon"]
    assert [each.text for each in await harness.bot.store.history.search("noon", conversations=None)] != []


async def test_a_recording_without_words_ends_there(harness: Harness) -> None:
    assert texts(await harness.hand_in(spoken(harness, ""))) == ["I understood nothing."]


async def test_others_are_not_bothered_with_what_was_not_understood(harness: Harness) -> None:
    message = spoken(harness, "", direct=False)
    assert await harness.hand_in(message) == []
    assert await harness.finished(message.key) is InboxState.NO_REPLY_NEEDED


async def test_where_nobody_can_listen_it_is_said_to_who_asked(tmp_path: Path) -> None:
    settings = platform_settings(tmp_path).model_copy(update={"router": RouterSettings(voice="")})
    async with open_harness(settings, Filing()) as harness:
        (reply,) = await harness.hand_in(spoken(harness, "hello"))
        assert "cannot listen" in reply.text
        assert await harness.hand_in(spoken(harness, "hello", direct=False)) == []


async def test_files_in_storage_are_read_from_there(harness: Harness) -> None:
    file = Attachment("kept-1", "voice.ogg", "audio/ogg", 4, is_voice=True)
    message = replace(harness.message(""), attachments=(file,))
    await harness.bot.accept(message, [NewAttachment("kept-1", "voice.ogg", "audio/ogg", b"echo kept")])
    await harness.finished(message.key)
    assert [each.reply.text for each in harness.connector.sent.values()] == ["> echo kept", "kept"]


# --- replies for others ---


async def test_what_is_for_the_asker_alone_stays_out_of_the_shared_history(harness: Harness) -> None:
    message = harness.message("/whisper secret", direct=False)
    (reply,) = await harness.hand_in(message)
    assert reply.to_asker
    history = harness.bot.store.history
    assert [each.text for each in await history.recent("test:room")] == ["/whisper secret"]
    assert [each.text for each in await history.search("psst", conversations=None)] == []


async def test_in_a_direct_conversation_it_is_history_like_any_other(harness: Harness) -> None:
    await harness.say("/whisper secret")
    recent = await harness.bot.store.history.recent("test:room")
    assert [each.text for each in recent] == ["/whisper secret", "psst: secret"]


async def test_several_replies_of_one_skill_are_sent_in_order(harness: Harness) -> None:
    assert await harness.say("/count 3") == "1\n2\n3"


async def test_a_reply_may_go_to_another_conversation(harness: Harness) -> None:
    await harness.say("/tell test:moderators/7 look here")
    sent = {each.reply.text: each.channel for each in harness.connector.sent.values()}
    assert sent["told"] == Channel("test", "room", is_direct=True)
    assert sent["look here"] == Channel("test", "moderators", "7")
    assert "look here" not in [each.text for each in await harness.bot.store.history.recent("test:room")]


@pytest.mark.parametrize("place", ["nowhere:1", "nonsense"])
async def test_a_place_nobody_is_connected_to_is_told(harness: Harness, place: str) -> None:
    assert "nothing is connected there" in await harness.say(f"/tell {place} look here")


# --- quotes ---


async def test_a_skill_sees_what_was_replied_to(harness: Harness) -> None:
    first = harness.message("the printer is broken", direct=False)
    await harness.hand_in(first)
    message = replace(harness.message("/quote", author="bob", direct=False), reply_to=first.key)
    assert texts(await harness.hand_in(message)) == ["Ann: the printer is broken"]


async def test_a_reply_to_the_bot_is_found_by_the_platforms_id(harness: Harness) -> None:
    await harness.say("echo something wise")
    message = replace(harness.message("/quote"), reply_to="test:post-1")
    assert texts(await harness.hand_in(message)) == [": something wise"]


async def test_what_stands_in_another_channel_is_not_shown(harness: Harness) -> None:
    secret = harness.message("our secret", channel="private", direct=False)
    await harness.hand_in(secret)
    message = replace(harness.message("/quote", direct=False), reply_to=secret.key)
    assert texts(await harness.hand_in(message)) == ["nothing"]
    message = replace(harness.message("/recount", direct=False), reply_to=secret.key)
    assert "secret" not in "".join(texts(await harness.hand_in(message)))


async def test_everything_since_a_message_is_told_in_order(harness: Harness) -> None:
    said = [harness.message(text, direct=False) for text in ("one", "two", "three")]
    for message in said:
        await harness.hand_in(message)
    asking = replace(harness.message("/recount", direct=False), reply_to=said[1].key)
    assert texts(await harness.hand_in(asking)) == ["two / three"]


# --- reactions ---


async def test_a_thumb_under_an_answer_is_feedback_until_it_is_taken_away(harness: Harness) -> None:
    asking = harness.message("echo something wise")
    await harness.hand_in(asking)
    answer = f"{asking.key}|echo|1"
    thumb = replace(harness.message("👎"), kind=EventKind.REACTED, target="test:post-1")
    assert await harness.hand_in(thumb) == []
    assert [(each.author, each.value) for each in await harness.bot.store.feedback.of(answer)] == [
        ("ann", -1)
    ]
    away = replace(harness.message("👎"), kind=EventKind.UNREACTED, target="test:post-1")
    await harness.hand_in(away)
    assert await harness.bot.store.feedback.of(answer) == []


async def test_other_reactions_and_thumbs_for_people_are_no_feedback(harness: Harness) -> None:
    asking = harness.message("echo hi")
    await harness.hand_in(asking)
    for emoji, target in (("🎉", "test:post-1"), ("👍", asking.key), ("👍", "test:unknown")):
        await harness.hand_in(replace(harness.message(emoji), kind=EventKind.REACTED, target=target))
    assert await harness.bot.store.feedback.counts() == (0, 0)
    recent = await harness.bot.store.history.recent("test:room")
    assert [each.text for each in recent] == ["echo hi", "hi"]


@pytest.mark.parametrize(("emoji", "voice"), [("🐶", "woof"), ("❤️", "aww")])
async def test_an_emoji_calls_a_skill_upon_the_message_it_stands_under(
    harness: Harness, emoji: str, voice: str
) -> None:
    said = harness.message("look at my dog", author="bob", direct=False, thread="t1")
    await harness.hand_in(said)
    reaction = replace(
        harness.message(emoji, direct=False), kind=EventKind.REACTED, target=said.key, key="test:react-1"
    )
    (reply,) = await harness.hand_in(reaction)
    assert (reply.text, reply.to_asker, reply.skill) == (f"{voice}, Bob: look at my dog", True, "react")
    (sent,) = [each for each in harness.connector.sent.values() if each.message.key == reaction.key]
    assert sent.channel.thread == "t1"
    assert [each.text for each in await harness.bot.store.history.recent("test:room/t1")] == [said.text]
    again = await harness.hand_in(reaction)
    assert len(again) == 1


async def test_an_emoji_taken_away_a_bots_one_and_one_under_nothing_call_nothing(harness: Harness) -> None:
    said = harness.message("look at my dog", author="bob", direct=False)
    await harness.hand_in(said)
    away = replace(harness.message("🐶", direct=False), kind=EventKind.UNREACTED, target=said.key)
    machine = Author("robot", "Robot", is_bot=True)
    by_bot = replace(
        harness.message("🐶", direct=False), kind=EventKind.REACTED, target=said.key, author=machine
    )
    under_nothing = replace(
        harness.message("🐶", direct=False), kind=EventKind.REACTED, target="test:nowhere"
    )
    for each in (away, by_bot, under_nothing):
        assert await harness.hand_in(each) == []


async def test_an_emoji_of_a_skill_that_is_switched_off_calls_nothing(tmp_path: Path) -> None:
    settings: Settings = platform_settings(tmp_path).model_copy(
        update={"channels": (ChannelRule(match="test:*", disable=("react",)),)}
    )
    async with open_harness(settings, Filing()) as harness:
        harness.bot.plugins.add("more", "test", lambda: SimpleNamespace(register_skills=register_skills))
        said = harness.message("look at my dog", author="bob", direct=False)
        await harness.hand_in(said)
        reaction = replace(harness.message("🐶", direct=False), kind=EventKind.REACTED, target=said.key)
        assert await harness.hand_in(reaction) == []
