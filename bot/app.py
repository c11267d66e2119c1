"""The life of one message, top to bottom, and of the bot that carries it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot import faults
from bot.connector import Connector
from bot.delivery import Delivery
from bot.errors import BadInput, ModelError, ParleyError, TooLarge
from bot.guards.access import Access
from bot.guards.limits import Limits
from bot.knowledge.library import Library
from bot.lanes import Lanes
from bot.loader import Plugins
from bot.message import (
    EventKind,
    Message,
    Reply,
    clean_text,
    now,
    pack_message,
    pack_reply,
    unpack_message,
)
from bot.models import Models
from bot.router import Decision, Reason, Route, Router
from bot.settings import Settings
from bot.skills import Answer, Context, Said, Skill
from storage import (
    Accepted,
    Claimed,
    Event,
    Finish,
    HistoryMessage,
    InboxState,
    NewAttachment,
    NewPart,
    Role,
    StorageError,
    Store,
)

log = logging.getLogger(__name__)

SIGN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the walk of a message ended: its terminal state, how it was routed, and the reply if any."""

    state: InboxState
    decision: Decision
    reply: Reply | None = None
    reason: str = ""


class Bot:
    """One bot: everything between its connectors and its storage."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        models: Models,
        library: Library,
        plugins: Plugins,
        connectors: Sequence[Connector] = (),
    ) -> None:
        self.settings = settings
        self.store = store
        self.models = models
        self.library = library
        self.plugins = plugins
        self.connectors = {each.platform: each for each in (*connectors, *plugins.connectors)}
        self.delivery = Delivery(store, self.connectors)
        self.lanes = Lanes(store, settings.lanes, self.connectors, self._walk, self.delivery.deliver)
        self._router = Router(settings.router, models)
        self._access = Access(settings.channels, plugins.skills)
        self._limits = Limits(settings.limits)
        self._observing: set[asyncio.Task[None]] = set()

    def skills_in(self, conversation: str) -> tuple[Skill, ...]:
        """The skills switched on in a conversation, each once, by name."""
        return self._access.offer(conversation).in_order

    async def accept(self, message: Message, files: Sequence[NewAttachment] = ()) -> Accepted:
        """Make an event durable; only then may its platform be told "received".

        Delivering the same key again changes nothing. Raises TooLarge over `limits.message_kb`, and
        StorageError when it could not be written: then it must not be acknowledged.
        """
        message = replace(message, text=clean_text(message.text))
        limit = self.settings.limits.message_kb * 1024
        if len(message.text) > limit or len(message.text.encode()) > limit:
            raise TooLarge(f"The message is longer than {limit // 1024} KiB. Send it in parts or as a file.")
        faults.reach("before_accept")
        accepted = await self.store.inbox.accept(_event(message, files))
        faults.reach("after_accept")
        if accepted.duplicate:
            return accepted
        if message.kind is EventKind.DELETED and message.target is not None:
            self.lanes.cancel(message.target)
        if accepted.state is InboxState.PENDING:
            self.lanes.wake(accepted.conversation_id, message.priority)
        return accepted

    async def answer(self, message: Message, *, begun_with: str | None = None) -> Outcome:
        """Walk one message through guards, router, skill and reply hooks. Writes nothing, raises nothing."""
        if message.kind is not EventKind.CREATED:
            return _unanswered(f"{message.kind} messages are observed only")
        if message.author.is_bot:
            return _unanswered("written by a bot")
        skills = self._access.offer(message.channel.conversation).by_name
        try:
            route = await self._route(message, skills, begun_with)
            if route.decision.reason is Reason.NOT_ADDRESSED:
                return _unanswered("not addressed to the bot")
            if wait := self._limits.wait(message):
                reply = Reply(f"That is more than I may answer in a minute. Try again in {wait:.0f} seconds.")
                return Outcome(
                    InboxState.EXPIRED, route.decision, reply, "over the limit of messages a minute"
                )
            answer = await self._reply(message, route)
        except BadInput as error:
            return Outcome(InboxState.ANSWERED, Decision(Reason.NOTHING_FITS), Reply(str(error)), "bad input")
        if answer is None:
            return Outcome(InboxState.NO_REPLY_NEEDED, route.decision, None, "the skill had nothing to say")
        return Outcome(InboxState.ANSWERED, route.decision, answer)

    async def readiness(self) -> tuple[dict[str, str], bool]:
        """Each part's state in words, and whether messages can be stored now."""
        try:
            async with asyncio.timeout(SIGN_SECONDS):
                await self.store.inbox.renew(self.lanes.owner, self.settings.lanes.lease_seconds)
            database = "ready"
        except TimeoutError:
            database = "busy: it did not take a write in time"
        except StorageError as error:
            database = str(error)
        return {"database": database, "models": self.models.status()}, database == "ready"

    async def run(self) -> None:
        """Take messages in and send replies out until cancelled; then finish what runs and stop."""
        await self.plugins.notify("startup")
        try:
            await self._carry()
        finally:
            await self.plugins.notify("shutdown")

    async def _carry(self) -> None:
        delivery = asyncio.create_task(self.delivery.run())
        lanes = asyncio.create_task(self.lanes.run())
        ways_in = [asyncio.create_task(each.run(self)) for each in self.connectors.values()]
        refresh = asyncio.create_task(self._refresh())
        core: list[asyncio.Task[None]] = [delivery, lanes, refresh]
        try:
            done, _ = await asyncio.wait([*core, *ways_in], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            refresh.cancel()
            await self.lanes.drain()
            await self.delivery.drain(self.settings.lanes.drain_seconds)
            for task in [*ways_in, *core]:
                task.cancel()
            await asyncio.gather(*ways_in, *core, *self._observing, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self.settings.knowledge.refresh_seconds)
            try:
                await self.library.refresh()
            except Exception:  # the wall: a document must not stop the bot
                log.exception("documents were not refreshed")

    async def _walk(self, claimed: Claimed) -> Finish:
        """From a claimed event to what one transaction will write."""
        message = unpack_message(claimed.packed, claimed.text)
        if claimed.attempts > self.settings.lanes.deaths:
            outcome = self._put_aside(claimed)
        elif now() - claimed.received_at > timedelta(seconds=self.settings.lanes.expire_seconds):
            outcome = Outcome(InboxState.EXPIRED, Decision(Reason.NOTHING_FITS), reason="waited too long")
        else:
            self._observe(message)
            outcome = await self.answer(message, begun_with=claimed.skill)
        return self._finish(message, claimed, outcome)

    def _put_aside(self, claimed: Claimed) -> Outcome:
        deaths = claimed.attempts - 1
        log.error("event %s is put aside: the process died %d times at it", claimed.key, deaths)
        reply = Reply(
            "I could not work on this message: it stopped me several times. The operator has been told."
        )
        return Outcome(
            InboxState.DEAD_LETTER, Decision(Reason.NOTHING_FITS), reply, f"the process died {deaths} times"
        )

    def _finish(self, message: Message, claimed: Claimed, outcome: Outcome) -> Finish:
        parts: list[NewPart] = []
        if outcome.reply is not None:
            skill = outcome.reply.skill
            for number, reply in enumerate(
                self.connectors[message.channel.platform].split(outcome.reply), start=1
            ):
                parts.append(NewPart(f"{claimed.key}|{skill}|{number}", reply.text, pack_reply(reply)))
        in_thread = message.channel.thread is not None and outcome.state is InboxState.ANSWERED
        return Finish(
            claimed.inbox_id,
            claimed.fence,
            outcome.state,
            outcome.reason,
            outcome.decision.pack(),
            (outcome.decision.skill or None) if in_thread and claimed.skill is None else None,
            tuple(parts),
        )

    async def _route(self, message: Message, skills: Mapping[str, Skill], begun_with: str | None) -> Route:
        addressed = message.channel.is_direct or message.mentions_bot
        if not message.text.strip():
            if not addressed or message.attachments:
                return Route(Decision(Reason.NOT_ADDRESSED))
            raise BadInput(
                f"Your message is empty. Ask a question, or type {self.settings.router.prefix}help."
            )
        return await self._router.route(message, skills, begun_with=begun_with)

    async def _reply(self, message: Message, route: Route) -> Reply | None:
        if route.skill is None:
            return Reply(self._cannot(message.channel.conversation))
        await self._sign_of_life(message)
        arguments = route.skill.read(route.text)
        answer = await self._run_skill(message, route.skill, arguments)
        if answer is None or answer == "":
            return None
        reply = Reply(answer) if isinstance(answer, str) else answer
        return await self.plugins.review(
            message, replace(reply, text=clean_text(reply.text), skill=route.skill.name)
        )

    async def _run_skill(self, message: Message, skill: Skill, arguments: Mapping[str, object]) -> Answer:
        """The wall around a skill: whatever happens in it, the asker hears something true."""
        try:
            async with asyncio.timeout(skill.deadline):
                outcome = skill.function(self._context(message, skill), **arguments)
                if isinstance(outcome, Awaitable):
                    return await outcome
                return await self._drafted(message, outcome)
        except TimeoutError:
            return (
                f"This took longer than {skill.deadline:.0f} seconds, so I stopped. Try a shorter question."
            )
        except ModelError as error:
            log.warning("skill %s, event %s: %s", skill.name, message.key, error)
            return f"The models cannot answer now: {error}"
        except ParleyError as error:
            return str(error)
        except Exception:  # a skill is foreign code
            incident = uuid.uuid4().hex[:8]
            log.exception("skill %s failed at event %s, incident %s", skill.name, message.key, incident)
            return f"Something went wrong here. The operator finds it in the log as incident {incident}."

    async def _drafted(self, message: Message, drafts: AsyncIterator[Answer]) -> Answer:
        last: Answer = None
        async for last in drafts:
            text = last.text if isinstance(last, Reply) else last
            if text:
                await self._show(message, text)
        return last

    def _context(self, message: Message, skill: Skill) -> Context:
        channel = message.channel
        scopes = ("", f"{channel.platform}:{message.author.id}", channel.conversation)
        history = Conversation(self.store, message)
        return Context(
            message=message,
            models=self.models,
            knowledge=self.library.view(scopes),
            history=history,
            skills=self.skills_in(channel.conversation),
            deadline=skill.deadline,
            plugin_settings=self.plugins.settings_of(skill),
        )

    def _cannot(self, conversation: str) -> str:
        prefix = self.settings.router.prefix
        offers = [f"- `{prefix}{skill.usage}`: {skill.summary}" for skill in self.skills_in(conversation)]
        if not offers:
            return "I can't do that; no skill is switched on here."
        return "\n".join(["I can't do that; here is what I can:", *offers])

    def _observe(self, message: Message) -> None:
        if self.plugins.observes("event_received"):
            task = asyncio.create_task(self.plugins.notify("event_received", message=message))
            self._observing.add(task)
            task.add_done_callback(self._observing.discard)

    async def _sign_of_life(self, message: Message) -> None:
        if connector := self.connectors.get(message.channel.platform):
            await _guarded(connector.show_typing(message))

    async def _show(self, message: Message, text: str) -> None:
        if connector := self.connectors.get(message.channel.platform):
            await _guarded(connector.show_draft(message, text))


class Conversation:
    """The history a skill may read: the conversation of the message it answers."""

    def __init__(self, store: Store, message: Message) -> None:
        self._store = store
        self._message = message

    async def recent(self, limit: int = 50) -> list[Said]:
        """The last messages before this one, oldest first."""
        key = self._message.channel.conversation
        found = await self._store.history.recent(key, limit=limit + 1)
        return [_said(each) for each in found if each.key != self._message.key][-limit:]

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        """Messages holding all the words, newest first."""
        key = self._message.channel.conversation
        return [
            _said(each) for each in await self._store.history.search(words, conversations=[key], limit=limit)
        ]

    async def last_decision(self) -> Decision | None:
        """How the message before this one was routed; None at the beginning."""
        kept = await self._store.history.conversation(self._message.channel.conversation)
        decisions = [] if kept is None else await self._store.inbox.decisions(kept.id)
        return next((Decision.unpack(each.decision) for each in decisions if each.decision), None)


async def _guarded(sign: Awaitable[None]) -> None:
    """Show a sign of life; a connector that cannot must not delay the answer."""
    try:
        async with asyncio.timeout(SIGN_SECONDS):
            await sign
    except Exception as error:  # noqa: BLE001 - the wall around a connector
        log.info("no sign of life: %s", type(error).__name__)


def _event(message: Message, files: Sequence[NewAttachment]) -> Event:
    channel = message.channel
    return Event(
        key=message.key,
        kind=message.kind,
        platform=channel.platform,
        conversation=channel.conversation,
        author=message.author.id,
        author_name=message.author.name,
        text=message.text,
        sent_at=message.sent_at,
        priority=message.priority,
        packed=pack_message(message),
        target=message.target,
        reply_to=message.reply_to,
        owner=message.author.id if channel.is_direct else None,
        attachments=tuple(files),
    )


def _said(message: HistoryMessage) -> Said:
    return Said(message.key, message.author_name or message.author, message.text, message.role is Role.BOT)


def _unanswered(reason: str) -> Outcome:
    return Outcome(InboxState.NO_REPLY_NEEDED, Decision(Reason.NOT_ADDRESSED), None, reason)
