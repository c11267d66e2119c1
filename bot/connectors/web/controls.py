"""The controls under an answer as the page shows them, and the calls its forms send."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.app import Bot
from bot.connectors.web.refusal import Refusal
from bot.controls import CHOICES, Button, Choice, Control, Form, said
from bot.message import Call, clean_text

ARGUMENTS = 50


def show_control(control: Control, bot: Bot, conversation: str) -> dict[str, Any]:
    """A control for the template. `press` is what the script does: say a text, or open a form."""
    prefix = bot.settings.router.prefix
    if isinstance(control, Button):
        form = _form(control, bot, conversation)
        press = {"form": show_form(form)} if form else {"text": said(control.command, prefix)}
        return {"label": control.label, "look": control.look, "press": press}
    choices = [
        {"label": _line(each), "press": {"text": said(each.command, prefix)}}
        for each in control.choices[:CHOICES]
    ]
    return {"prompt": control.prompt, "choices": choices}


def show_form(form: Form) -> dict[str, Any]:
    """A form for the script, as JSON values."""
    return asdict(form)


def read_call(given: object, *, limit: int) -> Call | None:
    """The call in a request, None without one. Raises Refusal when it is none, or over `limit` KiB."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise Refusal(400, "malformed")
    skill, arguments = given.get("skill"), given.get("arguments")
    if not isinstance(skill, str) or not isinstance(arguments, dict) or len(arguments) > ARGUMENTS:
        raise Refusal(400, "malformed")
    if not all(isinstance(value, str) for value in arguments.values()):
        raise Refusal(400, "malformed")
    words = tuple((clean_text(name), clean_text(value)) for name, value in arguments.items())
    if len(skill) + sum(len(part.encode()) for pair in words for part in pair) > limit * 1024:
        raise Refusal(413, "long_message", limit=limit)
    return Call(clean_text(skill), words)


def _form(button: Button, bot: Bot, conversation: str) -> Form | None:
    call = bot.offers.call(button.command, conversation) if button.asks else None
    return bot.offers.form(call, conversation) if call else None


def _line(choice: Choice) -> str:
    return f"{choice.label} · {choice.description}" if choice.description else choice.label
