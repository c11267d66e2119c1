"""What the page shows of stored values: HTML by templates, and the few facts its script needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bot.connectors.web.citation import sources
from bot.connectors.web.language import Strings
from bot.connectors.web.markdown import MARKER, plain, render
from bot.message import unpack_reply
from bot.skills import Skill
from storage import Conversation, HistoryMessage, Role

TITLE_LENGTH = 60


@cache
def environment() -> Environment:
    """The page's templates, every value escaped."""
    return Environment(
        loader=PackageLoader("bot.connectors.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def version() -> str:
    """A fingerprint of the style and the script, so that browsers may keep them for ever."""
    folder = files(__package__).joinpath("static")
    content = b"".join(each.read_bytes() for each in sorted(folder.iterdir(), key=lambda each: each.name))
    return hashlib.sha256(content).hexdigest()[:12]


def show_page(name: str, strings: Strings, **values: Any) -> str:
    """A whole page."""
    return (
        environment().get_template(name).render(strings=strings, say=strings.say, version=version(), **values)
    )


def show_message(message: HistoryMessage, strings: Strings, thumb: int = 0) -> dict[str, Any]:
    """A message for the page: its key, its order and its HTML. `thumb` is the visitor's own, 0 for none."""
    return {
        "key": message.key,
        "id": message.id,
        "revision": message.revision,
        "by_bot": message.role is Role.BOT,
        "deleted": message.deleted,
        "html": _fragment(message, strings, thumb),
    }


def show_draft(text: str, strings: Strings) -> str:
    """A draft as HTML. Its citations cannot be opened yet, so their numbers are left out."""
    return render(MARKER.sub("", text), copy=strings.say("copy")) if text else ""


def show_conversation(conversation: Conversation, strings: Strings) -> dict[str, Any]:
    """A line of the conversation list; `at` is ISO 8601, or None while nothing was said."""
    title = plain(conversation.title)[:TITLE_LENGTH] or strings.say("untitled")
    moment = conversation.last_message_at
    return {
        "id": conversation.key.partition(":")[2],
        "title": title,
        "at": moment.isoformat() if moment else None,
    }


def show_skills(skills: Iterable[Skill], prefix: str) -> list[dict[str, Any]]:
    """The commands a visitor may type, with what a form for them needs."""
    return [
        {
            "name": skill.name,
            "usage": prefix + skill.usage,
            "summary": skill.summary,
            "parameters": [
                {
                    "name": parameter.name,
                    "help": parameter.help,
                    "kind": parameter.type.__name__,
                    "required": parameter.required,
                    "rest": parameter.rest,
                    "choices": parameter.choices,
                }
                for parameter in skill.parameters
            ],
        }
        for skill in skills
    ]


def _fragment(message: HistoryMessage, strings: Strings, thumb: int) -> str:
    reply = unpack_reply(message.packed) if message.packed and not message.deleted else None
    cited = sources(reply) if reply else []
    body: str = Markup("")
    if not message.deleted:
        labels = [strings.say("open_source", source=source.label) for source in cited]
        body = render(message.text, citations=labels, copy=strings.say("copy"))
    return (
        environment()
        .get_template("message.html")
        .render(
            message=message,
            body=body,
            sources=cited,
            thumb=thumb,
            by_bot=message.role is Role.BOT,
            say=strings.say,
        )
    )
