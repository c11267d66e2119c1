"""The rows of a lab report: drawn from the files of a folder or a person's own, with where they come from."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.evaluation.identities import identity_terms, terms_in
from bot.training.loop.state import write_text
from bot.training.rows.data import numbered_rows
from bot.training.rows.labels import LABELLINGS
from bot.training.rows.provenance import Gate

SITES = 3
FILES = {
    "train": "moderation/en_davidson.train.jsonl.gz",
    "dev": "moderation/en_davidson.dev.jsonl.gz",
    "public": "emotion/en_goemotions.train.jsonl.gz",
    "bias": "bias/madlibs.dev.jsonl.gz",
    "intents": "intents/en_banking77.train.jsonl.gz",
    "intents_dev": "intents/en_banking77.dev.jsonl.gz",
    "texts": "lm/en_imdb_unsup.train.jsonl.gz",
    "reviews": "sentiment/en_imdb.train.jsonl.gz",
    "reviews_dev": "sentiment/en_imdb.dev.jsonl.gz",
}
"""What each kind of rows is taken from in a folder of data."""

Row = Mapping[str, Any]
Wanted = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many rows of each kind are taken at most (0: all)."""

    train: int = 0
    dev: int = 0
    public: int = 0
    texts: int = 0
    reviews: int = 0
    reviews_dev: int = 0
    labels: int = 0
    ballast: int = 2000


FULL = Amounts(texts=6000, reviews=4000, reviews_dev=1000, public=20_000)
QUICK = Amounts(1500, 600, 2000, texts=300, reviews=400, reviews_dev=200, labels=20, ballast=800)


@dataclass(frozen=True, slots=True)
class Samples:
    """Files of rows by kind; a kind that there is nothing for is missing. `task` is what `train` teaches."""

    task: str
    files: Mapping[str, Path]

    def has(self, *kinds: str) -> bool:
        """Whether there are rows of all these kinds."""
        return all(kind in self.files for kind in kinds)


def sources(folder: Path | None, own: Mapping[str, Path]) -> dict[str, Path]:
    """The files there are: a person's own before those of the folder. Raises BadInput without rows."""
    known = {kind: folder / name for kind, name in FILES.items()} if folder else {}
    found = {kind: file for kind, file in known.items() if file.is_file()} | dict(own)
    if not {"train", "dev"} <= found.keys():
        raise BadInput(
            f"There are no rows in {folder or 'no folder'}: give --data the folder that holds "
            f"{FILES['train']}, or rows of your own by --rows and --dev."
        )
    return found


def draw(task: str, found: Mapping[str, Path], amounts: Amounts, *, out: Path, seed: int) -> Samples:
    """Write the rows of each kind into `out`; sites and a ballast of harmless rows that name people too."""
    files: dict[str, Path] = {}
    for kind in ("train", "dev", "public", "texts", "reviews", "reviews_dev"):
        if kind in found:
            rows = _some(_read(found[kind]), getattr(amounts, kind), seed)
            files[kind] = _write(out / f"{kind}.jsonl", rows)
    if "bias" in found:
        files["bias"] = found["bias"]
    _draw_sites(files, out)
    if "public" in found and task == "toxicity":
        _draw_ballast(found["public"], files, amounts.ballast, out=out, seed=seed)
    if {"intents", "intents_dev"} <= found.keys():
        _draw_intents(found, files, amounts.labels, out=out, seed=seed)
    return Samples(task, files)


def _draw_sites(files: dict[str, Path], out: Path) -> None:
    rows = _read(files["train"])
    for number in range(SITES):
        files[f"site{number + 1}"] = _write(out / f"site{number + 1}.jsonl", rows[number::SITES])


def _draw_ballast(source: Path, files: dict[str, Path], amount: int, *, out: Path, seed: int) -> None:
    """Harmless rows that name people: that they are named must not be what tells."""
    terms, labelling = identity_terms(), LABELLINGS["toxicity"]

    def is_ballast(row: Row) -> bool:
        names = row.get("labels")
        return isinstance(names, list) and labelling.grouped(names) == ("ok",) and _names(row, terms)

    rows = _some([row for row in _read(source) if is_ballast(row)], amount, seed)
    if rows:
        labelled = [{**row, "label": "ok"} for row in rows]
        files["ballast"] = _write(out / "ballast.jsonl", labelled)


def _names(row: Row, terms: Sequence[str]) -> bool:
    return bool(terms_in(str(row.get("text", "")), terms))


def _draw_intents(
    found: Mapping[str, Path], files: dict[str, Path], labels: int, *, out: Path, seed: int, shots: int = 8
) -> None:
    rows = _some(_read(found["intents"]), 0, seed)
    names = sorted({str(row["label"]) for row in rows})
    kept = names[:labels] if labels else names
    few = [row for name in kept for row in [each for each in rows if each["label"] == name][:shots]]
    files["intents"] = _write(out / "intents.jsonl", few)
    measured = [row for row in _read(found["intents_dev"]) if row["label"] in kept]
    files["intents_dev"] = _write(out / "intents_dev.jsonl", measured)


def _read(file: Path) -> list[Row]:
    """The rows of a file, each with the source and licence that are known of it."""
    (origin,) = Gate().admit([file])
    known = {"source": origin.source, "licence": origin.licence}
    return [{**row, **known} for _, row in numbered_rows(file)]


def _some(rows: Sequence[Row], amount: int, seed: int) -> list[Row]:
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - an order, no secret
    return mixed[:amount] if amount else mixed


def _write(file: Path, rows: Sequence[Row]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
    return file
