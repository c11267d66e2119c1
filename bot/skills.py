"""Skills: async functions with typed parameters, declared once, shown everywhere."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from bot.controls import Field, Form
from bot.errors import BadArguments, BrokenPlugin
from bot.memory import DraftNotes, DraftScores, Notes, Scores
from bot.message import Attachment, Message, Priority, Reply
from bot.parameters import Parameter, next_word, parameters_of

if TYPE_CHECKING:
    from bot.models import Models
    from bot.passage import Knowledge
    from bot.router import Decision

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
DEFAULT_DEADLINE = 60.0

Answer = Reply | str | Sequence[Reply] | None
SkillFunction = Callable[..., Awaitable[Answer] | AsyncIterator[Answer]]
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Skill:
    """What a plugin offers. Help, terminal usage, web form and tool schema all come from here.

    `examples` are phrases a person would type; free text is matched to them. `deadline` is in
    seconds, after which the asker is told it took too long. `to_asker` answers the asker alone. `menu`
    is the name under which it stands in the menu of a message, whose text it then gets. `reactions` are
    the emoji under a message that call it upon that message, each with the arguments it gives. `plugin`
    is set by the loader.
    """

    name: str
    function: SkillFunction
    summary: str
    help: str
    parameters: tuple[Parameter, ...]
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    deadline: float = DEFAULT_DEADLINE
    priority: Priority = Priority.PERSON
    to_asker: bool = False
    menu: str = ""
    reactions: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    plugin: str = ""

    @property
    def usage(self) -> str:
        """`name ARGUMENT [OPTIONAL]`, as help shows it."""
        return " ".join([self.name, *(parameter.usage for parameter in self.parameters)])

    @property
    def takes_text(self) -> bool:
        """Whether free text can be handed to it: its first and only required parameter takes the rest."""
        required = [p for p in self.parameters if p.required]
        return bool(self.parameters) and self.parameters[0].rest and len(required) <= 1

    def read(self, text: str) -> dict[str, Any]:
        """The arguments in `text`, by name. Raises BadArguments with the usage when they do not fit."""
        arguments: dict[str, Any] = {}
        remaining = text.strip()
        for parameter in self.parameters:
            if not remaining:
                if parameter.required:
                    raise self._misused(f"{parameter.name} is missing")
                arguments[parameter.name] = parameter.default
                continue
            word, remaining = (remaining, "") if parameter.rest else next_word(remaining)
            try:
                arguments[parameter.name] = parameter.read(word)
            except ValueError as error:
                raise self._misused(str(error)) from None
        if remaining:
            raise self._misused(f"{remaining[:40]!r} is more than it takes")
        return arguments

    def read_named(self, arguments: Mapping[str, str]) -> dict[str, Any]:
        """The arguments given by name, as forms give them. Raises BadArguments when they do not fit."""
        read: dict[str, Any] = {}
        for parameter in self.parameters:
            word = arguments.get(parameter.name, "").strip()
            if not word and parameter.required:
                raise self._misused(f"{parameter.name} is missing")
            try:
                read[parameter.name] = parameter.read(word) if word else parameter.default
            except ValueError as error:
                raise self._misused(str(error)) from None
        return read

    def given(self, text: str) -> dict[str, str]:
        """The words of `text` by the parameter they would go to; nothing is checked."""
        words: dict[str, str] = {}
        remaining = text.strip()
        for parameter in self.parameters:
            if not remaining:
                break
            word, remaining = (remaining, "") if parameter.rest else next_word(remaining)
            words[parameter.name] = word
        return words

    def form(self, given: Mapping[str, str]) -> Form:
        """The form for its parameters, with what is known already filled in."""
        fields = tuple(
            Field(
                name=each.name,
                label=each.help or each.name.replace("_", " ").capitalize(),
                required=each.required,
                value=_in_form(each, given.get(each.name, each.word(each.default))),
                long=each.rest,
                choices=each.answers,
                number=each.type in (int, float),
            )
            for each in self.parameters
        )
        return Form(self.name, self.summary, fields)

    def schema(self) -> dict[str, Any]:
        """The parameters as a JSON schema, as tool-calling models and forms want it."""
        kinds = {int: "integer", float: "number", bool: "boolean"}
        properties: dict[str, Any] = {}
        for parameter in self.parameters:
            field_schema: dict[str, Any] = {"type": kinds.get(parameter.type, "string")}
            if parameter.help:
                field_schema["description"] = parameter.help
            if parameter.choices:
                field_schema["enum"] = list(parameter.choices)
            properties[parameter.name] = field_schema
        return {
            "type": "object",
            "properties": properties,
            "required": [p.name for p in self.parameters if p.required],
            "additionalProperties": False,
        }

    def _misused(self, reason: str) -> BadArguments:
        return BadArguments(f"{reason[:1].upper()}{reason[1:]}. Usage: {self.usage}")


def _in_form(parameter: Parameter, word: str) -> str:
    """A word as a form has it: one of its answers in their own spelling, where these can be counted."""
    if not parameter.answers:
        return word
    try:
        return parameter.word(parameter.read(word))
    except ValueError:
        return ""


@overload
def skill(function: SkillFunction, /) -> Skill: ...


@overload
def skill(
    *,
    name: str | None = None,
    examples: Sequence[str] = (),
    aliases: Sequence[str] = (),
    deadline: float = DEFAULT_DEADLINE,
    priority: Priority = Priority.PERSON,
    to_asker: bool = False,
    menu: str = "",
    reactions: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Callable[[SkillFunction], Skill]: ...


def skill(
    function: SkillFunction | None = None,
    /,
    *,
    name: str | None = None,
    examples: Sequence[str] = (),
    aliases: Sequence[str] = (),
    deadline: float = DEFAULT_DEADLINE,
    priority: Priority = Priority.PERSON,
    to_asker: bool = False,
    menu: str = "",
    reactions: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Skill | Callable[[SkillFunction], Skill]:
    """Declare an async function as a skill.

    Its first parameter is the Context; the others are typed (str, int, float, bool, Literal, Enum, each
    possibly Optional) and may carry a help text: `Annotated[int, "how many"]`. The last text parameter
    takes the rest of what was typed, unless it is a `Word`. The docstring's first line is the summary.
    An async generator may yield drafts of text, shown while it works, and last the Reply.
    Raises BrokenPlugin when the declaration cannot work.
    """

    def declare(function: SkillFunction) -> Skill:
        skill_name = name or function.__name__.replace("_", "-")
        for each in (skill_name, *aliases):
            if not NAME.fullmatch(each):
                raise BrokenPlugin(f"Skill name {each!r}: use small letters, digits, - and _, at most 32.")
        if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
            raise BrokenPlugin(f"Skill {skill_name}: declare it with 'async def'.")
        help_text = inspect.getdoc(function) or ""
        if not help_text:
            raise BrokenPlugin(f"Skill {skill_name}: give it a docstring; it is the help people see.")
        return Skill(
            name=skill_name,
            function=function,
            summary=help_text.splitlines()[0],
            help=help_text,
            parameters=parameters_of(skill_name, function),
            examples=tuple(examples),
            aliases=tuple(aliases),
            deadline=deadline,
            priority=priority,
            to_asker=to_asker,
            menu=menu,
            reactions=reactions,
        )

    return declare if function is None else declare(function)


class History(Protocol):
    """The asker's own conversation, and nothing else."""

    async def recent(self, limit: int = 50) -> list[Said]:
        """The last messages before this one, oldest first."""

    async def search(self, words: str, limit: int = 20) -> list[Said]:
        """Messages holding all the words, newest first."""

    async def quoted(self) -> Said | None:
        """The message this one replies to or was called upon; None when there is none or it is unknown."""

    async def since(self, key: str, limit: int = 500) -> list[Said]:
        """The messages from the one with `key` on, oldest first; of more than `limit`, the last.

        Those of its own conversation; for the message a thread hangs on, those of the thread.
        """

    async def between(self, start: datetime, end: datetime | None = None, limit: int = 500) -> list[Said]:
        """Messages sent from `start` until before `end` (None: until now), oldest first, the last `limit`."""

    async def linked(self, address: str, limit: int = 500) -> list[Said]:
        """What the address of a message leads to: the thread that hangs on it, or the messages from it on.

        Nothing when it is no message of this channel or its threads, or none that is known here.
        """

    async def last_by_asker(self) -> Said | None:
        """The asker's own last message here before this one; None when there is none."""

    def of_channel(self) -> History:
        """The history of the channel that this thread belongs to; outside threads the same history."""

    async def last_decision(self) -> Decision | None:
        """How the message before this one was routed; None at the beginning."""


class Files(Protocol):
    """The files sent with the message, wherever they lie."""

    async def read(self, attachment: Attachment) -> bytes:
        """A file's bytes. Raises TooLarge over `limits.attachment_mb`, BadInput when it is gone."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the history: who said what, and whether it was the bot. `link` is where it is read.

    `reply_to` is the key of the message it replies to; `to_bot` says that it was for the bot, which
    answered. `said_at` is None when the moment is not known.
    """

    key: str
    author: str
    text: str
    by_bot: bool
    link: str = ""
    reply_to: str = ""
    to_bot: bool = False
    said_at: datetime | None = None


def no_link(conversation: str, key: str) -> str:
    """Where messages have no addresses."""
    return ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a skill is handed: the message, and rights that reach no further than its asker's.

    `skills` are those enabled here. `deadline` is in seconds from the start of the call. `notes` and
    `scores` are the plugin's own; what a skill writes there stands at once. `link` gives the address of a
    message from its conversation and key, or nothing where messages have none.
    """

    message: Message
    models: Models
    knowledge: Knowledge
    history: History
    files: Files
    skills: tuple[Skill, ...] = ()
    deadline: float = DEFAULT_DEADLINE
    plugin_settings: Mapping[type, object] = field(default_factory=dict)
    notes: Notes = field(default_factory=DraftNotes)
    scores: Scores = field(default_factory=DraftScores)
    link: Callable[[str, str], str] = no_link

    def settings(self, section: type[S]) -> S:
        """The plugin's own settings, as the class it registered."""
        return settings_among(self.plugin_settings, section)


def settings_among(registered: Mapping[type, object], section: type[S]) -> S:
    """A plugin's settings of a class. Raises BrokenPlugin for one that it did not register."""
    found = registered.get(section)
    if not isinstance(found, section):
        raise BrokenPlugin(f"{section.__name__} was not registered: add a register_settings hook.")
    return found


def as_replies(answer: Answer) -> Sequence[Reply]:
    """What a plugin's function returned, as replies."""
    if isinstance(answer, str):
        return [Reply(answer)]
    return [answer] if isinstance(answer, Reply) else answer or ()
