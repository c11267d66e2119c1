"""A message is reported to the moderators' channel, and only the reporter hears of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot import Call, EventKind
from bot.settings import Settings
from bot.testing import Harness, open_harness


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, plugin={"report": {"channel": "test:moderators"}})


async def test_a_reported_message_reaches_the_moderators_with_its_reason(harness: Harness) -> None:
    rude = harness.message("you are all fools\nall of you", author="bob", direct=False)
    await harness.hand_in(rude)
    asking = replace(harness.message("/report insult", direct=False), reply_to=rude.key)
    thanks, notice = await harness.hand_in(asking)
    assert (thanks.to_asker, thanks.to) == (True, "")
    assert (notice.to, notice.to_asker) == ("test:moderators", False)
    assert "**Reported** by Ann in test:room: a message of Bob" in notice.text
    assert "> you are all fools\n> all of you" in notice.text
    assert "Reason: insult" in notice.text


async def test_from_the_menu_of_a_message_no_reason_is_needed(harness: Harness) -> None:
    rude = replace(harness.message("you fools", author="bob", direct=False), kind=EventKind.SEEN)
    await harness.hand_in(rude)
    asking = replace(harness.message("", direct=False), call=Call("report"), reply_to=rude.key)
    _, notice = await harness.hand_in(asking)
    assert "> you fools" in notice.text
    assert "Reason" not in notice.text


async def test_without_a_message_it_says_how(harness: Harness) -> None:
    assert "Reply to it with /report" in await harness.say("/report")


async def test_without_a_moderators_channel_it_is_not_offered(tmp_path: Path) -> None:
    async with open_harness(Settings(data_dir=tmp_path)) as harness:
        assert "There is no /report here" in await harness.say("/report")
