"""Audit a checkpoint on rows that name people."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.errors import BadInput
from bot.training.checkpoints.classifier import Classifier
from bot.training.measures.auditing import audit, read_named_rows, read_terms


@pytest.fixture
def named(tmp_path, write_rows):
    """Rows about two groups; of "men" even harmless things are said in a bad word."""
    rows = []
    for number in range(60):
        who, harmless = ("men", "hate") if number % 2 else ("women", "great")
        bad = number % 4 < 2
        text = f"the {who} {'awful' if bad else harmless} {number}"
        rows.append({"text": text, "label": "negative" if bad else "positive", "who": who, "lang": "en"})
    return write_rows(tmp_path / "named.jsonl", rows)


def test_the_group_that_is_flagged_is_found(trained, named):
    rows = read_named_rows("sentiment", named)
    figures = audit(Classifier(trained), rows, least=10)
    assert {each.term for each in figures.terms} == {"men", "women"}
    men, women = sorted(figures.terms, key=lambda each: each.term)
    assert men.fpr_gap > 0 > women.fpr_gap
    assert figures.worst_fpr_gap == men.fpr_gap


def test_terms_may_stand_in_a_column_or_a_list(named, tmp_path):
    assert set(read_named_rows("sentiment", named, column="who").groups) == {"men", "women"}
    file = tmp_path / "terms.txt"
    file.write_text("Women\n\nwomen\n")
    terms = read_terms(file)
    assert terms == ("women",)
    rows = read_named_rows("sentiment", named, terms=terms, limit=10)
    assert (len(rows.texts), list(rows.groups), rows.label) == (10, ["women"], "negative")


def test_what_cannot_be_audited_is_said(trained, named, tmp_path, write_rows):
    with pytest.raises(BadInput, match="line 1: there is no column 'target'"):
        read_named_rows("sentiment", named, column="target")
    with pytest.raises(BadInput, match="Say by --label"):
        read_named_rows("intents", named)
    with pytest.raises(BadInput, match="rows labelled 'negative' and others"):
        read_named_rows("sentiment", named, language="zh")
    with pytest.raises(BadInput, match="line 1: there must be a 'text'"):
        read_named_rows("sentiment", write_rows(tmp_path / "x.jsonl", [{"text": 1}]))
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(BadInput, match="no terms in it"):
        read_terms(tmp_path / "none.txt")
    rows = read_named_rows("intents", named, label="positive")
    with pytest.raises(BadInput, match="No term occurs in 100"):
        audit(Classifier(trained), rows, least=100)
    toxic = json.loads(named.read_text().splitlines()[0])
    file = write_rows(tmp_path / "t.jsonl", [{**toxic, "label": each} for each in ("toxic", "ok")])
    with pytest.raises(BadInput, match="does not know the label 'toxic'"):
        audit(Classifier(trained), read_named_rows("toxicity", file))
