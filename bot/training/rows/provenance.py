"""Where rows come from, and whether they may be learnt from. What is not allowed is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.training.rows.data import numbered_rows
from bot.training.rows.sums import sha256_of

MANIFEST = "manifest.json"
NOT_STATED = "not stated"
CONVERSATIONS = re.compile(r"\b(discord|slack)", re.IGNORECASE)
# Licences under which what is learnt may be given away, as manifests write them.
OPEN = re.compile(
    r"\b(CC0|CC[ -]BY(-SA)?[ -]\d|MIT|Apache-2\.0|BSD-\d|CDLA-(Permissive|Sharing)|ODC-BY|ODbL|"
    r"public domain)",
    re.IGNORECASE,
)
CLOSED = re.compile(
    r"CC[ -]BY-(NC|ND)|non-?commercial|research (use|only|purposes)|education only|terms apply|restrictions|"
    r"not? (explicit |stated |confirmed )?licen[cs]e|not confirmed|twitter|tweets|weibo",
    re.IGNORECASE,
)
CONSENTING, REFUSING = (True, "yes", "true"), (False, "no", "false")


@dataclass(frozen=True, slots=True)
class Origin:
    """A file of rows: where it comes from, under which licence, and whether its writers were asked."""

    file: str
    sha256: str
    rows: int
    source: str
    licence: str
    consent: str

    @property
    def is_open(self) -> bool:
        """Whether what is learnt from it may be given away, as far as its licence is known."""
        return bool(OPEN.search(self.licence)) and not CLOSED.search(self.licence)


@dataclass(frozen=True, slots=True)
class Gate:
    """What is let through. `shared`: only what weights for others may be made of. `conversations`: also
    texts from Discord and Slack whose rows say that their writers consent.
    """

    shared: bool = False
    conversations: bool = False

    def admit(self, files: Sequence[Path]) -> list[Origin]:
        """The origin of each file. Raises BadInput for a file or row that may not be learnt from."""
        origins = [self._origin(file) for file in files]
        closed = [origin for origin in origins if not origin.is_open]
        if self.shared and closed:
            raise BadInput(
                f"{closed[0].file}: its licence ({closed[0].licence}) does not let what is learnt from it be "
                "given away. Leave it out, or train for local use alone."
            )
        return origins

    def _origin(self, file: Path) -> Origin:
        digest = sha256_of(file)
        entry = _entry(file, digest)
        found: dict[str, Counter[str]] = {name: Counter() for name in ("source", "licence", "consent")}
        rows = 0
        for place, row in numbered_rows(file):
            self._check({**entry, **row}, place)
            rows += 1
            for name, counts in found.items():
                counts[str(row.get(name, ""))] += 1
        return Origin(
            file=file.name,
            sha256=digest,
            rows=rows,
            source=_said(entry, found, "source"),
            licence=_said(entry, found, "licence"),
            consent=_said(entry, found, "consent"),
        )

    def _check(self, row: Mapping[str, Any], place: str) -> None:
        consent = row.get("consent", "")
        if consent in REFUSING:
            raise BadInput(f"{place}: its writer does not consent. Leave the row out.")
        if not CONVERSATIONS.search(f"{row.get('source', '')} {row.get('connector', '')}"):
            return
        if not self.conversations or consent not in CONSENTING:
            raise BadInput(
                f"{place}: texts from Discord and Slack are not learnt from, unless each row says "
                '"consent": true and the command --conversations.'
            )


def manifest_entry(file: Path) -> Mapping[str, Any]:
    """What the nearest manifest says of a file; nothing when it is in none. Raises BadInput."""
    return _entry(file, sha256_of(file))


def _entry(file: Path, digest: str) -> Mapping[str, Any]:
    for manifest in _manifests(file):
        for entry in _entries(manifest):
            if manifest.parent / str(entry.get("file")) == file.resolve():
                if entry.get("sha256", digest) != digest:
                    raise BadInput(f"{file}: it is not the file that {manifest} describes (sha256 differs).")
                return entry
    return {}


def _manifests(file: Path) -> Iterator[Path]:
    for folder in list(file.resolve().parents)[:2]:
        if (folder / MANIFEST).is_file():
            yield folder / MANIFEST


def _entries(manifest: Path) -> list[Mapping[str, Any]]:
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{manifest}: it cannot be read as JSON ({error}).") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{manifest}: it must be a list of objects with file, source, licence, sha256.")
    return entries


def _said(entry: Mapping[str, Any], found: Mapping[str, Counter[str]], name: str) -> str:
    """The manifest's word, else what the rows say, the most frequent first."""
    if entry.get(name):
        return str(entry[name])
    said = [value for value, _ in found[name].most_common(5) if value]
    return ", ".join(said) or NOT_STATED
