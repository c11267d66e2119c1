"""A digest in a model's own words, of which every sentence is supported by what was said."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot import Context, ModelError
from plugins.summarization.digest import Digest, Point
from plugins.summarization.support import Sources, Supported
from plugins.summarization.turns import Turn
from plugins.summarization.writing import CHAT, SUMMARY, Notes, Writer

log = logging.getLogger(__name__)

BUILT_IN = "built-in"
"""What `Models.origin` says of a model that comes with parley."""

WRITING_SHARE, CHECKING_SHARE = 0.5, 0.15
"""How much of the time the model has, and the comparison with what was said."""


def writing_role(context: Context, style: str) -> str:
    """The role whose model is to write; empty where sentences are quoted.

    `auto` takes a model that the operator named, `written` one that comes with parley, too.
    """
    if style == "quoted":
        return ""
    models = context.models
    served = [role for role in (SUMMARY, CHAT) if role in models.roles()]
    return next((role for role in served if style == "written" or models.origin(role) != BUILT_IN), "")


async def retold(context: Context, turns: Sequence[Turn], quoted: Digest, role: str) -> Digest:
    """The digest in the words of a model; `quoted` where that fails, or where nothing it wrote is supported.

    Decisions and questions of which the model tells none are quoted.
    """
    seconds = context.deadline
    writer = Writer(context.models, role, context.message.priority, seconds * WRITING_SHARE)
    try:
        notes = await writer.write(turns)
    except (ModelError, TimeoutError) as error:
        log.warning("event %s is summed up by quotations: %s", context.message.key, error)
        return quoted
    sentences = [*notes.key_points, *notes.decisions, *notes.questions]
    found = await Sources(turns).check(sentences, context.models, seconds=seconds * CHECKING_SHARE)
    points = dict(zip(sentences, found, strict=True))
    told = _supported(notes, points)
    if not told.key_points:
        return quoted
    return replace(
        told,
        decisions=told.decisions or quoted.decisions,
        questions=told.questions or quoted.questions,
        dropped=sum(each is None for each in points.values()),
        writer=context.models.origin(role),
    )


def _supported(notes: Notes, points: dict[str, Supported | None]) -> Digest:
    def kept(sentences: Sequence[str]) -> Iterator[Point]:
        for sentence in dict.fromkeys(sentences):
            if (found := points[sentence]) is not None:
                first, *others = found.sources
                yield Point(sentence, first, tuple(others), is_quoted=False)

    return Digest(tuple(kept(notes.key_points)), tuple(kept(notes.decisions)), tuple(kept(notes.questions)))
