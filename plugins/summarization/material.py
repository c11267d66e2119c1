"""Gather what is to be summarised: only what whoever asks may read where they ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot import Attachment, BadInput, Context, History, Said, document_passages
from plugins.summarization.request import HELP, MOST, Request, Scope
from plugins.summarization.turns import Turn, turns_in, turns_of
from plugins.summarization.wording import OWN

USUAL = 50
UNREAD = 5
"""So many messages since the asker's own last one are what was missed; fewer go with earlier ones."""

PASSAGES = 500
SHOWN = 10
UNKNOWN_LINK = (
    "I know no message of this channel at that address. I read what was said here and fetch no web pages, so "
    "that nothing is sent anywhere: ask in the message's own channel, paste the text, or send it as a file."
)


@dataclass(frozen=True, slots=True)
class Material:
    """Turns in order, and the document they are from."""

    turns: Sequence[Turn]
    title: str = ""


async def gather(context: Context, request: Request) -> Material:
    """What a request stands for. Raises BadInput when it names something that is not there."""
    if request.scope is Scope.TEXT:
        return Material(turns_in(request.text))
    if request.scope is Scope.DOCUMENT:
        return await _document(context, request.text)
    if request.scope is Scope.FILE:
        return await _file(context)
    said = await _messages(await _history(context, request), request)
    alone = context.message.channel.is_direct
    return Material(turns_of(_without_requests(said, alone=alone), quotes_bot=alone))


def _without_requests(said: Sequence[Said], *, alone: bool) -> Iterator[Said]:
    """What was said, but for summaries and what asked for them; among people, for all that calls the bot."""
    summaries = {each.reply_to for each in said if each.by_bot and OWN.match(each.text)}
    for each in said:
        own = each.by_bot and each.reply_to in summaries
        if not own and each.key not in summaries and (alone or not each.to_bot):
            yield each


async def _history(context: Context, request: Request) -> History:
    """The thread's history; the channel's where that is asked for, or where the thread has just begun."""
    history = context.history
    by_message = request.scope in (Scope.HERE, Scope.LINK)
    if request.whole_channel or not (by_message or await history.recent(1)):
        return history.of_channel()
    return history


async def _messages(history: History, request: Request) -> list[Said]:
    if request.scope is Scope.SPAN and request.start is not None:
        return await history.between(request.start, request.end, MOST)
    if request.scope is Scope.HERE:
        quoted = await history.quoted()
        if quoted is None:
            raise BadInput(f"From which message? Reply to it, or choose it in its menu. {HELP}")
        return await history.since(quoted.key, MOST)
    if request.scope is Scope.LINK:
        if not (said := await history.linked(request.text, MOST)):
            raise BadInput(UNKNOWN_LINK)
        return said
    if request.scope is Scope.LAST:
        return await history.recent(request.count)
    last = await history.last_by_asker()
    missed = (await history.since(last.key, MOST))[1:] if last else []
    if last and (
        request.scope is Scope.UNREAD or len([each for each in missed if not each.by_bot]) >= UNREAD
    ):
        return missed
    return await history.recent(USUAL)


def attached(context: Context) -> Attachment | None:
    """The file that came with the message and is to be read."""
    return next((each for each in context.message.attachments if not each.is_audio), None)


async def _file(context: Context) -> Material:
    file = attached(context)
    if file is None:
        raise BadInput(f"There is no file with your message. {HELP}")
    passages = await document_passages(file.name, await context.files.read(file))
    return Material([Turn("", each.text, passage=each) for each in passages[:PASSAGES]], file.name)


async def _document(context: Context, name: str) -> Material:
    titles = await context.knowledge.titles()
    found = [title for title in titles if title.casefold() == name.casefold()]
    found = found or [title for title in titles if name.casefold() in title.casefold()]
    if len(found) != 1:
        known = ", ".join((found or titles)[:SHOWN]) or "none yet"
        which = "Several documents have that name" if found else f"There is no document {name[:60]!r} here"
        raise BadInput(f"{which}: {known}.")
    passages = await context.knowledge.read(found[0], limit=PASSAGES)
    return Material([Turn("", each.text, passage=each) for each in passages], found[0])
