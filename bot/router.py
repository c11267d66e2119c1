"""Choose the skill that answers a message, and be able to say why."""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.errors import BadArguments, BadInput, ModelError, UnknownSkill
from bot.examples import ExampleClassifier, Likeness
from bot.message import Call, EventKind, Message
from bot.settings import RouterSettings
from bot.skills import Skill

if TYPE_CHECKING:
    from bot.models import Models

log = logging.getLogger(__name__)

EMBED_SECONDS = 5.0
CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]")


class Reason(StrEnum):
    """Why a skill was chosen, or none."""

    COMMAND = "command"
    THREAD = "thread"
    EXAMPLE = "example"
    FALLBACK = "fallback"
    VOICE = "voice"
    REACTION = "reaction"
    NOT_ADDRESSED = "not addressed"
    NOTHING_FITS = "nothing fits"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the router chose. `score` is the likeness to `example`, from 0 to 1, when it was asked for."""

    reason: Reason
    skill: str = ""
    score: float | None = None
    example: str = ""

    def explain(self) -> str:
        """The decision in a sentence."""
        likeness = (
            "" if self.score is None else f" (closest example: {self.example!r}, score {self.score:.2f})"
        )
        return {
            Reason.COMMAND: f"{self.skill} was named in the message.",
            Reason.THREAD: f"This thread began with {self.skill}, so {self.skill} goes on.",
            Reason.EXAMPLE: f"The text is like an example of {self.skill}{likeness}.",
            Reason.FALLBACK: f"No example was close enough{likeness}, so {self.skill} took it as a question.",
            Reason.VOICE: f"The message was spoken, so {self.skill} wrote it down.",
            Reason.REACTION: f"An emoji under the message called {self.skill}.",
            Reason.NOT_ADDRESSED: "The message was not for the bot.",
            Reason.NOTHING_FITS: f"No skill fits{likeness}.",
        }[self.reason]

    def pack(self) -> str:
        """The decision as JSON, as storage keeps it."""
        return json.dumps([self.reason, self.skill, self.score, self.example], ensure_ascii=False)

    @classmethod
    def unpack(cls, packed: str) -> Decision:
        """The decision of `pack`."""
        reason, skill, score, example = json.loads(packed)
        return cls(Reason(reason), skill, score, example)


@dataclass(frozen=True, slots=True)
class Route:
    """A decision, with the skill and its arguments when there is one: as text, or by name."""

    decision: Decision
    skill: Skill | None = None
    text: str = ""
    named: Mapping[str, str] | None = None


class Router:
    """Called by name, command, spoken, thread's skill, likeness to examples, fallback, in this order.

    Finding a command is one dictionary look-up, so its cost does not grow with the number of skills.
    """

    def __init__(self, settings: RouterSettings, models: Models) -> None:
        self._settings = settings
        self._models = models
        self._classifiers: dict[frozenset[tuple[str, str]], ExampleClassifier] = {}

    async def route(
        self, message: Message, skills: Mapping[str, Skill], *, begun_with: str | None = None
    ) -> Route:
        """The route of a message among `skills` (by name and alias). `begun_with` is its thread's skill.

        Raises UnknownSkill for an explicit command that does not exist here.
        """
        if message.call is not None:
            reason = Reason.REACTION if message.kind is EventKind.REACTED else Reason.COMMAND
            return self._called(message.call, skills, reason)
        text = message.text.strip()
        if command := self._command(text, skills):
            return command
        if not text and any(each.is_voice for each in message.attachments):
            return self._spoken(message, skills)
        thread_skill = skills.get(begun_with or "")
        if not (message.channel.is_direct or message.mentions_bot or thread_skill):
            return Route(Decision(Reason.NOT_ADDRESSED))
        if bare := self._bare_command(text, skills):
            return bare
        if thread_skill is not None and thread_skill.takes_text:
            return Route(Decision(Reason.THREAD, thread_skill.name), thread_skill, text)
        return await self._by_meaning(text, skills)

    def _called(self, call: Call, skills: Mapping[str, Skill], reason: Reason) -> Route:
        skill = skills.get(call.skill)
        if skill is None:
            raise UnknownSkill(f"{self._settings.prefix}{call.skill[:40]} is not switched on here.")
        return Route(Decision(reason, skill.name), skill, named=dict(call.arguments))

    def _spoken(self, message: Message, skills: Mapping[str, Skill]) -> Route:
        skill = skills.get(self._settings.voice)
        if skill is None:
            if message.channel.is_direct or message.mentions_bot:
                raise BadInput("I cannot listen to voice messages here. Please write your message.")
            return Route(Decision(Reason.NOT_ADDRESSED))
        return Route(Decision(Reason.VOICE, skill.name), skill)

    def _command(self, text: str, skills: Mapping[str, Skill]) -> Route | None:
        if not text.startswith(self._settings.prefix):
            return None
        name, _, rest = text[len(self._settings.prefix) :].partition(" ")
        if not re.match(r"[A-Za-z]", name):
            return None
        skill = skills.get(name.casefold())
        if skill is None:
            near = difflib.get_close_matches(name.casefold(), skills, n=1)
            hint = f" Did you mean {self._settings.prefix}{near[0]}?" if near else ""
            raise UnknownSkill(f"There is no {self._settings.prefix}{name[:40]} here.{hint}")
        return Route(Decision(Reason.COMMAND, skill.name), skill, rest)

    def _bare_command(self, text: str, skills: Mapping[str, Skill]) -> Route | None:
        name, _, rest = text.partition(" ")
        skill = skills.get(name.casefold())
        if skill is None:
            return None
        try:
            skill.read(rest)
        except BadArguments:
            return None
        return Route(Decision(Reason.COMMAND, skill.name), skill, rest)

    async def _by_meaning(self, text: str, skills: Mapping[str, Skill]) -> Route:
        skill, example, score = await self._closest(text, skills)
        if skill is not None and score is not None and score >= self._settings.threshold:
            arguments = text if skill.takes_text else ""
            return Route(Decision(Reason.EXAMPLE, skill.name, score, example), skill, arguments)
        fallback = skills.get(self._settings.fallback)
        if fallback is None:
            return Route(Decision(Reason.NOTHING_FITS, "", score, example))
        return Route(Decision(Reason.FALLBACK, fallback.name, score, example), fallback, text)

    async def _closest(
        self, text: str, skills: Mapping[str, Skill]
    ) -> tuple[Skill | None, str, float | None]:
        """The skill a text is like, with the closest of its examples and the likeness."""
        examples = _offered(skills)
        if not examples:
            return None, "", None
        name, example, score = _by_letters(text, examples)
        if len(examples) > 1 and not CJK.search(text):  # the built-in encoder knows English only
            try:
                found = await self._by_vectors(text, examples)
            except ModelError as error:
                log.info("examples were not compared: %s", error)
            else:
                if found.score > score:
                    name, example, score = found.labels.label, found.example, found.score
        return skills[name], example, score

    async def _by_vectors(self, text: str, examples: Mapping[str, Sequence[str]]) -> Likeness:
        key = frozenset((name, each) for name, texts in examples.items() for each in texts)
        if key not in self._classifiers:
            self._classifiers[key] = ExampleClassifier(self._models, examples)
        return (await self._classifiers[key].classify([text[:1000]], deadline=EMBED_SECONDS))[0]


def _offered(skills: Mapping[str, Skill]) -> dict[str, tuple[str, ...]]:
    """The examples of each skill that free text can be handed to."""
    return {
        name: skill.examples
        for name, skill in skills.items()
        if name == skill.name
        and skill.examples
        and not any(p.required for p in skill.parameters[1:])
        and (skill.takes_text or not any(p.required for p in skill.parameters))
    }


def _by_letters(text: str, examples: Mapping[str, Sequence[str]]) -> tuple[str, str, float]:
    """The skill, example and likeness that share most letters with a text."""
    found = ((name, each, _shared_bigrams(text, each)) for name, texts in examples.items() for each in texts)
    return max(found, key=lambda each: each[2])


def _shared_bigrams(left: str, right: str) -> float:
    """The Dice coefficient of two texts' character pairs: 1 for the same text, 0 for nothing shared."""
    pairs = [_bigrams(text) for text in (left, right)]
    total = len(pairs[0]) + len(pairs[1])
    return round(2 * len(pairs[0] & pairs[1]) / total, 4) if total else 0.0


def _bigrams(text: str) -> set[str]:
    kept = re.sub(r"\W+", "", text.casefold())
    return {kept[place : place + 2] for place in range(len(kept) - 1)} or ({kept} if kept else set())
