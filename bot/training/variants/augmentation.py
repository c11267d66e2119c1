"""More rows from the rows there are: altered as people alter what they write, with the same labels."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from bot.errors import BadInput
from bot.training.loop.state import written
from bot.training.rows.data import numbered_rows
from bot.training.rows.provenance import manifest_entry
from bot.training.variants.counterfactuals import exchange
from bot.training.variants.obfuscation import obfuscate
from bot.training.variants.perturbation import misspell, mistype, recase, swap

IDENTITY = "identity"
BACK_TRANSLATION = "back-translation"
CHANGES: Mapping[str, Callable[[str, random.Random], str]] = {
    "typos": misspell,
    "keyboard": mistype,
    "swaps": swap,
    "casing": recase,
    "obfuscation": obfuscate,
    IDENTITY: exchange,
}
KINDS = (*CHANGES, BACK_TRANSLATION)
CHUNK = 256
# What a row says of places in its text would no longer hold.
PLACES = ("spans", "answer_starts")
# What a manifest says of a file, and each row of a file made from it must say itself.
CARRIED = ("source", "licence", "consent")

Advance = Callable[[int], None]


class Rewriting(Protocol):
    """What says the same in other words."""

    def rewrite(self, texts: Sequence[str], language: str = "") -> list[str]:
        """Each text in other words, or itself."""


@dataclass(frozen=True, slots=True)
class Version:
    """A text made from another one, by a kind of change."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which kinds of change are made, and how many copies by each; chance follows from `seed` and the row.

    Raises BadInput for a kind that is not known, and for back-translation without a `translator`.
    """

    kinds: Sequence[str]
    copies: int = 1
    seed: int = 1
    translator: Rewriting | None = None

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise BadInput(f"There is no augmentation {unknown[0]!r}. There are {', '.join(KINDS)}.")
        if BACK_TRANSLATION in self.kinds and self.translator is None:
            raise BadInput(f"For {BACK_TRANSLATION} name the folder of a model that translates.")

    def versions(self, texts: Sequence[str], keys: Sequence[str]) -> list[list[Version]]:
        """New texts made from each one, none of them twice; `keys` tell rows with equal texts apart."""
        return [
            list(dict.fromkeys(each for each in found if each.text != text))
            for text, found in zip(texts, self._versions(texts, keys), strict=True)
        ]

    def _versions(self, texts: Sequence[str], keys: Sequence[str]) -> Iterator[Iterator[Version]]:
        rewritten: Sequence[str] = texts
        if self.translator and BACK_TRANSLATION in self.kinds:
            rewritten = self.translator.rewrite(texts)
        for text, key, other in zip(texts, keys, rewritten, strict=True):
            yield self._of_one(text, key, other)

    def _of_one(self, text: str, key: str, rewritten: str) -> Iterator[Version]:
        for kind in self.kinds:
            if kind == BACK_TRANSLATION:
                yield Version(kind, rewritten)
                continue
            for copy in range(self.copies):
                chance = random.Random(f"{self.seed} {key} {kind} {copy}")  # noqa: S311 - no secret
                yield Version(kind, CHANGES[kind](text, chance))


@dataclass(frozen=True, slots=True)
class Augmented:
    """How many rows were read, and how many were made by each kind of change."""

    rows: int
    made: Mapping[str, int] = field(default_factory=dict)


def augment_file(file: Path, out: Path, recipe: Recipe, *, advance: Advance | None = None) -> Augmented:
    """Write the rows of a file, each followed by its copies, as JSON lines to `out`.

    A copy has the columns of its row, an id of its own, and in `augmented` the kind of change; what a
    manifest says of the file is written into each row. Raises BadInput with file and line for a row that
    cannot be used.
    """
    check_place(file, out)
    entry = manifest_entry(file)
    carried = {name: entry[name] for name in CARRIED if entry.get(name)}
    made: Counter[str] = Counter()
    rows = 0
    with written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        new = out.with_name(f".{out.name}")
        try:
            with opened(new) as lines:
                for chunk in in_chunks(numbered_rows(file)):
                    for row in with_copies([(place, carried | dict(row)) for place, row in chunk], recipe):
                        lines.write(json.dumps(row, ensure_ascii=False) + "\n")
                        made[row.get("augmented", "")] += 1
                    rows += len(chunk)
                    if advance:
                        advance(rows)
            new.replace(out)
        finally:
            new.unlink(missing_ok=True)
    return Augmented(rows, {kind: made[kind] for kind in recipe.kinds})


def with_copies(rows: Sequence[tuple[str, Mapping[str, Any]]], recipe: Recipe) -> Iterator[Mapping[str, Any]]:
    """The rows, each with its place in the file, and after each one its copies."""
    texts = [text_of(row, place) for place, row in rows]
    keys = [str(row.get("id") or place.rpartition("line ")[2]) for place, row in rows]
    for (_, row), key, versions in zip(rows, keys, recipe.versions(texts, keys), strict=True):
        yield row
        counts: Counter[str] = Counter()
        for each in versions:
            counts[each.kind] += 1
            name = f"{key}~{each.kind}-{counts[each.kind]}"
            yield {**row, "id": name, "text": each.text, "augmented": each.kind}


def augmented_rows(
    rows: Sequence[tuple[str, Sequence[float]]], recipe: Recipe, *, share: float
) -> list[tuple[str, Sequence[float]]]:
    """Texts with the shares of their labels, and copies of a share of them by each kind of change."""
    chance = random.Random(recipe.seed)  # noqa: S311 - a choice, no secret
    made = list(rows)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        texts = [text for text, _ in part]
        for (_, shares), versions in zip(part, recipe.versions(texts, texts), strict=True):
            made += [(each.text, shares) for each in versions if chance.random() < share]
    return made


def check_place(file: Path, out: Path) -> None:
    """Raise BadInput where a file cannot be written in this form, or would replace its own source."""
    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise BadInput(f"{out}: it must end with .jsonl or .jsonl.gz.")
    if out.resolve() == file.resolve():
        raise BadInput(f"{out}: choose another file than the one that is read.")


def text_of(row: Mapping[str, Any], place: str) -> str:
    """The text of a row. Raises BadInput for none, and for rows that speak of places in it."""
    if found := next((name for name in PLACES if row.get(name)), None):
        raise BadInput(f"{place}: {found!r} are places in the text, which would no longer fit a changed one.")
    if row.get("augmented"):
        raise BadInput(f"{place}: the row was made by augmentation. Augment the file it was made from.")
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{place}: 'text' must be a text that is not empty.")
    return text


def in_chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """A few rows at a time."""
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def opened(file: Path) -> IO[str]:
    """A file to write lines to, compressed as its name says."""
    if file.suffix != ".gz":
        return file.open("w", encoding="utf-8")
    return gzip.open(file, "wt", encoding="utf-8")
