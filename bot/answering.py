"""Answer one message: guards, router, skill, reply hooks. Nothing is written here."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, replace

from bot.connector import Connector
from bot.errors import BadInput, ModelError, ParleyError
from bot.guards.access import Access
from bot.guards.limits import Limits
from bot.knowledge.library import Library
from bot.loader import Plugins
from bot.message import EventKind, Message, Reply, clean_text
from bot.models import Models
from bot.recall import Recall
from bot.router import Decision, Reason, Route, Router
from bot.settings import Settings
from bot.skills import Answer, Context, Skill
from storage import InboxState, Store

log = logging.getLogger(__name__)

SIGN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the walk of a message ended: its terminal state, how it was routed, and the reply if any."""

    state: InboxState
    decision: Decision
    reply: Reply | None = None
    reason: str = ""


class Answering:
    """From a message to its outcome. The walls around foreign code stand here."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        models: Models,
        library: Library,
        plugins: Plugins,
        connectors: Mapping[str, Connector],
    ) -> None:
        self._settings = settings
        self._store = store
        self._models = models
        self._library = library
        self._plugins = plugins
        self._connectors = connectors
        self._router = Router(settings.router, models)
        self._access = Access(settings.channels, plugins.skills)
        self._limits = Limits(settings.limits)

    def skills_in(self, conversation: str) -> tuple[Skill, ...]:
        """The skills switched on in a conversation, each once, by name."""
        return self._access.offer(conversation).in_order

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

    async def _route(self, message: Message, skills: Mapping[str, Skill], begun_with: str | None) -> Route:
        addressed = message.channel.is_direct or message.mentions_bot
        if not message.text.strip():
            if not addressed or message.attachments:
                return Route(Decision(Reason.NOT_ADDRESSED))
            raise BadInput(
                f"Your message is empty. Ask a question, or type {self._settings.router.prefix}help."
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
        return await self._plugins.review(
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
        history = Recall(self._store, message)
        return Context(
            message=message,
            models=self._models,
            knowledge=self._library.view(scopes),
            history=history,
            skills=self.skills_in(channel.conversation),
            deadline=skill.deadline,
            plugin_settings=self._plugins.settings_of(skill),
        )

    def _cannot(self, conversation: str) -> str:
        prefix = self._settings.router.prefix
        offers = [f"- `{prefix}{skill.usage}`: {skill.summary}" for skill in self.skills_in(conversation)]
        if not offers:
            return "I can't do that; no skill is switched on here."
        return "\n".join(["I can't do that; here is what I can:", *offers])

    async def _sign_of_life(self, message: Message) -> None:
        if connector := self._connectors.get(message.channel.platform):
            await _guarded(connector.show_typing(message))

    async def _show(self, message: Message, text: str) -> None:
        if connector := self._connectors.get(message.channel.platform):
            await _guarded(connector.show_draft(message, text))


async def _guarded(sign: Awaitable[None]) -> None:
    """Show a sign of life; a connector that cannot must not delay the answer."""
    try:
        async with asyncio.timeout(SIGN_SECONDS):
            await sign
    except Exception as error:  # noqa: BLE001 - the wall around a connector
        log.info("no sign of life: %s", type(error).__name__)


def _unanswered(reason: str) -> Outcome:
    return Outcome(InboxState.NO_REPLY_NEEDED, Decision(Reason.NOT_ADDRESSED), None, reason)
