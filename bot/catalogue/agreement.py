"""How often a shadow answers as the live model does: counts of labels, and no text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bot.catalogue.writing import damaged, locked, read_json, write_json

FILE = "agreements.json"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Answers of a shadow held against those of the live model, `against`, to the same texts.

    `confusion` counts labels of the live model, then of the shadow. `failed` texts got no answer of the
    shadow in time.
    """

    against: str
    failed: int = 0
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def texts(self) -> int:
        """How many were answered by both."""
        return sum(count for row in self.confusion.values() for count in row.values())

    @property
    def agreed(self) -> int:
        """How many got the same label from both."""
        return sum(row.get(label, 0) for label, row in self.confusion.items())

    @property
    def share(self) -> float | None:
        """The share of the same labels; None without texts."""
        return round(self.agreed / self.texts, 4) if self.texts else None

    def with_pairs(self, pairs: Iterable[tuple[str, str]]) -> Agreement:
        """With more labels of both: the live model's, then the shadow's."""
        rows = {label: dict(row) for label, row in self.confusion.items()}
        for live, shadow in pairs:
            row = rows.setdefault(live, {})
            row[shadow] = row.get(shadow, 0) + 1
        return Agreement(self.against, self.failed, rows)

    def with_failed(self, count: int) -> Agreement:
        """With more texts that the shadow did not answer."""
        return Agreement(self.against, self.failed + count, self.confusion)

    def __add__(self, other: Agreement) -> Agreement:
        """Both together; what was counted against another live model is dropped for `other`."""
        if other.against != self.against:
            return other
        pairs = (
            (live, shadow)
            for live, row in other.confusion.items()
            for shadow, count in row.items()
            for _ in range(count)
        )
        return self.with_pairs(pairs).with_failed(other.failed)

    def shown(self) -> dict[str, Any]:
        """As JSON can say it, with the sums."""
        return {"texts": self.texts, "agreed": self.agreed, "share": self.share, **asdict(self)}


class Agreements:
    """Those of all shadows, kept in the folder of the catalogue; several processes may add to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[str, Agreement]:
        """By the name of the shadow. Raises BadInput for a damaged file."""
        file = self._folder / FILE
        try:
            return {name: Agreement(**fields) for name, fields in read_json(file).items()}
        except TypeError as error:
            raise damaged(file, str(error)) from None

    def add(self, counted: Mapping[str, Agreement]) -> None:
        """Count more. Raises BadInput when it cannot be written."""
        with locked(self._folder):
            known = self.read()
            for name, more in counted.items():
                known[name] = known.get(name, Agreement(more.against)) + more
            write_json(self._folder / FILE, {name: asdict(each) for name, each in known.items()})

    def forget(self, name: str) -> None:
        """Drop what was counted for a shadow. Raises BadInput when it cannot be written."""
        with locked(self._folder):
            known = self.read()
            if known.pop(name, None):
                write_json(self._folder / FILE, {name: asdict(each) for name, each in known.items()})
