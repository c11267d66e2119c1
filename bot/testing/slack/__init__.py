"""A Slack on the loopback for tests with the real client libraries.

::

    async with FakeSlack().serving() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        slack.say(slack.general, "hello", mention_bot=True)
        ...
        assert slack.shown(slack.general)[-1].text == "hello"

It speaks the Web API, Socket Mode, signed HTTP events and response_url, keeps everything in memory, and
misbehaves as its dice and its faults say. What it sends is held against Slack's recorded samples where
these are present: `violations` stays empty.
"""

from bot.testing.slack.interactions import Interaction
from bot.testing.slack.server import FakeSlack
from bot.testing.slack.shares import Download
from bot.testing.slack.shown import Shown, ShownFile
from bot.testing.slack.state import Dice, Workspace

__all__ = ["Dice", "Download", "FakeSlack", "Interaction", "Shown", "ShownFile", "Workspace"]
