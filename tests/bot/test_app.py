"""The life of a message in a running bot."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot import Reply, hookimpl
from bot.errors import TooLarge
from bot.settings import ChannelRule, LaneSettings, LimitSettings, PluginsSettings, RouterSettings, Settings
from bot.testing import Harness, open_harness
from bot.testing.platform import SKILLS
from storage import Decision, InboxState

FIXTURES = Path(__file__).parent.parent / "fixtures" / "plugins"


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    return settings(tmp_path)


def settings(tmp_path: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "data_dir": tmp_path,
        "limits": LimitSettings(person_per_minute=0, channel_per_minute=0),
        "plugins": PluginsSettings(paths=(SKILLS, FIXTURES / "failing_hooks.py")),
    }
    return Settings(**values | changes)


async def last_decision(harness: Harness) -> Decision:
    conversation = await harness.bot.store.history.conversation("test:room")
    assert conversation is not None
    return (await harness.bot.store.inbox.decisions(conversation.id))[0]


async def test_a_skill_answers_and_failing_hooks_do_not_matter(harness: Harness) -> None:
    assert await harness.say("echo who?") == "who?"
    assert await harness.say("/echo who?") == "who?"


async def test_drafts_are_shown_before_the_reply(harness: Harness) -> None:
    assert await harness.say("spell one two three") == "one two three"
    assert harness.connector.drafts == ["one", "one two", "one two three"]
    assert len(harness.connector.typing) == 1


async def test_why_tells_the_route_of_the_message_before(harness: Harness) -> None:
    assert "nothing to explain" in await harness.say("/why")
    await harness.say("echo who?")
    assert await harness.say("/why") == "echo was named in the message."


async def test_help_shows_skills_and_one_page_each(harness: Harness) -> None:
    overview = await harness.say("help")
    assert "`/echo TEXT…`: Say the same again." in overview
    assert "`/wait SECONDS [TEXT…]`" in await harness.say("help wait")
    assert "no skill 'nosuch'" in await harness.say("/help nosuch")


async def test_empty_message_is_answered_with_what_to_do(harness: Harness) -> None:
    assert "Your message is empty" in await harness.say("  \n ")


async def test_people_talking_to_each_other_are_left_alone_but_observed(harness: Harness) -> None:
    message = harness.message("nice weather", direct=False)
    assert await harness.hand_in(message) == []
    assert await harness.finished(message.key) is InboxState.NO_REPLY_NEEDED
    assert (await last_decision(harness)).reason == "not addressed to the bot"
    assert message.key in {each.key for each in sys.modules["local_plugins.skills"].seen}


async def test_bots_are_not_answered(harness: Harness) -> None:
    message = harness.message("echo loop")
    message = replace(message, author=replace(message.author, is_bot=True))
    assert await harness.hand_in(message) == []


async def test_reply_hook_may_replace_the_reply(harness: Harness) -> None:
    @hookimpl
    async def reply_ready(reply: Reply) -> Reply:
        return Reply(reply.text.upper(), skill=reply.skill)

    harness.bot.plugins.add("shout", "test", lambda: SimpleNamespace(reply_ready=reply_ready))
    assert await harness.say("echo hey") == "HEY"


async def test_limit_is_told_and_its_event_is_terminal(tmp_path: Path) -> None:
    limited = settings(tmp_path, limits=LimitSettings(person_per_minute=1))
    async with open_harness(limited) as harness:
        assert await harness.say("echo one") == "one"
        assert "Try again in" in await harness.say("echo two")
        assert (await last_decision(harness)).state is InboxState.EXPIRED
        assert await harness.say("echo three", author="bob") == "three"


async def test_what_waited_too_long_is_not_answered(tmp_path: Path) -> None:
    async with open_harness(settings(tmp_path, lanes=LaneSettings(expire_seconds=1e-6))) as harness:
        message = harness.message("echo late")
        assert await harness.hand_in(message) == []
        assert await harness.finished(message.key) is InboxState.EXPIRED


async def test_channel_rules_switch_skills_and_plugins_off(tmp_path: Path) -> None:
    rules = (ChannelRule(match="test:quiet*", disable=("echo", "help")),)
    async with open_harness(settings(tmp_path, channels=rules)) as harness:
        assert await harness.say("/echo hi") == "hi"
        assert "There is no /echo here" in await harness.say("/echo hi", channel="quiet-room")
        assert "There is no /why here" in await harness.say("/why", channel="quiet-room")


async def test_oversized_message_is_refused_before_it_is_stored(harness: Harness) -> None:
    with pytest.raises(TooLarge, match="64 KiB"):
        await harness.bot.accept(harness.message("字" * 30_000))
    assert (await harness.bot.store.health()).messages == 0


async def test_without_a_skill_that_fits_it_says_what_it_can(tmp_path: Path) -> None:
    async with open_harness(settings(tmp_path, router=RouterSettings(fallback=""))) as harness:
        answer = await harness.say("where is the office?")
        assert answer.startswith("I can't do that; here is what I can:")
        assert "`/echo TEXT…`" in answer


async def test_stopping_lets_work_in_progress_end_and_leaves_the_rest(tmp_path: Path) -> None:
    async with open_harness(settings(tmp_path)) as harness:
        running = harness.message("wait 0.5 done")
        waiting = harness.message("echo later")
        await harness.bot.accept(running)
        await harness.bot.accept(waiting)
        await asyncio.sleep(0.2)
    async with open_harness(settings(tmp_path)) as harness:
        assert await harness.finished(running.key) is InboxState.ANSWERED
        assert await harness.finished(waiting.key) is InboxState.ANSWERED
        texts = [sent.reply.text for sent in harness.connector.sent.values()]
        assert texts == ["later"]


async def test_work_that_outlasts_the_drain_is_given_back_and_done_next_time(tmp_path: Path) -> None:
    slow = settings(tmp_path, lanes=LaneSettings(drain_seconds=0.1))
    async with open_harness(slow) as harness:
        message = harness.message("wait 1 done")
        await harness.bot.accept(message)
        await asyncio.sleep(0.3)
    async with open_harness(slow) as harness:
        assert await harness.finished(message.key) is InboxState.ANSWERED
        assert [sent.reply.text for sent in harness.connector.sent.values()] == ["done"]
