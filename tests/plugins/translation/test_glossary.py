"""Fixed translations come from the settings, from TOML or from CSV; what is wrong in a file is said."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from plugins.translation.settings import TranslationSettings

TOML = """
[all]
parley = ""
[German]
"front desk" = "Empfang"
"""
CSV = "term,de,fr\nparley\nfront desk,Empfang,\n\ndesk,Schalter,guichet\n"


def read(tmp_path, name: str, text: str) -> TranslationSettings:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return TranslationSettings.model_validate({"glossary": str(file)})


def test_a_toml_file_has_a_table_for_each_language(tmp_path):
    settings = read(tmp_path, "words.toml", TOML)
    assert settings.words("de") == {"parley": "parley", "front desk": "Empfang"}
    assert settings.words("fr") == {"parley": "parley"}


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_csv_file_has_a_column_for_each_language(tmp_path, mark):
    settings = read(tmp_path, "words.csv", "\ufeff" + CSV.replace(",", mark))
    assert settings.words("de") == {"parley": "parley", "front desk": "Empfang", "desk": "Schalter"}
    assert settings.words("fr") == {"parley": "parley", "desk": "guichet"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "x = 1", "write [x] and below it lines such as"),
        ("a.toml", "[x", "is no TOML"),
        ("a.toml", '[Klingonish]\na = "b"', "'Klingonish' is no language that is known here"),
        ("a.csv", "", "the first line names the columns"),
        ("a.csv", "term,de\na,b,c", "a.csv, line 2: more columns than the first line names"),
        ("a.csv", "term,xx\na,b", "'xx' is no language"),
        ("a.csv", "x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path, name, text, words):
    with pytest.raises(ValidationError) as caught:
        read(tmp_path, name, text)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValidationError, match=r"nowhere\.toml cannot be read"):
        TranslationSettings.model_validate({"glossary": str(tmp_path / "nowhere.toml")})
