"""The whole bot without a network, for us and for plugin authors.

In a test folder's conftest.py: `pytest_plugins = ["bot.testing"]`. Then::

    async def test_echo(harness):
        assert await harness.say("echo who?") == "who?"

`harness` is a real bot with real SQLite in a temporary folder and fake models. To load your plugin or
change settings, define a fixture `harness_settings` in your tests that returns a Settings.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.settings import LimitSettings, Settings
from bot.testing.fakes import FakeModels, RecordingConnector
from bot.testing.harness import Harness, open_harness

__all__ = ["FakeModels", "Harness", "RecordingConnector", "harness", "harness_settings", "open_harness"]


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    """Settings of the bot under test; redefine it to change them."""
    return Settings(data_dir=tmp_path, limits=LimitSettings(person_per_minute=0, channel_per_minute=0))


@pytest.fixture
async def harness(harness_settings: Settings) -> AsyncIterator[Harness]:
    """A running bot to talk to."""
    async with open_harness(harness_settings) as running:
        yield running
