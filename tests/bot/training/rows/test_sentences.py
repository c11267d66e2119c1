"""Rows of translations are read, or refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.training.rows.sentences import Translated, directions, read_translated

ROW = {"src": "Hi.", "tgt": "Hallo.", "src_lang": "en", "tgt_lang": "de"}


def test_rows_are_pairs_in_both_directions(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROW))
    rows = read_translated([file, file])
    pair = Translated("Hi.", "Hallo.", "en", "de")
    assert rows == [pair, pair]
    assert directions(rows) == {"en-de": rows, "de-en": [Translated("Hallo.", "Hi.", "de", "en")] * 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"src": ""}, "'src' must be a text"),
        ({"tgt": None}, "'tgt' must be a text"),
        ({"src_lang": "English"}, "'src_lang' must be the code"),
        ({"tgt_lang": "en"}, "must differ"),
    ],
)
def test_what_is_no_translation_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(ROW)}\n{json.dumps(ROW | change)}\n")
    with pytest.raises(BadInput, match=rf"rows\.jsonl, line 2: .*{words}"):
        read_translated([file])
