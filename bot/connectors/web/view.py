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
from bot.connectors.web.controls import show_control, show_form
from bot.connectors.web.language import Strings
from bot.connectors.web.markdown import MARKER, plain, render
from bot.connectors.web.visit import Visit
from bot.message import Reply, unpack_reply
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


def show_message(message: HistoryMessage, here: Visit, thumb: int = 0) -> dict[str, Any]:
    """A message for the page: its key, its order and its HTML. `thumb` is the visitor's own, 0 for none."""
    return {
        "key": message.key,
        "id": message.id,
        "revision": message.revision,
        "by_bot": message.role is Role.BOT,
        "deleted": message.deleted,
        "html": _fragment(message, here, thumb),
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
    """The commands a visitor may type, each with its form when it takes anything."""
    return [
        {
            "name": skill.name,
            "usage": prefix + skill.usage,
            "summary": skill.summary,
            "form": show_form(skill.form({})) if skill.parameters else None,
        }
        for skill in skills
    ]


def _fragment(message: HistoryMessage, here: Visit, thumb: int) -> str:
    strings = here.strings
    reply = unpack_reply(message.packed) if message.packed and not message.deleted else Reply("")
    cited = sources(reply)
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
            controls=[show_control(each, here.site.bot, message.conversation) for each in reply.controls],
            thumb=thumb,
            by_bot=message.role is Role.BOT,
            say=strings.say,
        )
    )
