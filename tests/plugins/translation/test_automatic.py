"""Where the operator says so, what people write is posted in the other languages, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.settings import ChannelRule, LimitSettings, Settings
from bot.testing import RecordingConnector, open_harness

GERMAN = "Guten Morgen zusammen, wir treffen uns heute um zehn Uhr im Büro"
ENGLISH = "Good morning everyone, we meet at ten in the office today"
FRENCH = "Bonjour à tous, comment allez-vous aujourd'hui mes amis ?"
PAIR = {"match": "test:room*", "languages": ["English", "de"]}


class Linked(RecordingConnector):
    def link(self, conversation: str, key: str) -> str:
        return f"https://chat.example/{key}"


def settings(folder, *rules, **more) -> Settings:
    limits = LimitSettings(person_per_minute=0, channel_per_minute=0)
    return Settings(
        data_dir=folder, limits=limits, plugin={"translation": {"automatic": list(rules)}}, **more
    )


@pytest.fixture
async def harness(tmp_path):
    async with open_harness(settings(tmp_path, PAIR), Linked()) as running:
        await running.watched()
        yield running


async def posts(harness, text, *, author="ann", **where):
    """What is posted after somebody wrote something."""
    message = harness.message(text, author=author, direct=False, **where)
    await harness.hand_in(message)
    return message, await harness.watched()


async def test_each_of_two_languages_is_posted_in_the_other(harness):
    message, (reply,) = await posts(harness, GERMAN)
    assert reply.text == (
        "**Ann** · *German → English, by the small built-in model* · "
        f"[message](https://chat.example/{message.key})\n\n[en] {GERMAN}"
    )
    assert reply.to == "test:room"
    _, (reply,) = await posts(harness, ENGLISH, author="bob", thread="t1")
    assert reply.text.endswith(f"[de] {ENGLISH}")
    assert reply.to == "test:room/t1"


@pytest.mark.parametrize(
    "text",
    [FRENCH, "https://example.org 🎉", "```\nGuten Morgen\n```", "/help me please", "🎉🎉", "xqzzt vrrk"],
)
async def test_what_is_not_in_these_languages_or_no_prose_is_left_alone(harness, text):
    assert (await posts(harness, text))[1] == []


async def test_other_channels_bots_edits_and_late_messages_are_left_alone(harness):
    assert (await posts(harness, GERMAN, channel="other"))[1] == []
    machine = harness.message(GERMAN, direct=False)
    await harness.hand_in(replace(machine, author=replace(machine.author, is_bot=True)))
    late = harness.message(GERMAN, direct=False)
    await harness.hand_in(replace(late, sent_at=late.sent_at - timedelta(minutes=20)))
    await harness.hand_in(harness.message(GERMAN, channel="room-of-one"))
    assert await harness.watched() == []
    message, (_,) = await posts(harness, GERMAN)
    await harness.hand_in(harness.edit(message, GERMAN + " und mehr"))
    assert await harness.watched() == []


async def test_what_stays_stays_and_an_unfaithful_translation_is_not_posted(harness, monkeypatch):
    async def losing(texts, **_):
        return ["gone" for _ in texts]

    _, (reply,) = await posts(harness, f"{GERMAN} <@12> `x`")
    assert reply.text.endswith(f"[en] {GERMAN} <@12> `x`")
    monkeypatch.setattr(harness.models, "translate", losing)
    assert (await posts(harness, "Guten Morgen zusammen <@12>, wie geht es euch denn heute"))[1] == []


async def test_without_a_model_nothing_is_posted(harness):
    harness.models.down = True
    assert (await posts(harness, GERMAN))[1] == []


async def test_a_channel_in_which_translation_is_off_is_left_alone(tmp_path):
    rules = (ChannelRule(match="test:room", disable=("translation",)),)
    async with open_harness(settings(tmp_path, PAIR, channels=rules)) as harness:
        await harness.watched()
        assert (await posts(harness, GERMAN))[1] == []


async def test_without_languages_people_read_what_others_write_in_theirs(tmp_path):
    async with open_harness(settings(tmp_path, {"match": "test:*"})) as harness:
        await harness.watched()
        assert (await posts(harness, GERMAN, author="ann"))[1] == []
        _, (first,) = await posts(harness, ENGLISH, author="bob")
        assert first.text.endswith(f"[de] {ENGLISH}")
        _, (second,) = await posts(harness, FRENCH, author="cat")
        assert f"[de] {FRENCH}" in second.text
        assert f"[en] {FRENCH}" in second.text
        assert (await posts(harness, GERMAN, author="dan", channel="other"))[1] == []


async def test_it_is_off_by_default(tmp_path):
    async with open_harness(Settings(data_dir=tmp_path)) as harness:
        assert [each.plugin for each in harness.bot.plugins.observers if each.plugin == "translation"] == []


@pytest.mark.parametrize("languages", [["de"], ["de", "German"], ["Klingonish", "de"]])
def test_a_rule_that_makes_no_sense_switches_the_plugin_off_with_a_reason(tmp_path, languages):
    from bot.loader import load_plugins

    plugins = load_plugins(settings(tmp_path, {"match": "test:*", "languages": languages}))
    assert "automatic" in plugins.found["translation"].broken
