"""The words of a summary, in English or Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot import Citation, Reply
from plugins.summarization.digest import Digest, Point
from plugins.summarization.turns import Turn

OWN = re.compile(r"(Summary of |摘要：)")
MARKUP = re.compile(r"[*_`~|\[\]\\]")


@dataclass(frozen=True, slots=True)
class Wording:
    """The fixed texts of one language."""

    messages: str
    document: str
    text: str
    key_points: str
    decisions: str
    questions: str
    link: str
    colon: str
    me: str
    nothing: str
    little: str
    little_text: str
    written: str
    dropped: str
    dropped_one: str
    separator: str


ENGLISH = Wording(
    messages="Summary of {messages} by {people}{me}.",
    document="Summary of {title}.",
    text="Summary of the text.",
    key_points="Key points",
    decisions="Decisions",
    questions="Open questions",
    link="message",
    colon=": ",
    me=" and me",
    nothing="There is nothing to summarise: nobody wrote anything there.",
    little="There is too little to summarise: {messages} by {people}. It is quicker to read.",
    little_text="There is too little to summarise. It is quicker to read.",
    written="Written by {writer}, and every sentence held against what was said.",
    dropped="{count} sentences are left out: nothing that was said supports them.",
    dropped_one="One sentence is left out: nothing that was said supports it.",
    separator=", ",
)
CHINESE = Wording(
    messages="摘要：{people}{me}的{messages}。",
    document="摘要：《{title}》。",
    text="摘要：这段文字。",
    key_points="要点",
    decisions="决定",
    questions="待解决的问题",
    link="消息",
    colon="：",
    me="和我",
    nothing="没有可以总结的内容：那里没有人发言。",
    little="内容太少，不必总结：只有{people}的{messages}，直接读更快。",
    little_text="内容太少，不必总结，直接读更快。",
    written="由{writer}撰写，每句话都与原文核对过。",
    dropped="略去{count}句：原文中没有依据。",
    dropped_one="略去1句：原文中没有依据。",
    separator="、",
)


def summary(digest: Digest, turns: Sequence[Turn], wording: Wording, *, title: str = "") -> Reply:
    """What was covered, and the points by section; each with who said it and where it stands."""
    numbers: dict[str, int] = {}
    citations: list[Citation] = []

    def line(point: Point) -> str:
        passages = [turn.passage for turn in point.turns if turn.passage is not None]
        for passage in passages:
            if passage.id not in numbers:
                citations.append(passage.cite())
                numbers[passage.id] = len(citations)
        return _line(point, wording, [numbers[passage.id] for passage in passages])

    sections = (
        (wording.key_points, digest.key_points),
        (wording.decisions, digest.decisions),
        (wording.questions, digest.questions),
    )
    told = ["\n".join([f"**{name}**", "", *map(line, points)]) for name, points in sections if points]
    foot = [_foot(digest, wording)] if digest.writer else []
    return Reply("\n\n".join([_head(turns, wording, title), *told, *foot]), tuple(citations))


def refusal(turns: Sequence[Turn], wording: Wording) -> str:
    """That there is nothing to summarise, or too little."""
    if not turns:
        return wording.nothing
    if not any(turn.speaker for turn in turns):
        return wording.little_text
    messages, people = _counts(turns, wording)
    return wording.little.format(messages=messages, people=people)


def _head(turns: Sequence[Turn], wording: Wording, title: str) -> str:
    if title:
        return wording.document.format(title=title)
    if not any(turn.speaker for turn in turns):
        return wording.text
    messages, people = _counts(turns, wording)
    me = wording.me if any(turn.by_bot for turn in turns) else ""
    return wording.messages.format(messages=messages, people=people, me=me)


def _counts(turns: Sequence[Turn], wording: Wording) -> tuple[str, str]:
    messages, people = len(turns), len({turn.speaker for turn in turns if not turn.by_bot})
    if wording is CHINESE:
        return f"{messages}条消息", f"{people}人"
    return (
        f"{messages:,} message{'' if messages == 1 else 's'}",
        f"{people} {'person' if people == 1 else 'people'}",
    )


def _line(point: Point, wording: Wording, numbers: Sequence[int]) -> str:
    speakers = [_name(turn) for turn in point.turns if turn.speaker]
    quoted = point.is_quoted and speakers
    said = f"**{speakers[0]}**{wording.colon}{point.text}" if quoted else point.text
    links = [f"[{wording.link}]({turn.link})" for turn in point.turns if turn.link]
    if numbers:
        return f"- {said} {''.join(f'[{number}]' for number in numbers)}"
    if not point.is_quoted and not links:
        links = list(dict.fromkeys(speakers))
    return f"- {said} ({wording.separator.join(links)})" if links else f"- {said}"


def _name(turn: Turn) -> str:
    return " ".join(MARKUP.sub("", turn.speaker).split())


def _foot(digest: Digest, wording: Wording) -> str:
    """Whose words these are, and how much was left out."""
    lines = [wording.written.format(writer=MARKUP.sub("", digest.writer))]
    if digest.dropped:
        count = wording.dropped_one if digest.dropped == 1 else wording.dropped
        lines.append(count.format(count=digest.dropped))
    return f"*{' '.join(lines)}*"
