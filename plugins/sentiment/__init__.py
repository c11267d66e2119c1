"""The mood of messages, channels and people, and alerts when it turns bad."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from bot import (
    BadInput,
    Context,
    Job,
    Observer,
    PluginSettings,
    Reply,
    Said,
    Skill,
    hookimpl,
    skill,
)
from plugins.sentiment.alerts import Book, Verdict, listing
from plugins.sentiment.asking import About, Question, read_question
from plugins.sentiment.digest import digest
from plugins.sentiment.judging import judged
from plugins.sentiment.reading import Mood, moods, report
from plugins.sentiment.settings import SentimentSettings
from plugins.sentiment.strength import value_of
from plugins.sentiment.watching import LONGEST, post_updates, watch

MOST = 5000
UNSCORED = 200
"""Messages of a channel that is not watched, which are scored when someone asks."""
SHOWN = 20


@skill(
    aliases=("sentiment",),
    menu="Mood of this message",
    to_asker=True,
    examples=(
        "what is the mood here?",
        "how is the mood in this channel?",
        "is this message positive or negative?",
        "is everybody in a bad mood today?",
        "这里的气氛怎么样？",
    ),
)
async def mood(
    context: Context,
    what: Annotated[str, "A text, or: here, #channel, me, @person, then today, 3 days, this week"] = "",
) -> Reply:
    """Tell the mood of a text, of a channel or of yourself: positive, neutral or negative.

    `/mood What a lovely day` judges the text and names the words that decided. `/mood here today` shows
    how it went, with the worst messages. In reply to a message it judges that. The mood of other people
    is for moderators.
    """
    said = await context.history.quoted()
    if not what.strip() and said is not None:
        return Reply(await judged(context, said.text[:LONGEST]))
    question = read_question(what or "here", now=datetime.now(UTC))
    if what.strip() == context.message.text.strip() and question.about is About.TEXT:
        question = read_question("here", now=datetime.now(UTC))
    if question.about is About.TEXT:
        return Reply(await judged(context, question.name[:LONGEST]))
    found = await _found(context, question)
    if not found:
        raise BadInput(_nothing(context, question))
    return Reply(report(f"The mood of {_title(question)}, {question.span}", found))


@skill(to_asker=True)
async def alerts(context: Context, count: Annotated[int, "How many, at most 50"] = 10) -> Reply:
    """Show the last alerts about the mood, those of a dry run, too. For moderators."""
    _check_moderator(context)
    kept = await Book(context.notes).last(max(1, min(50, count)))
    if not kept:
        watched = context.settings(SentimentSettings).monitored
        raise BadInput(
            "There was no alert yet."
            if watched
            else "No channel is watched. Name some by `monitored` in [plugin.sentiment] of the settings."
        )
    dry = context.settings(SentimentSettings).dry_run
    note = (
        "\n\nThis is a dry run: nothing is posted until `dry_run = false` in [plugin.sentiment]."
        if dry
        else ""
    )
    return Reply(listing(kept) + note)


@skill(to_asker=True)
async def verdict(
    context: Context,
    number: Annotated[int, "The alert's number"],
    judgement: Annotated[Literal["right", "false"], "right, or false for a false alarm"],
) -> Reply:
    """Say whether an alert was right, so that the digest can tell how well alerts work. For moderators."""
    _check_moderator(context)
    book = Book(context.notes)
    alert = await book.find(number)
    if alert is None:
        raise BadInput(f"There is no alert {number}, or it is too old. `/alerts` lists the last ones.")
    found = Verdict(judgement)
    await book.keep(replace(alert, verdict=found))
    word = "right" if found is Verdict.RIGHT else "a false alarm"
    return Reply(f"Noted: alert {number} was {word}.")


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.sentiment]."""
    register(SentimentSettings)


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer mood, alerts and verdict."""
    for each in (mood, alerts, verdict):
        register(each)


@hookimpl
def register_observers(register: Callable[[Observer], None]) -> None:
    """Watch the channels."""
    register(watch)


@hookimpl
def register_jobs(register: Callable[[Job], None]) -> None:
    """Post what waited, and the digest."""
    register(post_updates)
    register(digest)


async def _found(context: Context, question: Question) -> Sequence[Mood]:
    """The moods asked for. Raises BadInput where the asker may not see them."""
    channel = context.message.channel
    here = f"{channel.platform}:{channel.id}"
    if question.about in (About.ME, About.PERSON):
        author = await _author(context, question)
        scores = await context.scores.series(author=author, start=question.start, limit=MOST)
        mine = [each for each in scores if each.conversation.startswith(f"{channel.platform}:")]
        return moods(mine, context.link)
    if question.about is About.CHANNEL:
        _check_moderator(context)
        place = question.name if ":" in question.name else f"{channel.platform}:{question.name}"
        return moods(
            await context.scores.series(conversation=place, start=question.start, limit=MOST), context.link
        )
    scores = await context.scores.series(conversation=here, start=question.start, limit=MOST)
    return moods(scores, context.link) if scores else await _scored_now(context, question)


async def _scored_now(context: Context, question: Question) -> Sequence[Mood]:
    """The moods of what was said in a channel that is not watched, or has not been for long."""
    assert question.start is not None  # noqa: S101 - spans have one
    said = await context.history.of_channel().between(question.start, limit=UNSCORED)
    heard = [each for each in said if not each.by_bot and not each.to_bot and each.text.strip()]
    labels = await context.models.classify([each.text[:LONGEST] for each in heard])
    return [
        Mood(value_of(found), found.label, _moment(each), each.link)
        for each, found in zip(heard, labels, strict=True)
    ]


def _moment(said: Said) -> datetime:
    return said.said_at or datetime.now(UTC)


async def _author(context: Context, question: Question) -> str:
    if question.about is About.ME:
        return context.message.author.id
    _check_moderator(context)
    names = await context.notes.all(f"author:{context.message.channel.platform}:")
    wanted = question.name.casefold()
    for name, written in names.items():
        person = name.removesuffix("/name").split(":", 2)[2]
        if wanted in (person.casefold(), written.casefold()):
            return person
    raise BadInput(f"Nobody called {question.name[:40]} has written in a watched channel.")


def _check_moderator(context: Context) -> None:
    """Raise BadInput for an asker who is no moderator."""
    settings, message = context.settings(SentimentSettings), context.message
    person = f"{message.channel.platform}:{message.author.id}"
    in_their_room = settings.channel and message.channel.conversation.partition("/")[0] == settings.channel
    if not in_their_room and person not in settings.moderators:
        raise BadInput(
            "Only moderators may see that. Ask in the moderators' channel, or have "
            f"'{person}' added to `moderators` in [plugin.sentiment] of the settings."
        )


def _title(question: Question) -> str:
    titles = {About.HERE: "this channel", About.ME: "your messages", About.PERSON: f"@{question.name}"}
    return titles.get(question.about, question.name)


def _nothing(context: Context, question: Question) -> str:
    settings, channel = context.settings(SentimentSettings), context.message.channel
    if question.about is not About.HERE and not settings.is_monitored(channel.conversation):
        return (
            f"Nothing is known of {_title(question)}: only messages in watched channels are scored. "
            "An operator names them by `monitored` in [plugin.sentiment] of the settings."
        )
    return f"Nothing was said there: {question.span}. Try a longer time, such as `/mood here this week`."
