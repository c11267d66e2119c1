"""The week in the watched channels, for the moderators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from bot import Reply, Score, WatchContext, job
from plugins.sentiment.alerts import Alert, Book, Verdict
from plugins.sentiment.chart import in_steps, sparkline
from plugins.sentiment.settings import SentimentSettings
from plugins.sentiment.strength import NEGATIVE

WEEK = timedelta(days=7)
DAYS = 7
MOST = 100_000


@job(name="mood-digest", at="mon 09:00")
async def digest(context: WatchContext) -> Reply | None:
    """Tell the moderators how the week was in each watched channel."""
    settings = context.settings(SentimentSettings)
    if not (settings.channel and settings.digest):
        return None
    channels = [name.removeprefix("drift:") for name in await context.notes.all("drift:")]
    lines = [line for each in sorted(channels) if (line := await _line(context, each))]
    if not lines:
        return None
    alerts = [each for each in await Book(context.notes).last() if each.raised_at >= context.now - WEEK]
    head = ["**The mood of the week**", "", "| Channel | Messages | Mood | Week before | Negative | By day |"]
    table = [*head, "|---|---|---|---|---|---|", *lines, "", _judged(alerts)]
    return Reply("\n".join(table), to=settings.channel)


async def _line(context: WatchContext, channel: str) -> str:
    now, scores = context.now, context.scores
    week = await scores.series(conversation=channel, start=now - WEEK, end=now, limit=MOST)
    before = await scores.series(conversation=channel, start=now - 2 * WEEK, end=now - WEEK, limit=MOST)
    if not week:
        return ""
    negative = sum(each.label.startswith(NEGATIVE) for each in week)
    points = [(each.sent_at, each.value) for each in week]
    chart = sparkline(in_steps(points, now - WEEK, now, steps=DAYS))
    return (
        f"| {channel} | {len(week)} | {_mean(week)} | {_mean(before)} "
        f"| {round(100 * negative / len(week))} % | `{chart}` |"
    )


def _mean(scores: Sequence[Score]) -> str:
    return f"{fmean(each.value for each in scores):+.2f}" if scores else "–"


def _judged(alerts: Sequence[Alert]) -> str:
    right = sum(each.verdict == Verdict.RIGHT for each in alerts)
    false = sum(each.verdict == Verdict.FALSE for each in alerts)
    open_ones = len(alerts) - right - false
    return f"Alerts: {len(alerts)} ({right} right, {false} false alarms, {open_ones} not judged)."
