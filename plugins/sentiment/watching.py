"""Score what is said in the watched channels, and tell the moderators when it turns bad."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import EventKind, Labels, Observed, Reply, Score, WatchContext, job, observer
from plugins.sentiment.alerts import QUOTED, Alert, Book, Cause, notice, update
from plugins.sentiment.drift import Drift
from plugins.sentiment.reading import mark
from plugins.sentiment.settings import SentimentSettings
from plugins.sentiment.strength import NEGATIVE, is_strong, value_of

LONGEST = 4000
"""Characters of a message that are read."""
MOST_WORDS = 5
BEHIND = timedelta(minutes=2)
"""While reasons are still counted, an alert's time is not over, even if the clock says so."""


@observer(name="mood")
async def watch(context: WatchContext, events: Sequence[Observed]) -> list[Reply]:
    """Score the watched channels' messages; tell the moderators of bad ones and of falling moods."""
    settings = context.settings(SentimentSettings)
    for event in events:
        if event.kind is EventKind.DELETED:
            await forget_quote(context, event.key)
    heard = [each for each in events if _is_heard(each, settings)]
    if not heard:
        return []
    labels = await context.models.classify([each.text[:LONGEST] for each in heard])
    watch = Watch(context, settings)
    for event, found in zip(heard, labels, strict=True):
        await watch.take(event, found)
    await watch.close()
    return watch.replies


@job(name="mood-updates", every=timedelta(minutes=1))
async def post_updates(context: WatchContext) -> list[Reply]:
    """Post alerts that waited for the end of quiet hours, and how many reasons an alert's hour had."""
    settings, book = context.settings(SentimentSettings), Book(context.notes)
    replies = []
    for name, held in (await context.notes.all("held:")).items():
        alert = await book.find(int(held))
        if alert and settings.is_quiet(alert.conversation, context.now):
            continue
        await context.notes.set(name, None)
        if alert:
            await book.keep(replace(alert, is_posted=True))
            replies.append(notice(alert, to=settings.channel))
    for name, packed in (await context.notes.all("window:")).items():
        number, until, counted = Window.unpack(packed)
        is_open = max(until, counted + BEHIND) > context.now
        if is_open or await context.notes.get(f"held:{number}"):
            continue
        await context.notes.set(name, None)
        alert = await book.find(number)
        if alert and alert.more and alert.is_posted:
            replies.append(update(alert, to=settings.channel))
    return replies


async def forget_quote(context: WatchContext, key: str) -> None:
    """Take the words of a deleted message out of the alert that quotes it."""
    number = await context.notes.get(_quoted(key))
    if number is None:
        return
    await context.notes.set(_quoted(key), None)
    book = Book(context.notes)
    if alert := await book.find(int(number)):
        await book.keep(replace(alert, quote="", words=()))


def _quoted(key: str) -> str:
    return f"quoted:{key}"


class Window:
    """The time after an alert in which its channel raises no other for the same cause.

    It ends by the messages' own time: after a flood those of its time may come long after it.
    """

    @staticmethod
    def pack(number: int, until: datetime, counted: datetime) -> str:
        """The alert's number, the end, and when a reason was last counted, as JSON."""
        return json.dumps([number, until.isoformat(), counted.isoformat()])

    @staticmethod
    def unpack(packed: str) -> tuple[int, datetime, datetime]:
        """Those of `pack`; earlier versions wrote no last time."""
        number, until, *counted = json.loads(packed)
        return number, datetime.fromisoformat(until), datetime.fromisoformat(counted[0] if counted else until)


class Watch:
    """One batch of messages. `replies` are what the moderators are told of it."""

    def __init__(self, context: WatchContext, settings: SentimentSettings) -> None:
        self.replies: list[Reply] = []
        self._context = context
        self._settings = settings
        self._book = Book(context.notes)
        self._drifts: dict[str, Drift] = {}
        self._names: dict[str, str] = {}

    async def take(self, event: Observed, labels: Labels) -> None:
        """Score one message, and raise what it gives reason for."""
        channel, value = _channel(event), value_of(labels)
        author = event.author.id
        await self._context.scores.put(
            Score(event.key, channel, author, event.sent_at, value, mark(labels.label, event.conversation))
        )
        if event.author.name:
            self._names[f"author:{channel.partition(':')[0]}:{author}/name"] = event.author.name
        chosen = self._settings.of(event.conversation)
        if is_strong(event.text, labels, chosen.strong or 1.0):
            await self._raise(await self._strong(event, labels), event)
        if event.kind is EventKind.CREATED:
            before = await self._drift(channel)
            drift = self._drifts[channel] = before.after(value)
            if drift.is_known and drift.fall >= (chosen.fall or 1.0):
                self._drifts[channel] = drift.told()
                await self._raise(_fallen(event, drift), event)

    async def close(self) -> None:
        """Keep what was learnt."""
        for channel, drift in self._drifts.items():
            await self._context.notes.set(f"drift:{channel}", drift.pack())
        for name, written in self._names.items():
            if await self._context.notes.get(name) != written:
                await self._context.notes.set(name, written)

    async def _drift(self, channel: str) -> Drift:
        if channel not in self._drifts:
            self._drifts[channel] = Drift.unpack(await self._context.notes.get(f"drift:{channel}"))
        return self._drifts[channel]

    async def _strong(self, event: Observed, labels: Labels) -> Alert:
        chance = f"Negative with a probability of {labels.of(NEGATIVE):.2f}, by {_name(event)}."
        return _alert(event, Cause.STRONG, chance, quote=event.text[:QUOTED])

    async def _raise(self, alert: Alert, event: Observed) -> None:
        """Tell of an alert, or count it where one was raised a short while ago."""
        channel, link = _channel(event), self._context.link(event.conversation, event.key)
        window = f"window:{channel}:{alert.cause.name}"
        packed = await self._context.notes.get(window)
        if packed:
            number, until, _ = Window.unpack(packed)
            open_one = await self._book.find(number)
            if open_one and event.sent_at < until:
                await self._context.notes.set(window, Window.pack(number, until, self._context.now))
                await self._book.keep(open_one.with_another(link))
                return
            if open_one and open_one.more and open_one.is_posted:
                self.replies.append(update(open_one, to=self._settings.channel))
        number = await self._book.next_number()
        alert = replace(alert, number=number, links=(link,) if link else ())
        if alert.quote:
            alert = replace(alert, words=await self._words(event.text[:LONGEST]))
            await self._context.notes.set(_quoted(event.key), str(number))
        until = event.sent_at + timedelta(minutes=self._settings.cool_down_minutes)
        await self._context.notes.set(window, Window.pack(number, until, self._context.now))
        await self._tell(alert)

    async def _tell(self, alert: Alert) -> None:
        settings = self._settings
        if not settings.dry_run and settings.channel:
            if settings.is_quiet(alert.conversation, self._context.now):
                await self._context.notes.set(f"held:{alert.number}", str(alert.number))
            else:
                alert = replace(alert, is_posted=True)
                self.replies.append(notice(alert, to=settings.channel))
        await self._book.keep(alert)

    async def _words(self, text: str) -> tuple[str, ...]:
        """The words that spoke most for the verdict."""
        labels = (await self._context.models.classify([text], explain=True))[0]
        return decisive(text, labels)


def decisive(text: str, labels: Labels) -> tuple[str, ...]:
    """The words that spoke most for a label, strongest first, each once."""
    ranked = sorted((each for each in labels.words if each.score > 0), key=lambda each: -each.score)
    words = dict.fromkeys(text[each.start : each.end].casefold() for each in ranked)
    return tuple(words)[:MOST_WORDS]


def _is_heard(event: Observed, settings: SentimentSettings) -> bool:
    if event.is_bot or event.is_direct or event.kind is EventKind.DELETED or not event.text.strip():
        return False
    return settings.is_monitored(event.conversation)


def _channel(event: Observed) -> str:
    """The channel of an event; a thread's mood is its channel's."""
    return event.conversation.partition("/")[0]


def _name(event: Observed) -> str:
    return event.author.name or event.author.id


def _fallen(event: Observed, drift: Drift) -> Alert:
    distance = (drift.mean - drift.recent) / drift.deviation
    numbers = (
        f"The last messages average {drift.recent:+.2f}, usual here is {drift.mean:+.2f} "
        f"({distance:.1f} standard deviations lower, over {drift.count} messages)."
    )
    return _alert(event, Cause.FALL, numbers)


def _alert(event: Observed, cause: Cause, numbers: str, *, quote: str = "") -> Alert:
    return Alert(0, event.conversation, cause, event.sent_at, numbers, quote=quote)
