"""Read the texts and labels that a classifier learns from: JSON lines, gzipped or not, and CSV."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bot.errors import BadInput
from bot.training.rows.labels import Labelling

log = logging.getLogger(__name__)

# A text in another language than most of the others counts as a mixture from this share on.
MIXED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Example:
    """A text with its labels: one, or those that people could not agree on."""

    text: str
    labels: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """A text for a teacher to label, and the texts that take over its label: itself, its translations."""

    text: str
    versions: tuple[str, ...]


def read_examples(
    files: Sequence[Path], labelling: Labelling, *, limit: int | None = None, ambiguous: bool = False
) -> list[Example]:
    """The labelled rows of all files. Rows without any label that counts are left out.

    So are rows of several labels where the labelling has groups, unless `ambiguous` ones are wanted.
    Raises BadInput with file and line for a row that cannot be used.
    """
    examples = []
    for file in files:
        for place, row in numbered_rows(file):
            text = _text(row, "text", place)
            labels = _labels(row, labelling, place)
            if labels and (ambiguous or len(labels) == 1 or not labelling.groups):
                examples.append(Example(text, labels, str(row.get("lang") or "")))
            if limit is not None and len(examples) >= limit:
                return examples
    if not examples:
        raise BadInput(f"{', '.join(map(str, files))}: there are no labelled rows in it.")
    return examples


def read_sayings(files: Sequence[Path], *, language: str = "en") -> list[Saying]:
    """Texts without labels, and translations: rows with `text`, or with `src`, `tgt` and their languages.

    Of a translation the side in `language` is the one to label. A text that occurs again, with another
    translation, is one saying.
    """
    versions: dict[str, dict[str, None]] = {}
    for file in files:
        for place, row in numbered_rows(file):
            text, others = _saying(row, language, place)
            versions.setdefault(text, {text: None}).update(dict.fromkeys(others))
    return [Saying(text, tuple(each)) for text, each in versions.items()]


def label_names(examples: Sequence[Example], labelling: Labelling) -> tuple[str, ...]:
    """All labels, in the labelling's order or sorted. Raises BadInput for fewer than two, or an empty one."""
    counts = Counter(label for example in examples for label in example.labels)
    names = labelling.labels or tuple(sorted(counts))
    if empty := [name for name in names if not counts[name]]:
        raise BadInput(f"No row is labelled {', '.join(empty)}: add some, or files that have them.")
    if len(names) < 2:
        raise BadInput(f"All rows are labelled {names[0]!r}: there is nothing to tell apart.")
    return names


def warn_of_mixture(examples: Sequence[Example]) -> str:
    """Say which languages the rows mix, in the log too; empty when they do not."""
    counts = Counter(example.language for example in examples if example.language)
    common = [(name, n) for name, n in counts.most_common() if n >= MIXED_SHARE * len(examples)]
    if len(common) < 2:
        return ""
    mixture = ", ".join(f"{name} {n}" for name, n in common)
    log.warning("The rows mix languages (%s): look at the figures of each.", mixture)
    return mixture


def numbered_rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each row with its place, `FILE, line N`. Raises BadInput for what cannot be read, and for no rows."""
    reader = _csv_rows if ".csv" in file.suffixes else _json_rows
    is_empty = True
    try:
        with _open(file) as lines:
            for number, row in reader(file, lines):
                is_empty = False
                yield f"{file}, line {number}", row
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise BadInput(f"{file}: it cannot be read as .jsonl, .jsonl.gz or .csv ({error}).") from None
    if is_empty:
        raise BadInput(f"{file}: there are no rows in it.")


def _open(file: Path) -> IO[str]:
    opener: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else Path.open
    return opener(file, "rt", encoding="utf-8", newline="")


def _json_rows(file: Path, lines: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{file}, line {number}: this is no JSON ({error.msg}).") from None
        if not isinstance(row, dict):
            raise BadInput(f"{file}, line {number}: each line must be a JSON object.")
        yield number, row


def _csv_rows(file: Path, lines: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    table = csv.DictReader(lines, restkey="", strict=True)
    for row in table:
        if "" in row or None in row.values():
            raise BadInput(
                f"{file}, line {table.line_num}: there must be {len(table.fieldnames or ())} columns, as in "
                "its first line."
            )
        yield table.line_num, row


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{place}: {name!r} must be a text that is not empty.")
    return value


def _labels(row: Mapping[str, Any], labelling: Labelling, place: str) -> tuple[str, ...]:
    value = row.get(labelling.field, row.get("labels"))
    if isinstance(value, str) and value:
        return (_known(value, labelling, place),)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"{place}: {labelling.field!r} must be a label, or 'labels' a list of them.")
    return labelling.grouped(value)


def _known(label: str, labelling: Labelling, place: str) -> str:
    if labelling.labels and label not in labelling.labels:
        raise BadInput(f"{place}: the label {label!r} is unknown. It must be {', '.join(labelling.labels)}.")
    return label


def _saying(row: Mapping[str, Any], language: str, place: str) -> tuple[str, list[str]]:
    if "text" in row:
        return _text(row, "text", place), []
    sides = {str(row.get(f"{side}_lang")): _text(row, side, place) for side in ("src", "tgt")}
    if language not in sides:
        raise BadInput(f"{place}: neither 'src_lang' nor 'tgt_lang' is {language!r}, the teacher's language.")
    return sides.pop(language), list(sides.values())
