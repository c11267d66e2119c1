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
)


def summary(digest: Digest, turns: Sequence[Turn], wording: Wording, *, title: str = "") -> Reply:
    """What was covered, and the points by section; each with who said it and where it stands."""
    numbers: dict[str, int] = {}
    citations: list[Citation] = []

    def line(point: Point) -> str:
        passage = point.turn.passage
        if passage is not None and passage.id not in numbers:
            citations.append(passage.cite())
            numbers[passage.id] = len(citations)
        return _line(point, wording, numbers[passage.id] if passage is not None else 0)

    sections = (
        (wording.key_points, digest.key_points),
        (wording.decisions, digest.decisions),
        (wording.questions, digest.questions),
    )
    told = ["\n".join([f"**{name}**", "", *map(line, points)]) for name, points in sections if points]
    return Reply("\n\n".join([_head(turns, wording, title), *told]), tuple(citations))


def refusal(turns: Sequence[Turn], wording: Wording) -> str:
    """That there is nothing to summarise, or too little."""
    messages, people = _counts(turns, wording)
    return wording.little.format(messages=messages, people=people) if turns else wording.nothing


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


def _line(point: Point, wording: Wording, number: int) -> str:
    speaker = " ".join(MARKUP.sub("", point.turn.speaker).split())
    said = f"**{speaker}**{wording.colon}{point.text}" if speaker else point.text
    if number:
        return f"- {said} [{number}]"
    return f"- {said} ([{wording.link}]({point.turn.link}))" if point.turn.link else f"- {said}"
