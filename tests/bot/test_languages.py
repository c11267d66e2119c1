"""Languages are known by code, locale and name."""

import pytest

from bot.languages import language_code, language_name, language_names
from bot.models import fenced


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("zh_Hant", "zh"),
        ("German", "de"),
        ("deutsch", "de"),
        ("中文", "zh"),
        ("英语", "en"),
        (" français ", "fr"),
        ("nb", "no"),
        ("", ""),
        ("xx", ""),
        ("hello", ""),
        ("no-one", ""),
        ("zh-Hant-TW", "zh"),
        ("es-419", "es"),
        ("de-", ""),
    ],
)
def test_a_word_names_its_language(word: str, code: str) -> None:
    assert language_code(word) == code


def test_every_name_leads_back_to_its_code() -> None:
    names = language_names()
    assert names == sorted(set(names))
    assert len(names) > 60
    assert all(language_name(language_code(name)) == name for name in names)
    assert language_name("xx") == "xx"


def test_a_fence_cannot_be_closed_from_within() -> None:
    first = fenced("a\nb", "message")
    second = fenced(first, "message")
    mark = second.split()[1]
    assert second.startswith(f"<message {mark}\n")
    assert second.endswith(f"\n</message {mark}")
    assert mark not in first
