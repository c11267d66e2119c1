"""What the core asks of a connector: a way in from a platform and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.message import Message, Reply

if TYPE_CHECKING:
    from bot.app import Bot


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One part of a reply on its way out.

    `key` is the same however often it is tried, so that a platform which drops repeated keys shows it
    once. `message` is the event it answers (without its text). `attempt` counts from 1.
    """

    key: str
    message: Message
    reply: Reply
    attempt: int


class Connector(ABC):
    """A way in. `platform` is the first part of its conversations' keys.

    `delivers_once` says that sending a key twice shows it once; for others the core marks each attempt
    durably first and asks `find` before it sends again. All but `run` and `send` have defaults.
    """

    platform: str
    delivers_once: bool = False

    @abstractmethod
    async def run(self, bot: Bot) -> None:
        """Carry events to `bot.accept` until cancelled, and acknowledge each only after that returns."""

    @abstractmethod
    async def send(self, outgoing: Outgoing) -> str:
        """Deliver one part and return the platform's id for it.

        Raises RetryLater, Refused or Uncertain; anything else counts as Uncertain.
        """

    def split(self, reply: Reply) -> list[Reply]:
        """The parts a reply is sent in, in order: several where the platform limits a message's length."""
        return [reply]

    async def find(self, outgoing: Outgoing) -> str | None:
        """The platform's id of this part if it was delivered before, else None."""
        return None

    async def show_typing(self, message: Message) -> None:  # noqa: B027 - a default, not a duty
        """A sign of life: someone's message is being worked on."""

    async def show_draft(self, message: Message, text: str) -> None:  # noqa: B027
        """What a skill has written so far; each draft replaces the one before."""
