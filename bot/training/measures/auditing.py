"""Ask a checkpoint about labelled rows that name people, and say how it treats those it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.errors import BadInput
from bot.evaluation.bias import LEAST, BiasFigures, gaps
from bot.evaluation.identities import identity_terms, terms_in
from bot.training.rows.data import numbered_rows
from bot.training.rows.labels import LABELLINGS

if TYPE_CHECKING:
    from bot.evaluation.bias import Flags
    from bot.training.checkpoints.classifier import Advance, Classifier

HARMFUL = {"toxicity": "toxic", "sentiment": "negative"}

Finder = Callable[[str, Mapping[str, Any]], Sequence[str]]
"""From a text and its row, the terms by which it names people."""


@dataclass(frozen=True, slots=True)
class NamedRows:
    """Texts, which of them have the label that harms, and for each term which of them use it."""

    texts: Sequence[str]
    gold: Flags
    groups: Mapping[str, Flags]
    label: str


def read_named_rows(
    task: str,
    file: Path,
    *,
    label: str = "",
    column: str = "",
    terms: Sequence[str] = (),
    language: str = "",
    limit: int | None = None,
) -> NamedRows:
    """The rows of a file with the terms in them, those in `language` alone if one is given.

    Terms are what the column says, or those of `terms` that the text uses; without either, those of the
    built-in list. Raises BadInput with file and line, and where there is nothing to compare.
    """
    chosen = label or HARMFUL.get(task, "")
    if not chosen:
        raise BadInput(f"Say by --label which label of {task!r} does harm where it is wrong.")
    labelling, find = LABELLINGS[task], _finder(column, terms)
    texts: list[str] = []
    gold: list[bool] = []
    named: list[Sequence[str]] = []
    for place, row in numbered_rows(file):
        if language and row.get("lang") != language:
            continue
        text = row.get("text")
        if not isinstance(text, str) or not isinstance(row.get(labelling.field), str):
            raise BadInput(f"{place}: there must be a 'text' and a {labelling.field!r}, both of them texts.")
        if column and column not in row:
            raise BadInput(f"{place}: there is no column {column!r}.")
        texts.append(text)
        gold.append(row[labelling.field] == chosen)
        named.append(find(text, row))
        if limit is not None and len(texts) >= limit:
            break
    if not any(gold) or all(gold):
        raise BadInput(f"{file}: there must be rows labelled {chosen!r} and others.")
    return NamedRows(texts, np.array(gold), _groups(named), chosen)


def read_terms(file: Path) -> tuple[str, ...]:
    """The terms of a word list, one in a line. Raises BadInput when there are none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: the list of terms cannot be read ({error}).") from None
    terms = tuple(dict.fromkeys(each.strip().lower() for each in lines if each.strip()))
    if not terms:
        raise BadInput(f"{file}: there are no terms in it; write one in each line.")
    return terms


def audit(
    classifier: Classifier,
    rows: NamedRows,
    *,
    threshold: float = 0.5,
    least: int = LEAST,
    advance: Advance | None = None,
) -> BiasFigures:
    """How a classifier treats the texts of each term. Raises BadInput for a label it does not know."""
    if rows.label not in classifier.labels:
        raise BadInput(
            f"The model does not know the label {rows.label!r}. It knows {', '.join(classifier.labels)}."
        )
    shares = classifier.probabilities(rows.texts, advance)
    scores = shares[:, classifier.labels.index(rows.label)]
    return gaps(rows.gold, scores, rows.groups, threshold=threshold, least=least)


def _finder(column: str, terms: Sequence[str]) -> Finder:
    if column:
        return lambda text, row: _listed(row[column])
    chosen = tuple(terms) or identity_terms()
    return lambda text, row: terms_in(text, chosen)


def _listed(value: Any) -> Sequence[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [str(value)] if value else []


def _groups(named: Sequence[Sequence[str]]) -> dict[str, Flags]:
    terms = dict.fromkeys(term for each in named for term in each)
    groups = {term: np.zeros(len(named), dtype=bool) for term in terms}
    for place, each in enumerate(named):
        for term in each:
            groups[term][place] = True
    return groups
