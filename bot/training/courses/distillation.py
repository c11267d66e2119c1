"""A teacher's labels for texts that have none, and for their translations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.training.rows.data import Saying
from bot.training.rows.labels import shares_of

if TYPE_CHECKING:
    from bot.evaluation.calibration import Floats
    from bot.training.checkpoints.classifier import Advance, Classifier

CACHE = "taught.npz"


def taught(
    teacher: Classifier,
    sayings: Sequence[Saying],
    labels: Sequence[str],
    *,
    groups: Mapping[str, str],
    cache: Path,
    advance: Advance | None = None,
) -> list[tuple[str, Sequence[float]]]:
    """Every version of every saying, with the probabilities that the teacher gives its text.

    They are in the order of `labels`, for which the teacher's labels may stand by `groups`; what stands
    for none is shared out evenly. They are kept in the folder `cache`, so that a run that is resumed
    need not ask again. Raises BadInput when the teacher knows other labels.
    """
    standing = np.array(shares_of(teacher.labels, labels, groups))
    shares = _probabilities(teacher, sayings, cache / CACHE, advance) @ standing
    shares += (1 - shares.sum(1, keepdims=True)) / len(labels)
    return [
        (version, row)
        for saying, row in zip(sayings, shares.tolist(), strict=True)
        for version in saying.versions
    ]


def words_of(teacher: Classifier) -> list[Saying]:
    """The whole words of the teacher's vocabulary: what it knows of them the student would seldom meet."""
    words = (word for word in teacher.tokenizer.get_vocab() if word.isascii() and word.isalpha())
    return [Saying(word, (word,)) for word in sorted(words) if len(word) > 2]


def _probabilities(
    teacher: Classifier, sayings: Sequence[Saying], cache: Path, advance: Advance | None
) -> Floats:
    key = _key(teacher, sayings)
    if cache.exists():
        with np.load(cache) as kept:
            if str(kept["key"]) == key:
                known: Floats = kept["shares"]
                return known
    shares = teacher.probabilities([saying.text for saying in sayings], advance)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(cache, key=np.array(key), shares=shares.astype(np.float32))
    return shares


def _key(teacher: Classifier, sayings: Sequence[Saying]) -> str:
    """Which teacher was asked what."""
    digest = hashlib.sha256()
    for name, value in teacher.model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().float().sum().numpy().tobytes())
    for saying in sayings:
        digest.update(saying.text.encode() + b"\0")
    return digest.hexdigest()
