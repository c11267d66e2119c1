"""Translate what people write in some channels without being asked, for those who read another language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from bot import EventKind, Observed, Priority, Reply, WatchContext, language_name, observer
from plugins.translation.detection import detect
from plugins.translation.keeping import prose
from plugins.translation.model import BUILT_IN, ROLE
from plugins.translation.settings import TranslationSettings
from plugins.translation.work import Translator

BATCH = 16
SECONDS = 60.0
LATE = timedelta(minutes=10)
"""A message that waited so long, because no model answered, is left: people have gone on."""

ENOUGH = 12
"""Letters from which a message tells in which language its author writes."""

MOST_TARGETS = 3
COMMAND = re.compile(r"[/!][A-Za-z]")
MARKUP = re.compile(r"[*_`~|\[\]\\<>@]")


@observer(name="automatic", batch=BATCH, deadline=SECONDS * 2, priority=Priority.PERSON)
async def automatic(context: WatchContext, events: Sequence[Observed]) -> Sequence[Reply]:
    """Post what is written in some channels in their other languages, too.

    Only new messages of people: an edit is not translated again, for its translation would stand far
    below it. What has no words, is a command, or is in an unknown language is left alone.
    """
    settings = context.settings(TranslationSettings)
    posts: list[Reply] = []
    for event in events:
        rule = settings.rule(event.conversation)
        if rule is None or not _is_wanted(event, context, settings):
            continue
        source = await detect(words := prose(event.text))
        targets = rule.languages or await _read_there(context, event, source, words)
        if source in targets or (source and not rule.languages):
            posts += await _posts(context, event, source, [each for each in targets if each != source])
    return posts


def _is_wanted(event: Observed, context: WatchContext, settings: TranslationSettings) -> bool:
    return (
        event.kind is EventKind.CREATED
        and not (event.is_bot or event.is_direct)
        and ROLE in context.models.roles()
        and context.now - event.sent_at < LATE
        and len(event.text) <= settings.characters
        and not COMMAND.match(event.text)
        and bool(prose(event.text))
    )


async def _read_there(context: WatchContext, event: Observed, source: str, words: str) -> Sequence[str]:
    """The languages that others write in this place, those of most people first; notes the author's."""
    platform = event.conversation.partition(":")[0]
    own = f"author:{platform}:{event.author.id}/{event.conversation}"
    if source and len(re.findall(r"[^\W\d_]", words)) >= ENOUGH:
        await context.notes.set(own, source)
    noted = await context.notes.all(f"author:{platform}:")
    others = Counter(
        language
        for name, language in noted.items()
        if name != own and name.partition("/")[2] == event.conversation
    )
    return [language for language, _ in others.most_common() if language != source][:MOST_TARGETS]


async def _posts(
    context: WatchContext, event: Observed, source: str, targets: Sequence[str]
) -> Sequence[Reply]:
    """One post with a part for each language; none where nothing faithful came."""
    parts = []
    for target in targets:
        translator = Translator(
            context.models,
            source,
            target,
            glossary=context.settings(TranslationSettings).words(target),
            priority=Priority.PERSON,
            seconds=SECONDS / len(targets),
        )
        found = await translator.translate(event.text)
        if found.text != event.text:
            parts.append(f"{_head(context, event, source, target)}\n\n{found.text}")
    return [Reply("\n\n".join(parts), to=event.conversation)] if parts else []


def _head(context: WatchContext, event: Observed, source: str, target: str) -> str:
    name = " ".join(MARKUP.sub("", event.author.name).split())
    who = f"**{name}** · " if name else ""
    small = ", by the small built-in model" if context.models.origin(ROLE) == BUILT_IN else ""
    link = f" · [message]({event.link})" if event.link else ""
    return f"{who}*{language_name(source)} → {language_name(target)}{small}*{link}"
