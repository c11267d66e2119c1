"""Help lists the skills, explains one, and puts the next step a press away."""

from pathlib import Path

import pytest

from bot import Button, Look
from bot.settings import PluginsSettings, Settings
from bot.testing import Harness

PAINT = Path(__file__).parents[1] / "fixtures" / "plugins" / "paint.py"


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, plugins=PluginsSettings(paths=(PAINT,)))


async def test_help_offers_help_on_skills_that_take_a_text(harness: Harness) -> None:
    (overview,) = await harness.ask("/help")
    assert overview.text.startswith("Ask me a question in your own words, or use:")
    assert "- `/ask QUESTION…`" in overview.text
    assert Button("Help on ask", "/help ask") in overview.controls
    assert 1 <= len(overview.controls) <= 3
    for button in overview.controls:
        assert isinstance(button, Button)
        assert button.command[6:] in await harness.say(button.command)


async def test_help_on_a_skill_offers_to_use_it(harness: Harness) -> None:
    (page,) = await harness.ask("/help paint")
    assert page.controls == (Button("Use paint", "/paint", Look.PRIMARY, asks=True),)
    (page,) = await harness.ask("/help why")
    assert page.controls == ()


async def test_an_unknown_topic_is_told(harness: Harness) -> None:
    assert "There is no skill 'nosuch' here" in await harness.say("/help nosuch")
