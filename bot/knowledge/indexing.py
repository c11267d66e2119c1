"""Turn parsed documents into passages with vectors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from bot.errors import ModelError, Overloaded
from bot.knowledge.fusion import combine
from bot.knowledge.kinds import is_readable
from bot.knowledge.section import HEADING_PATH, Parsed
from bot.knowledge.split import Piece, split
from bot.message import Priority, clean_text
from bot.models import Models
from storage import NewPassage

if TYPE_CHECKING:
    from bot.models import Vectors

BATCH = 32
BATCH_SECONDS = 120.0
ATTEMPTS = 5
LONGEST_WAIT = 10.0
SEPARATORS = re.compile(r"[_\-]+")


def subject_of(title: str, own_title: str = "") -> str:
    """What a document is about, by its name and its own title: "user_guide.md" becomes "user guide"."""
    name = PurePosixPath(title).stem if is_readable(title) else title
    parts = (" ".join(SEPARATORS.sub(" ", part).split()) for part in (name, own_title))
    return " ".join(dict.fromkeys(part for part in parts if part))


def cut(parsed: Parsed, title: str) -> list[NewPassage]:
    """The passages of a document, without vectors. `title` is the name it is kept under."""
    subject = subject_of(title, "" if parsed.title == title else parsed.title)
    return [_passage(subject, piece) for piece in split(parsed.sections)]


async def embed(models: Models, passages: Sequence[NewPassage]) -> list[NewPassage]:
    """The same passages with their vectors, or as they are while no model answers."""
    texts = [passage.text for passage in passages]
    subjects = [_subject(passage) for passage in passages]
    vectors = await embed_texts(models, subjects, texts)
    if vectors is None:
        return list(passages)
    return [
        NewPassage(passage.heading, passage.location, passage.text, passage.search_text, vector)
        for passage, vector in zip(passages, vectors, strict=True)
    ]


async def embed_texts(models: Models, subjects: Sequence[str], texts: Sequence[str]) -> Vectors | None:
    """Vectors of passages, given what they are about and what they say; None while no model answers."""
    different = sorted(set(subjects))
    try:
        about = await _embed(models, different)
        bodies = await _embed(models, texts)
    except ModelError:
        return None
    rows = {subject: row for row, subject in enumerate(different)}
    return combine(about[[rows[subject] for subject in subjects]], bodies)


async def _embed(models: Models, texts: Sequence[str]) -> Vectors:
    parts = [await _embed_batch(models, texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
    return np.concatenate(parts)


async def _embed_batch(models: Models, texts: Sequence[str]) -> Vectors:
    """In the background's turn; a full queue is waited for, a few times."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await models.embed(texts, priority=Priority.BACKGROUND, deadline=BATCH_SECONDS)
        except Overloaded as busy:
            await asyncio.sleep(min(busy.retry_after, LONGEST_WAIT))
    return await models.embed(texts, priority=Priority.BACKGROUND, deadline=BATCH_SECONDS)


def _passage(subject: str, piece: Piece) -> NewPassage:
    heading, text = clean_text(piece.heading), clean_text(piece.text)
    about = clean_text(HEADING_PATH.join(filter(None, (subject, heading))))
    return NewPassage(heading, clean_text(piece.location), text, f"{about}\n{text}")


def _subject(passage: NewPassage) -> str:
    return passage.search_text.partition("\n")[0]
