"""What a skill takes: typed parameters, read from its signature and from what people type."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

from bot.errors import BrokenPlugin

if TYPE_CHECKING:
    from bot.skills import Context


class OneWord:
    """Marks a text parameter that takes one word, even in last place: `Annotated[str, OneWord()]`."""


Word = Annotated[str, OneWord()]

Suggestions: TypeAlias = "Callable[[Context, str], Awaitable[Sequence[str]]]"


@dataclass(frozen=True, slots=True)
class Suggest:
    """Marks a text parameter with what to offer while people type: `Annotated[str, Suggest(topics)]`.

    `ask` is an async function of the Context and what is typed so far. Anything may be typed anyway.
    """

    ask: Suggestions


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a skill. `rest` takes the remaining text as it was typed.

    `suggest` gives what fits to what is typed so far.
    """

    name: str
    type: type
    help: str = ""
    required: bool = True
    default: Any = None
    choices: tuple[str, ...] = ()
    rest: bool = False
    suggest: Suggestions | None = None

    @property
    def usage(self) -> str:
        """How it is written on a command line: `NAME`, `[NAME]` or `a|b`."""
        word = "|".join(self.choices) if self.choices else self.name.upper()
        word += "…" if self.rest else ""
        return word if self.required else f"[{word}]"

    @property
    def answers(self) -> tuple[str, ...]:
        """The only words it takes, when they can be counted."""
        return ("yes", "no") if self.type is bool else self.choices

    def word(self, value: Any) -> str:
        """A value as people would type it; empty for None."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else str(value.value if isinstance(value, Enum) else value)

    def read(self, word: str) -> Any:
        """The word as this parameter's type; raises ValueError saying what would fit."""
        if self.choices:
            return self._choose(word)
        if self.type is bool:
            return _read_bool(word)
        try:
            return self.type(word)
        except ValueError:
            kind = {"int": "a whole number", "float": "a number"}.get(self.type.__name__, "a value")
            raise ValueError(f"{self.name} must be {kind}, not {word[:40]!r}") from None

    def _choose(self, word: str) -> Any:
        for choice in self.choices:
            if choice.casefold() == word.casefold():
                return self.type(choice)
        raise ValueError(f"{self.name} must be one of {', '.join(self.choices)}, not {word[:40]!r}")


def parameters_of(skill_name: str, function: Callable[..., object]) -> tuple[Parameter, ...]:
    """The parameters after the Context. Raises BrokenPlugin when one cannot be shown in a form."""
    hints = typing.get_type_hints(function, include_extras=True)
    declared = list(inspect.signature(function).parameters.values())
    if not declared:
        raise BrokenPlugin(f"Skill {skill_name}: its first parameter is the Context.")
    found = []
    for position, each in enumerate(declared[1:], start=2):
        if each.name not in hints:
            raise BrokenPlugin(f"Skill {skill_name}: give parameter {each.name} a type.")
        found.append(_parameter(skill_name, each, hints[each.name], last=position == len(declared)))
    return tuple(found)


def _parameter(skill_name: str, declared: inspect.Parameter, hint: Any, *, last: bool) -> Parameter:
    notes: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        hint, *extras = typing.get_args(hint)
        notes = tuple(extras)
    kind, choices = _kind(hint)
    if kind not in (str, int, float, bool) and not choices:
        raise BrokenPlugin(f"Skill {skill_name}: parameter {declared.name} has a type no form can show.")
    optional = declared.default is not inspect.Parameter.empty
    one_word = any(isinstance(note, OneWord) for note in notes)
    return Parameter(
        name=declared.name,
        type=kind,
        help=next((note for note in notes if isinstance(note, str)), ""),
        required=not optional,
        default=declared.default if optional else None,
        choices=choices,
        rest=last and kind is str and not choices and not one_word,
        suggest=next((note.ask for note in notes if isinstance(note, Suggest)), None),
    )


def _kind(hint: Any) -> tuple[type, tuple[str, ...]]:
    if typing.get_origin(hint) in (Union, UnionType):
        options = [each for each in typing.get_args(hint) if each is not NoneType]
        return _kind(options[0]) if len(options) == 1 else (object, ())
    if typing.get_origin(hint) is Literal:
        return str, tuple(str(each) for each in typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint, tuple(str(each.value) for each in hint)
    return (hint if isinstance(hint, type) else object), ()


def next_word(text: str) -> tuple[str, str]:
    """The first word of a text, or what its quotes hold, and the rest."""
    if text[0] in "\"'" and (end := text.find(text[0], 1)) > 0:
        return text[1:end], text[end + 1 :].lstrip()
    word, _, remaining = text.partition(" ")
    return word, remaining.lstrip()


def _read_bool(word: str) -> bool:
    known = {
        "yes": True,
        "true": True,
        "on": True,
        "1": True,
        "no": False,
        "false": False,
        "off": False,
        "0": False,
    }
    if word.casefold() not in known:
        raise ValueError(f"Say yes or no, not {word[:40]!r}")
    return known[word.casefold()]
