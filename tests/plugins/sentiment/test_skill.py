"""The mood of texts, channels and people, as people ask for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot import Call
from bot.settings import Settings
from bot.testing import Harness

MODERATED = {"sentiment": {"monitored": ["test:room*"], "channel": "test:moderators", "dry_run": False}}


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, plugin=MODERATED)


async def hear(harness: Harness, *texts: str, author: str = "bob", room: str = "room") -> None:
    for text in texts:
        await harness.hand_in(harness.message(text, author=author, channel=room, direct=False))
    await harness.watched()


async def test_a_text_has_its_mood_and_the_words_that_decided(harness: Harness) -> None:
    answer = await harness.say("/mood I love this great place")
    assert "**Positive**, with a probability of" in answer
    assert "Decisive: love, great" in answer


@pytest.mark.parametrize("text", ["?!", "...", "👍"])
async def test_what_has_no_words_is_refused(harness: Harness, text: str) -> None:
    assert "There are no words to judge" in await harness.say(f"/mood {text}")


async def test_a_long_text_and_an_endless_word_are_judged(harness: Harness) -> None:
    assert "**Neutral**" in await harness.say(f"/mood {'a' * 50_000}")
    assert "**Positive**" in await harness.say(f"/mood {'great ' * 10_000}")


async def test_without_models_it_says_so(harness: Harness) -> None:
    harness.models.down = True
    assert "The models cannot answer now" in await harness.say("/mood I love it")


async def test_the_mood_of_a_message_by_reply_and_menu(harness: Harness) -> None:
    said = harness.message("this is terrible, I hate it", author="bob", direct=False)
    await harness.hand_in(said)
    by_reply = replace(harness.message("/mood", direct=False), reply_to=said.key)
    by_menu = replace(harness.message("", direct=False), reply_to=said.key, call=Call("mood"))
    for asking in (by_reply, by_menu):
        (reply,) = await harness.hand_in(asking)
        assert reply.text.startswith("**Negative**")
        assert reply.to_asker


async def test_a_watched_channel_shows_how_it_went(harness: Harness) -> None:
    await hear(harness, "great work, thanks", "I love it", "this is terrible")
    (reply,) = await harness.hand_in(harness.message("/mood here today", direct=False))
    assert "**The mood of this channel, today**: rather good" in reply.text
    assert "3 messages: 67 % positive and 33 % negative." in reply.text


async def test_a_channel_that_is_not_watched_is_scored_when_asked(harness: Harness) -> None:
    await hear(harness, "great work", "terrible idea", room="hall")
    (reply,) = await harness.hand_in(harness.message("/mood here", channel="hall", direct=False))
    assert "2 messages: 50 % positive and 50 % negative." in reply.text


async def test_an_empty_channel_says_what_to_try(harness: Harness) -> None:
    (reply,) = await harness.hand_in(harness.message("/mood here", channel="hall", direct=False))
    assert "Nothing was said there" in reply.text


async def test_the_mood_of_others_is_for_moderators(harness: Harness) -> None:
    await hear(harness, "I hate this broken thing", "great")
    (refused,) = await harness.hand_in(harness.message("/mood @Bob today", author="eve", direct=False))
    assert "Only moderators may see that" in refused.text
    (shown,) = await harness.hand_in(
        harness.message("/mood @Bob today", author="mod", channel="moderators", direct=False)
    )
    assert "**The mood of @Bob, today**" in shown.text
    assert "2 messages" in shown.text
    (mine,) = await harness.hand_in(harness.message("/mood me today", author="bob", direct=False))
    assert "**The mood of your messages, today**" in mine.text


async def test_a_person_nobody_knows_is_told(harness: Harness) -> None:
    (reply,) = await harness.hand_in(
        harness.message("/mood @Nobody", author="mod", channel="moderators", direct=False)
    )
    assert "Nobody called Nobody has written" in reply.text


async def test_an_edit_is_scored_again_and_a_deletion_forgotten(harness: Harness) -> None:
    first = harness.message("great", author="bob", direct=False)
    second = harness.message("thanks", author="bob", direct=False)
    for event in (first, second, harness.edit(first, "terrible"), harness.delete(second)):
        await harness.hand_in(event)
    await harness.watched()
    (reply,) = await harness.hand_in(harness.message("/mood here today", author="bob", direct=False))
    assert "1 message: 0 % positive and 100 % negative." in reply.text
