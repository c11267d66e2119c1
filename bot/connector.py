"""What the core asks of a connector: a way in from a platform and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.errors import BadInput
from bot.message import Attachment, Channel, Message, Reply

if TYPE_CHECKING:
    from bot.app import Bot


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One part of a reply on its way out.

    `key` is the same however often it is tried, so that a platform which drops repeated keys shows it
    once. `message` is the event it answers (without its text); for what observers and jobs say, which
    answers none, a message by nobody where it goes. `attempt` counts from 1; `written_at`
    is when the part was written to the outbox, `tried_at` when it was first tried, if it was.
    """

    key: str
    message: Message
    reply: Reply
    attempt: int
    written_at: datetime
    tried_at: datetime | None = None

    @property
    def channel(self) -> Channel:
        """Where it goes: where it was asked, or the conversation the reply names."""
        return Channel.named(self.reply.to) if self.reply.to else self.message.channel


class Connector(ABC):
    """A way in. `platform` is the first part of its conversations' keys.

    `delivers_once` says that sending a key twice shows it once; for others the core marks each attempt
    durably first and, `grace_seconds` after an unknown outcome, asks `find` before it sends again.
    `account` names whose account it uses: of connectors with the same account on one database, one
    runs at a time and the others stand by; empty, any number may run.
    All but `run` and `send` have defaults.
    """

    platform: str
    account: str = ""
    delivers_once: bool = False
    grace_seconds: float = 1.0

    @abstractmethod
    async def run(self, bot: Bot) -> None:
        """Carry events to `bot.accept` until cancelled, and acknowledge each only after that returns.

        Raises SignInRefused when the platform will not let it in however often it tries: then this
        connector stops and the others go on. After any other failure it is started again.
        """

    @abstractmethod
    async def send(self, outgoing: Outgoing) -> str:
        """Deliver one part and return the platform's id for it: the key its message would have here.

        Raises RetryLater, Refused or Uncertain; anything else counts as Uncertain.
        """

    def status(self) -> str:
        """Its state in words any stranger may read; `ok` when events come in."""
        return "ok"

    def split(self, reply: Reply) -> list[Reply]:
        """The parts a reply is sent in, in order: several where the platform limits a message's length."""
        return [reply]

    async def pace(self, outgoing: Outgoing) -> None:  # noqa: B027 - a default, not a duty
        """Wait until the platform's limits let this part go."""

    async def find(self, outgoing: Outgoing) -> str | None:
        """The platform's id of this part if it was delivered before, else None."""
        return None

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        """The bytes of a file that stayed on the platform.

        Raises TooLarge over `limit` bytes, BadInput when the file is gone or may not be read.
        """
        raise BadInput(f"The file {attachment.name!r} is not there any more.")

    def link(self, conversation: str, key: str) -> str:
        """The address at which people find a message, or nothing where messages have none."""
        return ""

    def community(self, conversation: str) -> str:
        """The guild or workspace a conversation belongs to, such as `discord:GUILD`; else its channel."""
        return conversation.partition("/")[0]

    def key_at(self, address: str) -> str:
        """The key of the message that an address of this platform leads to; empty for any other address."""
        return ""

    async def show_typing(self, message: Message) -> None:  # noqa: B027
        """A sign of life: someone's message is being worked on."""

    async def show_draft(self, message: Message, text: str, key: str) -> None:  # noqa: B027
        """What a skill has written so far; each draft replaces the one before.

        `key` is the key under which the first part of the finished reply will be sent.
        """
