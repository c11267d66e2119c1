"""Words with a fixed translation, from the settings or from a file."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bot import language_code

ALL = "all"
LARGEST = 1_000_000

Glossary = Mapping[str, Mapping[str, str]]
"""Words and what stands for them, by the code of the language translated into, or `all`."""


def read_glossary(file: Path) -> dict[str, dict[str, str]]:
    """The glossary of a TOML or CSV file. Raises ValueError, which says what is wrong and where."""
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError(f"the glossary {file} is larger than 1 MB")
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the glossary {file} cannot be read: {error}") from None
    return _in_csv(file, text) if file.suffix.lower() == ".csv" else _in_toml(file, text)


def by_code(glossary: Glossary) -> dict[str, dict[str, str]]:
    """The glossary by the codes of its languages. Raises ValueError for a language that is not known."""
    found: dict[str, dict[str, str]] = {}
    for name, words in glossary.items():
        code = name if name == ALL else language_code(name)
        if not code:
            raise ValueError(f"{name!r} is no language that is known here: write a code such as de, or all")
        found.setdefault(code, {}).update(
            {term: word or term for term, word in words.items() if term.strip()}
        )
    return found


def _in_toml(file: Path, text: str) -> dict[str, dict[str, str]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the glossary {file} is no TOML: {error}") from None
    for name, words in tables.items():
        if not isinstance(words, dict) or not all(isinstance(each, str) for each in words.values()):
            raise ValueError(f'{file}: write [{name}] and below it lines such as desk = "Schalter"')
    return tables


def _in_csv(file: Path, text: str) -> dict[str, dict[str, str]]:
    """The first column has the words, each other one a language; a word without any stays as it is."""
    rows = list(csv.reader(text.splitlines(), delimiter=";" if ";" in text.partition("\n")[0] else ","))
    if not rows or not rows[0]:
        raise ValueError(f"{file}: the first line names the columns: term, then languages such as de")
    languages = [each.strip() for each in rows[0][1:]]
    found: dict[str, dict[str, str]] = {name: {} for name in (ALL, *languages)}
    for number, row in enumerate(rows[1:], start=2):
        term, *words = (each.strip() for each in row or [""])
        if len(words) > len(languages):
            raise ValueError(f"{file}, line {number}: more columns than the first line names")
        fixed = {name: word for name, word in zip(languages, words, strict=False) if word}
        for name, word in (fixed or {ALL: term}).items():
            found[name][term] = word
    return found
