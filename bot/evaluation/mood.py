"""Measure alerts about falling moods on simulated channels, whose shifts are of known time and size.

People's messages are drawn from labelled texts: in each channel with shares of its own, by the hour of
the day. A shift makes more of them negative for some hours. The plugin's own observer sees the messages
in order, with a clock that is simulated; what it raises is compared with the shifts.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bot.errors import BadInput
from bot.evaluation.crowd import BEGIN, HOUR, LABELS, WEEK, Shift, holds, messages_of, shifts_of
from bot.evaluation.rows import Advance, read_rows, since
from bot.loader import load_plugins
from bot.memory import DraftNotes, DraftScores
from bot.message import Priority
from bot.models import SENTIMENT, Labels, Models, NoModels
from bot.observers import Observed, Observer, WatchContext
from bot.settings import Settings

PLUGIN = ("sentiment", "mood")
BATCH = 64
AFTERWARDS = 2 * HOUR
"""An alert so long after the end of a shift still belongs to it."""
QUOTED = 160
"""So many characters of a message stand in an alert."""


@dataclass(frozen=True, slots=True)
class MoodFigures:
    """How alerts went: detected shifts, the delay until the alert, and alerts without a shift.

    `delay_messages` and `delay_minutes` are medians, `p90` their ninth deciles, over the shifts found.
    `false_per_channel_week` counts alerts of falling mood outside shifts. `by_size` is the share found of
    each size. `strong` are alerts about single messages, of which `strong_right` (a share) were labelled
    negative; `grouped` are further reasons that were counted and not told.
    """

    shifts: int
    detected: float
    delay_messages: float
    delay_messages_p90: float
    delay_minutes: float
    delay_minutes_p90: float
    false_per_channel_week: float
    by_size: Mapping[str, float]
    strong: int
    strong_right: float
    grouped: int
    messages: int
    channels: int
    weeks: int
    seed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """The mood of one channel for a chart: moments with their values, its shifts, its alerts."""

    channel: str
    values: Sequence[tuple[datetime, float]]
    shifts: Sequence[Shift]
    alerts: Sequence[datetime]


class Gold(NoModels):
    """Models that know the label of each text: they separate the detector's faults from the classifier's."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """The known label of each text, for sure."""
        return [
            Labels(tuple(sorted(((each, float(each == self._labels[text])) for each in LABELS), key=_last)))
            for text in texts
        ]


class Remembering(NoModels):
    """Models that are asked once for each text: a simulated week says the same things often."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._known: dict[str, Labels] = {}

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """The labels of each text, from memory where they are known."""
        if explain:
            return await self._models.classify(texts, role=role, explain=True, priority=priority)
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            found = await self._models.classify(missing, role=role, priority=priority)
            self._known |= zip(missing, found, strict=True)
        return [self._known[text] for text in texts]


async def evaluate_mood(
    models: Models | None,
    files: Sequence[Path],
    *,
    weeks: int = 1,
    channels: int = 8,
    seed: int = 1,
    advance: Advance | None = None,
    settings: Settings | None = None,
) -> tuple[MoodFigures, list[Course]]:
    """Simulate so many channels for so many weeks after one of quiet; None for `models` takes the labels.

    Rows of the files have `text` and `label` (negative, neutral, positive). Raises BadInput for a file
    that lacks a label, and where the plugin that watches is switched off.
    """
    begun = time.monotonic()
    labels = _labelled(files)
    chance = random.Random(seed)  # noqa: S311 - a simulation
    shifts = [shift for each in range(channels) for shift in shifts_of(f"sim:{each}", weeks, chance)]
    events = messages_of(labels, shifts, weeks=weeks, channels=channels, chance=chance)
    asked = Gold(labels) if models is None else Remembering(models)
    alerts, scores = await _watched(asked, events, settings or Settings(), advance)
    figures = _figures(alerts, shifts, events, labels)
    courses = await _courses(scores, shifts, alerts)
    return (
        MoodFigures(
            **figures,
            messages=len(events),
            channels=channels,
            weeks=weeks,
            seed=seed,
            seconds=since(begun),
        ),
        courses,
    )


def _labelled(files: Sequence[Path]) -> dict[str, str]:
    """The texts of the files with their labels. Raises BadInput where one of the three has no text."""
    labels = {
        row["text"]: row["label"]
        for file in files
        for row in read_rows(file, {"text": str, "label": str})
        if row["label"] in LABELS
    }
    if missing := [each for each in LABELS if each not in labels.values()]:
        raise BadInput(f"The files hold no text that is {' or '.join(missing)}: all three labels are needed.")
    return labels


async def _watched(
    models: Models, events: Sequence[Observed], settings: Settings, advance: Advance | None
) -> tuple[list[dict[str, Any]], DraftScores]:
    """The alerts raised and the scores kept once the observer has seen all events."""
    observer, registered = _observer(settings)
    notes, scores = DraftNotes(), DraftScores()
    raised: dict[str, str] = {}
    for place in range(0, len(events), BATCH):
        batch = events[place : place + BATCH]
        context = WatchContext(models, notes, scores, batch[-1].sent_at, lambda place, key: "", registered)
        await observer.function(context, batch)
        raised |= await notes.all("alert:")  # the plugin keeps the last ones alone
        if advance:
            advance("messages", min(place + BATCH, len(events)), len(events))
    return [json.loads(each) for each in raised.values()], scores


def _observer(settings: Settings) -> tuple[Observer, Mapping[type, object]]:
    """The observer of moods with its settings, set to watch the simulated channels and keep every alert."""
    plugin, name = PLUGIN
    chosen = settings.plugin.get(plugin, {}) | {"monitored": ["sim:*"], "dry_run": True}
    plugins = load_plugins(settings.model_copy(update={"plugin": {**settings.plugin, plugin: chosen}}))
    found = next((each for each in plugins.observers if each.name == name), None)
    if found is None:
        raise BadInput("The plugin 'sentiment' is switched off: take it out of plugins.disabled.")
    return found, plugins.found[found.plugin].settings


def _figures(
    alerts: Sequence[Mapping[str, Any]],
    shifts: Sequence[Shift],
    events: Sequence[Observed],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """What `MoodFigures` says of alerts."""
    falls = [each for each in alerts if each["cause"].startswith("falling")]
    strong = [each for each in alerts if not each["cause"].startswith("falling")]
    delays: list[tuple[Shift, int, float]] = []
    for shift in shifts:
        hits = [_moment(each) for each in alerts if _belongs(each, shift) and each in falls]
        if hits:
            told = min(hits)
            heard = sum(
                holds(shift, each.conversation, each.sent_at) and each.sent_at <= told for each in events
            )
            delays.append((shift, heard, (told - shift.start) / timedelta(minutes=1)))
    wrong = [each for each in falls if not any(_belongs(each, shift) for shift in shifts)]
    quoted = {text[:QUOTED]: label for text, label in labels.items()}
    weeks = len({each.conversation for each in events}) * max(1, _weeks(events))
    sizes = sorted({each.size for each in shifts})
    return {
        "shifts": len(shifts),
        "detected": round(len(delays) / max(1, len(shifts)), 3),
        "delay_messages": _middle([each for _, each, _ in delays]),
        "delay_messages_p90": _ninth([each for _, each, _ in delays]),
        "delay_minutes": _middle([each for _, _, each in delays]),
        "delay_minutes_p90": _ninth([each for _, _, each in delays]),
        "false_per_channel_week": round(len(wrong) / weeks, 3),
        "by_size": {
            str(size): round(
                sum(shift.size == size for shift, _, _ in delays) / sum(each.size == size for each in shifts),
                3,
            )
            for size in sizes
        },
        "strong": len(strong),
        "strong_right": round(
            sum(quoted.get(each["quote"]) == "negative" for each in strong) / max(1, len(strong)), 3
        ),
        "grouped": sum(each["more"] for each in alerts),
    }


def _weeks(events: Sequence[Observed]) -> int:
    return round((events[-1].sent_at - BEGIN) / WEEK)


def _moment(alert: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(alert["raised_at"])


def _belongs(alert: Mapping[str, Any], shift: Shift) -> bool:
    in_time = shift.start <= _moment(alert) < shift.end + AFTERWARDS
    return bool(alert["conversation"] == shift.channel and in_time)


def _middle(values: Sequence[float]) -> float:
    return round(median(values), 1) if values else 0.0


def _ninth(values: Sequence[float]) -> float:
    return round(sorted(values)[int(0.9 * (len(values) - 1))], 1) if values else 0.0


def _last(pair: tuple[str, float]) -> float:
    return -pair[1]


async def _courses(
    scores: DraftScores, shifts: Sequence[Shift], alerts: Sequence[Mapping[str, Any]]
) -> list[Course]:
    """What a chart shows of each channel."""
    found = []
    for channel in dict.fromkeys(each.channel for each in shifts):
        kept = await scores.series(conversation=channel, limit=10**6)
        values = [(each.sent_at, each.value) for each in kept]
        told = [_moment(each) for each in alerts if each["conversation"] == channel]
        own = [each for each in shifts if each.channel == channel]
        found.append(Course(channel, values, own, told))
    return found
