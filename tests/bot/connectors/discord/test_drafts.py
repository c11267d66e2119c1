"""What is written so far is shown by edits, within limits, and becomes the answer."""

import asyncio
from itertools import pairwise

import pytest

from bot.app import Bot
from bot.connectors.discord.drafts import Drafts
from bot.connectors.discord.rendering import DRAFT_MARK, Rendered
from bot.errors import Uncertain
from bot.settings import Settings
from bot.testing.discord import FakeDiscord
from tests.bot.connectors.discord.conftest import answers, finished, open_bot, until

WORDS = " ".join(f"word{number}" for number in range(30))


async def test_a_draft_grows_into_the_answer_in_one_message(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    number = discord.say(where, "/story 60")
    [draft] = await answers(discord, where)
    assert draft.content.endswith(DRAFT_MARK.strip())
    await finished(bot, f"discord:{number}")
    [answer] = discord.shown(where)
    assert answer.id == draft.id
    assert answer.content.split() == [f"word{each}" for each in range(60)]
    edits = sum(method == "PATCH" for method, _, _ in discord.requests)
    assert 2 <= edits <= 6


async def test_a_draft_stands_in_the_thread_begun_for_it(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "/story 30", mention_bot=True)
    [draft] = await answers(discord, number)
    await finished(bot, f"discord:{number}")
    assert [(each.id, each.content) for each in discord.shown(number)] == [(draft.id, WORDS)]


async def test_a_draft_of_a_command_fills_its_place(bot: Bot, discord: FakeDiscord) -> None:
    await until(lambda: discord.commands)
    interaction = discord.slash("story", {"words": 30})
    await interaction.answered()
    assert (interaction.content or "").endswith(DRAFT_MARK.strip())
    await finished(bot, f"discord:{interaction.id}")
    assert interaction.content == WORDS


async def test_a_draft_left_by_a_crash_becomes_the_answer(settings: Settings, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    settings = settings.model_copy(
        update={"lanes": settings.lanes.model_copy(update={"drain_seconds": 0.0, "lease_seconds": 0.5})}
    )
    async with open_bot(settings, discord):
        number = discord.say(where, "/story 40")
        [draft] = await answers(discord, where)
    assert discord.shown(where)[0].content.endswith(DRAFT_MARK.strip())
    async with open_bot(settings, discord) as bot:
        await finished(bot, f"discord:{number}")
    [answer] = discord.shown(where)
    assert answer.id == draft.id
    assert len(answer.content.split()) == 40
    assert DRAFT_MARK.strip() not in answer.content


async def test_a_draft_disappears_with_its_question(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    number = discord.say(where, "/story 200")
    await answers(discord, where)
    discord.delete(number)
    await until(lambda: not discord.shown(where))
    await finished(bot, f"discord:{number}")
    assert discord.shown(where) == []


async def test_edits_leave_room_for_answers() -> None:
    moment, shown = 100.0, []

    async def show(rendered: Rendered, posted: str | None) -> str | None:
        shown.append((moment, rendered.content))
        return "1"

    async with asyncio.TaskGroup() as group:
        drafts = Drafts(group, lambda: moment)
        for step in range(200):
            moment = 100.0 + step / 10
            drafts.show("key|x|1", "channel", f"text {step}", show)
            drafts.show("other|x|1", "channel", f"other {step}", show)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert await drafts.finish("key|x|1") == "1"
        drafts.show("key|x|1", "channel", "too late", show)
    for start in range(100, 115):
        assert 1 <= sum(start <= at < start + 5 for at, _ in shown) <= 4
    own = [at for at, text in shown if text.startswith("text")]
    assert min(b - a for a, b in pairwise(own)) >= 1
    assert not any("late" in text for _, text in shown)


async def test_a_draft_that_cannot_be_shown_is_left_out() -> None:
    async def show(rendered: Rendered, posted: str | None) -> str | None:
        raise Uncertain("no answer")

    async with asyncio.TaskGroup() as group:
        drafts = Drafts(group)
        drafts.show("key|x|1", "channel", "text", show)
        assert await drafts.finish("key|x|1") is None


@pytest.mark.parametrize("direct", [True, False])
async def test_what_is_for_one_alone_is_not_drafted_in_public(
    bot: Bot, discord: FakeDiscord, direct: bool
) -> None:
    where = discord.dm("ann") if direct else discord.general_id
    number = discord.say(where, "/secret 30", mention_bot=not direct)
    await finished(bot, f"discord:{number}")
    assert discord.shown(discord.general_id) == []
    assert number not in discord.world.state.channels
    assert [each.content for each in discord.shown(discord.dm("ann"))] == [WORDS]
