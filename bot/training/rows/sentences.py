"""Read pairs of sentences that are translations of each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.training.rows.data import numbered_rows

CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})*")


@dataclass(frozen=True, slots=True)
class Translated:
    """A sentence and its translation, with the codes of their languages."""

    source: str
    target: str
    source_language: str
    target_language: str

    @property
    def direction(self) -> str:
        """Such as `en-de`."""
        return f"{self.source_language}-{self.target_language}"

    @property
    def reversed(self) -> Translated:
        """The same the other way round."""
        return Translated(self.target, self.source, self.target_language, self.source_language)


def read_translated(files: Sequence[Path]) -> list[Translated]:
    """The rows of all files: src, tgt, src_lang, tgt_lang. Raises BadInput with file and line."""
    return [_translated(row, place) for file in files for place, row in numbered_rows(file)]


def directions(rows: Sequence[Translated]) -> dict[str, list[Translated]]:
    """The pairs of each direction, every row both ways."""
    found: dict[str, list[Translated]] = {}
    for row in rows:
        found.setdefault(row.direction, []).append(row)
        found.setdefault(row.reversed.direction, []).append(row.reversed)
    return found


def _translated(row: Mapping[str, Any], place: str) -> Translated:
    for name in ("src", "tgt"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise BadInput(f"{place}: {name!r} must be a text that is not empty.")
    for name in ("src_lang", "tgt_lang"):
        if not isinstance(row.get(name), str) or not CODE.fullmatch(row[name]):
            raise BadInput(f"{place}: {name!r} must be the code of a language, such as 'en'.")
    if row["src_lang"] == row["tgt_lang"]:
        raise BadInput(f"{place}: 'src_lang' and 'tgt_lang' must differ.")
    return Translated(row["src"], row["tgt"], row["src_lang"], row["tgt_lang"])
