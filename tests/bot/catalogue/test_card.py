"""What cards say."""

import pytest

from bot.catalogue.card import Card, read_card
from bot.worker.catalogue import WEIGHTS

TABLES = """# A model for sentiment

| figure | value |
| --- | --- |
| licence | none |

## Learnt from

| file | rows | source | licence | sha256 |
| --- | --- | --- | --- | --- |
| a | 3 | A | CC BY 4.0 | `ab` |
| b | 3 | B | MIT | `cd` |
| c | 3 | C | MIT | `ef` |
| d | 3 | D | not stated | `ab` |
"""


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("---\nlicense: apache-2.0\nlanguage: en\ntags:\n- x\n---\n# A", Card("apache-2.0", ("en",))),
        ("---\nlanguage:\n- en\n- zh\nlicense: mit\n---\n", Card("mit", ("en", "zh"))),
        ('---\nlanguage: [en, "de"]\n---\n', Card("", ("en", "de"))),
        ("---\nlicense: mit\n", Card()),
        ("", Card()),
        ("license: mit\n", Card()),
        (TABLES, Card("CC BY 4.0; MIT")),
        ("---\n- odd\n---\n", Card()),
    ],
)
def test_a_card_says_licence_and_languages(tmp_path, text, card):
    (tmp_path / "README.md").write_text(text)
    assert read_card(tmp_path) == card


def test_without_a_card_nothing_is_said(tmp_path):
    assert read_card(tmp_path) == Card()
    (tmp_path / "README.md").write_bytes(b"\xff\xfe---")
    assert read_card(tmp_path) == Card()


@pytest.mark.parametrize("role", sorted(each.name for each in WEIGHTS.glob("*") if each.is_dir()))
def test_the_cards_of_the_built_in_models_say_their_licences(role):
    assert read_card(WEIGHTS / role).licence
