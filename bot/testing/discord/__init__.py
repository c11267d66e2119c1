"""A Discord on loopback for the real discord.py: REST, gateway and files on one TLS port, with faults.

In a test::

    async with FakeDiscord().serving() as discord:
        client = Client(intents=..., connector=discord.connector())
        ...
        discord.say(discord.general_id, "hello", mention_bot=True)
        [answer] = await discord.answers(discord.general_id)
"""

from bot.testing.discord.face import FakeDiscord
from bot.testing.discord.faults import Answer, Dice
from bot.testing.discord.interactions import Interaction
from bot.testing.discord.loopback import loopback_connector
from bot.testing.discord.shown import Shown

__all__ = ["Answer", "Dice", "FakeDiscord", "Interaction", "Shown", "loopback_connector"]
