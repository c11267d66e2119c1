"""The operator's choices: language, glossary, lengths, flags, and where everything is translated."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, field_validator

from bot import PluginSettings, language_code
from plugins.translation.glossary import ALL, by_code, read_glossary


class AutomaticRule(PluginSettings):
    """Where messages are translated without being asked."""

    match: str = Field(description="Pattern of conversation keys, such as 'discord:1234*'.")
    languages: tuple[str, ...] = Field(
        (),
        max_length=5,
        description="What is written in one of these is posted in the others. Empty: in the languages that "
        "people write there.",
    )

    @field_validator("languages")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        codes = tuple(dict.fromkeys(_code(name) for name in names))
        if len(codes) == 1:
            raise ValueError("name two languages or more, or none for those that people write there")
        return codes


class TranslationSettings(PluginSettings):
    """How texts are translated."""

    language: str = Field(
        "en",
        description="The language to translate into when none is named and the platform does not tell the "
        "asker's: a code such as de, or its English name.",
    )
    glossary: dict[str, dict[str, str]] = Field(
        {},
        description="Words with a fixed translation, by the language translated into, or all: "
        '[plugin.translation.glossary.de] with lines such as desk = "Schalter". Or the path of a TOML file '
        "with such tables, or of a CSV file with the columns term, de, fr …",
    )
    characters: int = Field(20_000, ge=100, description="Longest text, in characters.")
    document_characters: int = Field(200_000, ge=100, description="Longest file, in characters of its text.")
    flags: bool = Field(True, description="Whether a flag put under a message translates it.")
    automatic: tuple[AutomaticRule, ...] = Field(
        (),
        description="Where messages are translated without being asked: each with match (a pattern of "
        "conversation keys) and languages. The first that matches is taken.",
    )

    @field_validator("language")
    @classmethod
    def _known(cls, name: str) -> str:
        return _code(name)

    @field_validator("glossary", mode="before")
    @classmethod
    def _from_file(cls, glossary: object) -> object:
        return read_glossary(Path(glossary)) if isinstance(glossary, str | Path) else glossary

    @field_validator("glossary")
    @classmethod
    def _by_code(cls, glossary: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return by_code(glossary)

    def words(self, target: str) -> dict[str, str]:
        """The fixed translations for a language."""
        return self.glossary.get(ALL, {}) | self.glossary.get(target, {})

    def rule(self, conversation: str) -> AutomaticRule | None:
        """What is translated in a conversation without being asked."""
        return next((each for each in self.automatic if fnmatchcase(conversation, each.match)), None)


def _code(name: str) -> str:
    if code := language_code(name):
        return code
    raise ValueError(f"{name!r} is no language that is known here: write a code such as de")
