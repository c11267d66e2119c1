"""Counts of what two models answer."""

import pytest

from bot.catalogue.agreement import Agreement, Agreements
from bot.errors import BadInput

PAIRS = [("ok", "ok"), ("ok", "toxic"), ("toxic", "toxic")]


def test_it_counts_labels_and_says_how_many_were_the_same():
    found = Agreement("live").with_pairs(PAIRS).with_failed(2)
    assert found.confusion == {"ok": {"ok": 1, "toxic": 1}, "toxic": {"toxic": 1}}
    assert (found.texts, found.agreed, found.share, found.failed) == (3, 2, 0.6667, 2)
    assert Agreement("live").share is None


def test_counts_of_another_live_model_are_dropped():
    first, other = Agreement("a").with_pairs(PAIRS), Agreement("b").with_pairs([("ok", "ok")])
    assert (first + first).texts == 6
    assert first + other == other


def test_they_are_kept_and_added_up(tmp_path):
    kept = Agreements(tmp_path / "models")
    assert kept.read() == {}
    for _ in range(2):
        kept.add({"a": Agreement("live").with_pairs(PAIRS), "b": Agreement("live").with_failed(1)})
    found = Agreements(tmp_path / "models").read()
    assert found["a"].texts == 6
    assert (found["b"].texts, found["b"].failed) == (0, 2)


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "agreements.json").write_text('{"a": {"odd": 1}}')
    with pytest.raises(BadInput, match="cannot be understood"):
        Agreements(tmp_path).read()
