"""Sum up conversations, documents and texts: key points, decisions and open questions, all quoted."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from bot import Context, PluginSettings, Reply, Skill, Suggest, hookimpl, skill
from plugins.summarization.digest import digest
from plugins.summarization.forms import is_cjk
from plugins.summarization.material import Material, attached, gather
from plugins.summarization.request import Request, Scope, means_file, read_request
from plugins.summarization.retelling import retold, writing_role
from plugins.summarization.turns import sentences_of
from plugins.summarization.wording import CHINESE, ENGLISH, Wording, refusal, summary

FEWEST = 3
DEADLINE_SECONDS = 120.0
READING_SHARE = 0.25
"""How much of the time the choice of quotations may take; a model that writes has its share after that."""

SPANS = ("since I last read", "last 50", "today", "since yesterday", "2 hours", "this week", "channel", "all")


class SummarySettings(PluginSettings):
    """How conversations are summed up."""

    style: Literal["auto", "quoted", "written"] = Field(
        "auto",
        description="auto: in the words of a model that you named for summary or chat, each sentence held "
        "against what was said; without one, in quotations. written: also in those of a model that comes "
        "with parley. quoted: in quotations alone.",
    )

    time_zone: str = Field(
        "",
        description="Whose days today and yesterday are, such as Europe/Berlin. Empty: the machine's.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        _zone(name)
        return name


async def spans(context: Context, typed: str) -> Sequence[str]:
    """What can be summed up, and the documents here, as far as they fit to what is typed."""
    documents = [f"document {title}" for title in await context.knowledge.titles()]
    return [each for each in (*SPANS, *documents) if typed.strip().casefold() in each.casefold()]


@skill(
    aliases=("summary", "recap"),
    menu="Summarize from here",
    to_asker=True,
    deadline=DEADLINE_SECONDS,
    examples=(
        "what did I miss?",
        "summarize this conversation",
        "give me a summary of this thread",
        "sum up the last 50 messages",
        "what happened here today?",
        "catch me up since yesterday",
        "what did we decide?",
        "我错过了什么？",
        "总结一下",
        "总结一下这个讨论",
        "总结最近两小时的消息",
        "今天大家说了什么？",
        "概括最近50条消息",
    ),
)
async def summarize(
    context: Context,
    what: Annotated[
        str,
        "50, today, since yesterday, 2 hours, since I last read, from here, all, document NAME, or a text",
        Suggest(spans),
    ] = "",
) -> Reply:
    """Sum up what was said here, a document or a text: key points, decisions, open questions.

    Every point is a quotation, or a sentence that was held against what was said, with where it stands.
    Without words it takes what was said since your own last message, or the last 50 messages. A file sent
    with the command is summed up, and so is what the link of a message here leads to.
    """
    material = await gather(context, await _request(context, what))
    wording = _wording(what, material)
    quotable = [turn for turn in material.turns if turn.quotable]
    is_talk = any(turn.speaker for turn in quotable)
    count = len(quotable) if is_talk else len(sentences_of(quotable))
    if count < FEWEST and not material.title:
        return Reply(refusal(quotable, wording))
    points = await digest(material.turns, context.models, seconds=context.deadline * READING_SHARE)
    if points.is_empty:
        return Reply(refusal(quotable, wording))
    if role := writing_role(context, context.settings(SummarySettings).style):
        points = await retold(context, material.turns, points, role)
    return summary(points, quotable, wording, title=material.title)


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer summarize."""
    register(summarize)


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.summarization]."""
    register(SummarySettings)


async def _request(context: Context, what: str) -> Request:
    """What is asked for; a bare call upon a message, or in reply to it, asks for what follows it."""
    if attached(context) is not None and means_file(what):
        return Request(Scope.FILE)
    called_upon = context.message.reply_to is not None and not what.strip()
    if called_upon and (context.message.call or await context.history.quoted()):
        return Request(Scope.HERE)
    moment = datetime.now(UTC).astimezone(_zone(context.settings(SummarySettings).time_zone))
    return read_request(what, now=moment, typed=what.strip() != context.message.text.strip())


def _wording(what: str, material: Material) -> Wording:
    """In the language that was asked in, or else in that of what was said."""
    if what.strip():
        return CHINESE if is_cjk(what) else ENGLISH
    chinese = sum(is_cjk(turn.text) for turn in material.turns)
    return CHINESE if chinese * 2 > len(material.turns) else ENGLISH


def _zone(name: str) -> tzinfo | None:
    """The zone of a name; None for the machine's own. Raises ValueError for one that is not known."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone: write one such as Europe/Berlin") from None
