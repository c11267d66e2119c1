"""The step between a payload that was read and its acknowledgement."""

from __future__ import annotations

from bot.app import Bot
from bot.errors import ParleyError
from bot.message import Message
from storage import Accepted, StorageError

UNREADABLE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What a payload raises that is not what Slack describes."""


class NotTaken(Exception):
    """A message that was read well could not be made durable; its cause is a fault of the bot's."""


async def commit(bot: Bot, message: Message) -> Accepted:
    """Make a message durable. Raises StorageError or NotTaken, and then it must come again; TooLarge."""
    try:
        return await bot.accept(message)
    except (ParleyError, StorageError):
        raise
    except Exception as error:
        raise NotTaken(message.key) from error
