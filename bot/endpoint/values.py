"""Values of `bot.models` from what a server answers. What does not fit what was asked is Uncomputable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.endpoint.stream import NONSENSE
from bot.errors import Uncomputable
from bot.models import Labels, Transcript

if TYPE_CHECKING:
    from bot.models import Vectors

LONGEST_TRANSCRIPT = 200_000
LARGEST = 1e30
KINDS = ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"RIFF", "wav"), (b"\x1aE\xdf\xa3", "webm"), (b"ID3", "mp3"))


def vectors(answer: Mapping[str, Any], count: int) -> Vectors:
    """A finite row of unit length for each text, in the order of the texts."""
    try:
        listed = sorted(answer["data"], key=lambda each: each["index"])
        if [each["index"] for each in listed] != list(range(count)):
            raise ValueError
        rows = np.array([each["embedding"] for each in listed], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise Uncomputable(NONSENSE) from None
    if rows.ndim != 2 or not (np.abs(rows) < LARGEST).all():  # not so for what is no number
        raise Uncomputable(NONSENSE)
    lengths = np.linalg.norm(rows, axis=1)
    if not lengths.all():
        raise Uncomputable(NONSENSE)
    unit: Vectors = (rows / lengths[:, None]).astype(np.float32)
    return unit


def labels(text: str, known: Sequence[str]) -> Labels:
    """The probabilities in a model's answer: of known labels alone, and of those not named 0."""
    try:
        told = json.loads(text[text.index("{") : text.rindex("}") + 1])
        shares = {str(label): share(value) for label, value in told.items()}
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
        raise Uncomputable("The model gave no probabilities of the labels.") from None
    total = sum(shares.values())
    if not shares.keys() <= set(known) or total <= 0:
        raise Uncomputable("The model gave labels that do not exist.")
    found = [(label, shares.get(label, 0.0) / total) for label in known]
    return Labels(tuple(sorted(found, key=lambda each: -each[1])))


def share(value: Any) -> float:
    """A probability; from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError
    if not 0 <= value <= 1:
        raise ValueError
    return float(value)


def transcript(answer: Mapping[str, Any]) -> Transcript:
    """What was heard."""
    text, language, seconds = answer.get("text"), answer.get("language"), answer.get("duration")
    if not isinstance(text, str):
        raise Uncomputable(NONSENSE)
    length = float(seconds) if isinstance(seconds, int | float) and isfinite(seconds) else 0.0
    code = language if isinstance(language, str) and len(language) == 2 else ""
    return Transcript(text.strip()[:LONGEST_TRANSCRIPT], code, max(0.0, length))


def file_name(audio: bytes) -> str:
    """A name that says the kind of a recording: servers go by it."""
    if audio[4:8] == b"ftyp":
        return "recording.m4a"
    kind = next((kind for mark, kind in KINDS if audio.startswith(mark)), "mp3")
    return f"recording.{kind}"
