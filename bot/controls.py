"""What people can press, choose and fill in under a reply: values that every connector shows its own way.

A control carries a command, as a person would type it: pressing is saying it. So a control needs no
code of its own, works after a restart, and is answered by the same skill as the typed command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

CHOICES = 25  # of a menu: the least that all platforms can show


class Look(StrEnum):
    """How much a button stands out."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """Pressing it says `command`, such as `/ask what is new?`.

    With `asks`, a form opens first, for the parameters the command does not give.
    """

    label: str
    command: str
    look: Look = Look.PLAIN
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu, and what choosing it says."""

    label: str
    command: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """Choices to pick one from. At most 25 are shown."""

    prompt: str
    choices: tuple[Choice, ...]


Control: TypeAlias = Button | Menu


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `long` takes several lines; `choices` are the only answers, when there are any.

    `number` takes a number alone.
    """

    name: str
    label: str
    required: bool = True
    value: str = ""
    long: bool = False
    choices: tuple[str, ...] = ()
    number: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a skill to fill in. Sending it calls the skill with what was filled in."""

    skill: str
    title: str
    fields: tuple[Field, ...]


def command_of(controls: tuple[Control, ...], place: int, choice: int = 0) -> str:
    """What pressing the control at `place` says (for a menu: choosing `choice`). Raises LookupError."""
    control = controls[place]
    return control.command if isinstance(control, Button) else control.choices[choice].command


def said(command: str, prefix: str) -> str:
    """What is typed for a control's command where commands begin with `prefix` instead of a slash."""
    return prefix + command[1:] if command.startswith("/") else command


def control_fields(control: Control) -> dict[str, Any]:
    """A control as JSON values."""
    if isinstance(control, Button):
        fields: dict[str, Any] = {"label": control.label, "command": control.command}
        if control.look is not Look.PLAIN:
            fields["look"] = control.look
        return fields | ({"asks": True} if control.asks else {})
    return {
        "prompt": control.prompt,
        "choices": [[each.label, each.command, each.description] for each in control.choices],
    }


def control_from(fields: Mapping[str, Any]) -> Control:
    """The control of `control_fields`."""
    if "choices" in fields:
        return Menu(fields["prompt"], tuple(Choice(*each) for each in fields["choices"]))
    look = Look(fields.get("look", Look.PLAIN))
    return Button(fields["label"], fields["command"], look, fields.get("asks", False))
