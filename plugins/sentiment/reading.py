"""The mood over a span of time, from scores: counts, a line of blocks, and the worst messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from bot import Score
from plugins.sentiment.chart import in_steps, sparkline
from plugins.sentiment.strength import NEGATIVE, POSITIVE

WORST = 3


@dataclass(frozen=True, slots=True)
class Mood:
    """The mood of one message: its value, its label, when it was written and where it is read."""

    value: float
    label: str
    sent_at: datetime
    link: str = ""


def mark(label: str, conversation: str) -> str:
    """What a score keeps beside its value: the label, and the very conversation it was said in.

    The score itself counts for the channel, so that what is said in threads is part of its mood.
    """
    return f"{label} {conversation}"


def moods(scores: Sequence[Score], link: Callable[[str, str], str]) -> list[Mood]:
    """The moods that scores stand for."""
    found = []
    for score in scores:
        label, _, conversation = score.label.partition(" ")
        found.append(
            Mood(score.value, label, score.sent_at, link(conversation or score.conversation, score.key))
        )
    return found


def report(title: str, found: Sequence[Mood]) -> str:
    """What is said about the mood of something, from its messages, oldest first."""
    mean = fmean(each.value for each in found)
    counts = {label: sum(each.label == label for each in found) for label in (POSITIVE, NEGATIVE)}
    points = [(each.sent_at, each.value) for each in found]
    chart = sparkline(in_steps(points, points[0][0], points[-1][0]))
    count = f"{len(found)} message{'' if len(found) == 1 else 's'}"
    shares = " and ".join(f"{_share(counts[label], found)} {label}" for label in counts)
    lines = [
        f"**{title}**: {_in_words(mean)} ({mean:+.2f} on a scale from -1 to +1)",
        f"`{chart}` from left to right in time; low is negative, · is silence",
        f"{count}: {shares}.",
    ]
    worst = sorted((each for each in found if each.label == NEGATIVE), key=lambda each: each.value)[:WORST]
    lines += [f"- {each.value:+.2f} {each.sent_at:%d %b %H:%M} {each.link}".rstrip() for each in worst]
    return "\n".join(lines)


def _share(count: int, found: Sequence[Mood]) -> str:
    return f"{round(100 * count / len(found))} %"


def _in_words(mean: float) -> str:
    for least, words in ((0.35, "good"), (0.1, "rather good"), (-0.1, "even"), (-0.35, "rather bad")):
        if mean >= least:
            return words
    return "bad"
