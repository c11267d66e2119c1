"""Answer one message: guards, router, skill, reply hooks. Nothing is written here."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.connector import Connector
from bot.errors import BadInput, ModelError, ParleyError
from bot.guards.access import Access
from bot.guards.limits import Limits
from bot.knowledge.library import Library
from bot.loader import Plugins
from bot.message import Call, EventKind, Message, Reply, clean_text, part_key
from bot.models import Models, Tenant, tenant
from bot.recall import MessageFiles, Recall
from bot.remembering import KeptNotes, KeptScores
from bot.router import Decision, Reason, Route, Router
from bot.settings import Settings
from bot.skills import Answer, Context, Skill, as_replies
from storage import InboxState, Store

log = logging.getLogger(__name__)

SIGN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the walk of a message ended: its terminal state, how it was routed, and the replies in order.

    `heard` holds the message's own words when it was spoken.
    """

    state: InboxState
    decision: Decision
    replies: tuple[Reply, ...] = ()
    reason: str = ""
    heard: str = ""


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
        """Walk one message through guards, router, skill and reply hooks. Writes nothing, raises nothing.

        A spoken message is walked again with the words that were heard. A reaction is answered where its
        emoji calls a skill.
        """
        if called := self._called_by(message):
            message = called
        elif message.kind is not EventKind.CREATED:
            return _unanswered(f"{message.kind} messages are observed only")
        if message.author.is_bot:
            return _unanswered("written by a bot")
        outcome = await self._answer(message, begun_with)
        heard = next((each.heard for each in outcome.replies if each.heard), "")
        if not heard:
            return _unanswered("spoken to others, and not understood") if _is_overheard(message) else outcome
        spoken = replace(message, text=heard, attachments=(), call=None)
        further = await self._answer(spoken, begun_with)
        decision = further.decision if further.replies else outcome.decision
        return replace(outcome, decision=decision, replies=outcome.replies + further.replies, heard=heard)

    async def suggest(self, message: Message, skill: str, parameter: str, typed: str) -> Sequence[str]:
        """What to offer for a parameter while someone types; nothing when the plugin offers nothing."""
        found = self._access.offer(message.channel.conversation).by_name.get(skill)
        wanted = next((each for each in found.parameters if each.name == parameter), None) if found else None
        if found is None or wanted is None or wanted.suggest is None:
            return [each for each in wanted.choices if typed.casefold() in each.casefold()] if wanted else []
        try:
            async with asyncio.timeout(SIGN_SECONDS):
                return await wanted.suggest(self._context(message, found), typed)
        except Exception as error:  # noqa: BLE001 - a plugin is foreign code
            log.warning("skill %s suggests nothing for %s: %s", skill, parameter, type(error).__name__)
            return []

    def _called_by(self, reaction: Message) -> Message | None:
        """A reaction as a call upon its message, where its emoji calls a skill."""
        if reaction.kind is not EventKind.REACTED:
            return None
        emoji = reaction.text.strip("\ufe0f")
        for skill in self.skills_in(reaction.channel.conversation):
            if emoji in skill.reactions:
                call = Call(skill.name, tuple(skill.reactions[emoji].items()))
                return replace(reaction, text="", call=call, reply_to=reaction.target)
        return None

    async def _answer(self, message: Message, begun_with: str | None) -> Outcome:
        skills = self._access.offer(message.channel.conversation).by_name
        try:
            route = await self._route(message, skills, begun_with)
            if route.decision.reason is Reason.NOT_ADDRESSED:
                return _unanswered("not addressed to the bot")
            if wait := self._limits.wait(message):
                reply = Reply(
                    f"That is more than I may answer in a minute. Try again in {wait:.0f} seconds.",
                    to_asker=_asked_alone(message, skills),
                )
                return Outcome(
                    InboxState.EXPIRED, route.decision, (reply,), "over the limit of messages a minute"
                )
            replies = await self._replies(message, route)
        except BadInput as error:
            refusal = Reply(str(error), to_asker=_asked_alone(message, skills))
            return Outcome(InboxState.ANSWERED, Decision(Reason.NOTHING_FITS), (refusal,), "bad input")
        if not replies:
            return Outcome(InboxState.NO_REPLY_NEEDED, route.decision, reason="the skill had nothing to say")
        return Outcome(InboxState.ANSWERED, route.decision, replies)

    async def _route(self, message: Message, skills: Mapping[str, Skill], begun_with: str | None) -> Route:
        addressed = message.channel.is_direct or message.mentions_bot
        spoken = any(each.is_voice for each in message.attachments)
        if not message.text.strip() and message.call is None and not spoken:
            if not addressed or message.attachments:
                return Route(Decision(Reason.NOT_ADDRESSED))
            raise BadInput(
                f"Your message is empty. Ask a question, or type {self._settings.router.prefix}help."
            )
        return await self._router.route(message, skills, begun_with=begun_with)

    async def _replies(self, message: Message, route: Route) -> tuple[Reply, ...]:
        if route.skill is None:
            return (Reply(self._cannot(message.channel.conversation)),)
        await self._sign_of_life(message)
        arguments = await self._arguments(message, route.skill, route)
        answer = await self._run_skill(message, route.skill, arguments)
        return tuple(
            [await self._review(message, route.skill, each) for each in as_replies(answer) if each.text]
        )

    async def _review(self, message: Message, skill: Skill, reply: Reply) -> Reply:
        """The reply as it will be sent, after every plugin's look. Raises BadInput for an unknown place."""
        if reply.to and reply.to.partition(":")[0] not in self._connectors:
            raise BadInput(f"I cannot write to {reply.to}: nothing is connected there. Tell the operator.")
        alone = reply.to_asker or (skill.to_asker and not reply.to)
        reply = replace(reply, text=clean_text(reply.text), skill=skill.name, to_asker=alone)
        return await self._plugins.review(message, reply)

    async def _arguments(self, message: Message, skill: Skill, route: Route) -> Mapping[str, object]:
        if route.named is None:
            return skill.read(route.text)
        named = dict(route.named)
        missing = next(
            (
                each.name
                for each in skill.parameters
                if each.rest and each.required and not named.get(each.name)
            ),
            None,
        )
        if missing and message.reply_to and (quoted := await self._recall(message).quoted()):
            named[missing] = quoted.text
        return skill.read_named(named)

    async def _run_skill(self, message: Message, skill: Skill, arguments: Mapping[str, object]) -> Answer:
        """The wall around a skill: whatever happens in it, the asker hears something true."""
        asking = tenant.set(Tenant(skill.name, self._community(message)))
        try:
            async with asyncio.timeout(skill.deadline):
                outcome = skill.function(self._context(message, skill), **arguments)
                if isinstance(outcome, Awaitable):
                    return await outcome
                return await self._drafted(message, skill, outcome)
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
        finally:
            tenant.reset(asking)

    async def _drafted(self, message: Message, skill: Skill, drafts: AsyncIterator[Answer]) -> Answer:
        last: Answer = None
        try:
            async for last in drafts:
                text = last.text if isinstance(last, Reply) else last
                if isinstance(text, str) and text:
                    await self._show(message, text, part_key(message.key, skill.name, 1))
        finally:
            if isinstance(drafts, AsyncGenerator):
                await drafts.aclose()
        return last

    def _link(self, conversation: str, key: str) -> str:
        connector = self._connectors.get(conversation.partition(":")[0])
        return connector.link(conversation, key) if connector else ""

    def _context(self, message: Message, skill: Skill) -> Context:
        channel = message.channel
        scopes = ("", f"{channel.platform}:{message.author.id}", channel.conversation)
        limit = self._settings.limits.attachment_mb * 1024 * 1024
        return Context(
            message=message,
            models=self._models,
            knowledge=self._library.view(scopes),
            history=self._recall(message),
            files=MessageFiles(self._store, self._connectors.get(channel.platform), limit),
            skills=self.skills_in(channel.conversation),
            link=self._link,
            deadline=skill.deadline,
            plugin_settings=self._plugins.settings_of(skill),
            notes=KeptNotes(self._store, skill.plugin),
            scores=KeptScores(self._store, skill.plugin),
        )

    def _community(self, message: Message) -> str:
        conversation = message.channel.conversation
        connector = self._connectors.get(message.channel.platform)
        return connector.community(conversation) if connector else conversation

    def _recall(self, message: Message) -> Recall:
        return Recall(self._store, message, self._connectors)

    def _cannot(self, conversation: str) -> str:
        prefix = self._settings.router.prefix
        offers = [f"- `{prefix}{skill.usage}`: {skill.summary}" for skill in self.skills_in(conversation)]
        if not offers:
            return "I can't do that; no skill is switched on here."
        return "\n".join(["I can't do that; here is what I can:", *offers])

    async def _sign_of_life(self, message: Message) -> None:
        if connector := self._connectors.get(message.channel.platform):
            await _guarded(connector.show_typing(message))

    async def _show(self, message: Message, text: str, key: str) -> None:
        if connector := self._connectors.get(message.channel.platform):
            await _guarded(connector.show_draft(message, text, key))


async def _guarded(sign: Awaitable[None]) -> None:
    """Show a sign of life; a connector that cannot must not delay the answer."""
    try:
        async with asyncio.timeout(SIGN_SECONDS):
            await sign
    except Exception as error:  # noqa: BLE001 - the wall around a connector
        log.info("no sign of life: %s", type(error).__name__)


def _is_overheard(message: Message) -> bool:
    """Whether it was spoken to others: they are not bothered with what went wrong."""
    written = message.text.strip() or message.call is not None
    return not (written or message.channel.is_direct or message.mentions_bot) and bool(message.attachments)


def _unanswered(reason: str) -> Outcome:
    return Outcome(InboxState.NO_REPLY_NEEDED, Decision(Reason.NOT_ADDRESSED), reason=reason)


def _asked_alone(message: Message, skills: Mapping[str, Skill]) -> bool:
    """Whether a call's answer is for the asker alone, so that a refusal of it is, too."""
    skill = skills.get(message.call.skill) if message.call else None
    return skill is not None and skill.to_asker
