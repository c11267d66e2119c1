"""The terminal: one person, one conversation, one line at a time."""

from __future__ import annotations

import asyncio
import getpass
import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.app import Bot
from bot.connector import Connector, Outgoing
from bot.controls import CHOICES, Button, Control, said
from bot.errors import BadInput
from bot.message import Author, Channel, EventKind, Message, Reply, ReplyFile, now, unpack_reply
from storage import HistoryMessage, InboxState, Role

LOOK_SECONDS = 1.0  # another process may have answered: look into the database this often
HISTORY = 100  # messages among which the replies to a line are found
NUMBER = re.compile(r"[0-9]{1,3}")
FINISHED = frozenset(InboxState) - {InboxState.PENDING, InboxState.CLAIMED}


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be said by its number under an answer. With `usage`, its command is still to be filled in.

    `menu` is the prompt of the menu it is a line of.
    """

    label: str
    command: str
    menu: str = ""
    usage: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line's answer: the replies joined, what can be said by number, and how long it took in seconds.

    `begun` is what the person may go on typing.
    """

    reply: Reply
    seconds: float
    failed: bool = False
    offers: tuple[Offer, ...] = ()
    begun: str = ""


class TerminalConnector(Connector):
    """Carries lines in by `ask`. A reply is in the history before it is sent, so sending only wakes."""

    platform = "terminal"
    delivers_once = True

    def __init__(
        self, conversation: str | None = None, show_draft: Callable[[str], None] | None = None
    ) -> None:
        person = getpass.getuser()
        self.channel = Channel(self.platform, conversation or uuid.uuid4().hex[:12], is_direct=True)
        self._author = Author(person, person)
        self._show_draft = show_draft
        self._woken = asyncio.Event()

    async def run(self, bot: Bot) -> None:
        """Nothing comes in by itself: `ask` carries the lines."""
        await asyncio.Event().wait()

    async def send(self, outgoing: Outgoing) -> str:
        """Wake whoever waits for the answer."""
        self._woken.set()
        return outgoing.key

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Show what is written so far, where there is somewhere to show it."""
        if self._show_draft:
            self._show_draft(text)

    async def ask(self, bot: Bot, text: str) -> Exchange:
        """Hand one line in and wait for its answer. Bad input is an answer too; cancelling takes it back.

        A number alone says what stands at that number under the last answer.
        """
        began = time.monotonic()
        chosen = await self._chosen(bot, text)
        if chosen and chosen.usage:
            usage = Reply(f"Fill in: {chosen.usage}")
            return Exchange(usage, time.monotonic() - began, begun=f"{chosen.command} ")
        try:
            message = await self.hand_in(bot, chosen.command if chosen else text)
        except BadInput as error:
            return Exchange(Reply(str(error)), time.monotonic() - began, failed=True)
        try:
            reply = await self.answer(bot, message)
        except asyncio.CancelledError:
            await asyncio.shield(self.take_back(bot, message))
            raise
        return Exchange(reply, time.monotonic() - began, offers=self.offers(bot, reply))

    async def hand_in(self, bot: Bot, text: str, *, key: str = "") -> Message:
        """Make a line durable. Handing in the same key again changes nothing."""
        message = self._message(text, key=key)
        await bot.accept(message)
        return message

    async def answer(self, bot: Bot, message: Message) -> Reply:
        """Wait until the bot is done with a message; its replies joined, empty when there is none."""
        while not await self._finished(bot, message):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
        heard = await bot.store.history.recent(message.channel.conversation, limit=HISTORY)
        answers = [each for each in heard if each.role is Role.BOT and each.reply_to == message.key]
        kept = [file[0] for each in answers for file in each.attachments]
        found = [await bot.store.history.attachment(each) for each in kept]
        files = tuple(ReplyFile(*each) for each in found if each is not None)
        return replace(_answer_to(message.key, heard), files=files)

    def offers(self, bot: Bot, reply: Reply) -> tuple[Offer, ...]:
        """What can be said by number under a reply, from 1 on: each button, each line of a menu."""
        return tuple(offer for control in reply.controls for offer in self._offers(bot, control))

    async def take_back(self, bot: Bot, message: Message) -> None:
        """Delete a message: its work is cancelled and its text erased."""
        await bot.accept(self._message("", EventKind.DELETED, target=message.key))

    async def _chosen(self, bot: Bot, line: str) -> Offer | None:
        """What a number alone says. It is read from the history, so a later process knows it, too."""
        if not NUMBER.fullmatch(line.strip()):
            return None
        heard = await bot.store.history.recent(self.channel.conversation, limit=HISTORY)
        last = next((each.key for each in reversed(heard) if each.role is Role.PERSON), "")
        offers = self.offers(bot, _answer_to(last, heard))
        return offers[int(line) - 1] if 0 < int(line) <= len(offers) else None

    def _offers(self, bot: Bot, control: Control) -> list[Offer]:
        prefix = bot.settings.router.prefix
        if isinstance(control, Button):
            return [Offer(control.label, said(control.command, prefix), usage=self._usage(bot, control))]
        shown = control.choices[:CHOICES]
        return [Offer(each.label, said(each.command, prefix), control.prompt) for each in shown]

    def _usage(self, bot: Bot, button: Button) -> str:
        here = self.channel.conversation
        call = bot.offers.call(button.command, here) if button.asks else None
        skill = bot.offers.skill(call.skill, here) if call else None
        return bot.settings.router.prefix + skill.usage if skill and skill.parameters else ""

    async def _finished(self, bot: Bot, message: Message) -> bool:
        self._woken.clear()
        return await bot.store.inbox.state(message.key) in FINISHED

    def _message(
        self, text: str, kind: EventKind = EventKind.CREATED, *, key: str = "", target: str | None = None
    ) -> Message:
        key = key or f"terminal:{uuid.uuid4().hex}"
        return Message(key, self.channel, self._author, text, now(), kind, target=target)


def _answer_to(key: str, heard: Sequence[HistoryMessage]) -> Reply:
    """The replies to a message as one; empty when there is none."""
    replies = [unpack_reply(each.packed) for each in heard if each.role is Role.BOT and each.reply_to == key]
    return Reply(
        text="\n".join(reply.text for reply in replies),
        citations=tuple(citation for reply in replies for citation in reply.citations),
        skill=replies[0].skill if replies else "",
        controls=tuple(control for reply in replies for control in reply.controls),
    )
