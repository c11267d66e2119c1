"""Rows for classifiers: what is read, what is refused and where it stands."""

import gzip
import json

import pytest

from bot.errors import BadInput
from bot.training.rows.data import (
    Example,
    Saying,
    label_names,
    numbered_rows,
    read_examples,
    read_sayings,
    warn_of_mixture,
)
from bot.training.rows.labels import LABELLINGS, Labelling

SENTIMENT = LABELLINGS["sentiment"]


def write(path, *rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_json_lines_gzipped_ones_and_csv_are_the_same(tmp_path):
    rows = [{"text": "fine, really", "label": "positive", "lang": "en"}, {"text": "bad", "label": "negative"}]
    plain = write(tmp_path / "a.jsonl", rows[0], "", rows[1])
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    table = write(tmp_path / "c.csv", "text,label,lang", '"fine, really",positive,en', "bad,negative,")
    expected = [Example("fine, really", ("positive",), "en"), Example("bad", ("negative",))]
    for file in (plain, packed, table):
        assert read_examples([file], SENTIMENT) == expected
    assert read_examples([plain, table], SENTIMENT, limit=3) == [*expected, expected[0]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: this is no JSON"),
        ("[1]", "line 2: each line must be a JSON object"),
        ({"label": "positive"}, "line 2: 'text' must be a text that is not empty"),
        ({"text": " ", "label": "positive"}, "line 2: 'text' must be a text that is not empty"),
        ({"text": "so"}, "line 2: 'label' must be a label, or 'labels' a list"),
        ({"text": "so", "label": 3}, "line 2: 'label' must be a label"),
        ({"text": "so", "label": "Positive"}, "line 2: the label 'Positive' is unknown. It must be negative"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, words):
    file = write(tmp_path / "rows.jsonl", {"text": "fine", "label": "positive"}, line)
    with pytest.raises(BadInput, match=words) as refused:
        read_examples([file], SENTIMENT)
    assert str(file) in str(refused.value)


def test_a_csv_row_with_too_few_or_many_columns_is_named(tmp_path):
    for row in ("alone", "one,positive,more"):
        file = write(tmp_path / "rows.csv", "text,label", "fine,positive", row)
        with pytest.raises(BadInput, match=r"line 3: there must be 2 columns"):
            read_examples([file], SENTIMENT)


def test_files_that_are_not_there_not_readable_or_empty(tmp_path):
    broken, empty = tmp_path / "x.jsonl.gz", tmp_path / "empty.jsonl"
    broken.write_bytes(gzip.compress(b'{"text": "a", "label": "neutral"}\n' * 99)[:-9])
    empty.touch()
    for file, words in (
        (tmp_path / "none.jsonl", "no such file"),
        (broken, "cannot be read"),
        (empty, "no rows"),
        (write(tmp_path / "odd.jsonl", {"text": "a", "labels": ["surprise"]}), "no labelled rows"),
    ):
        with pytest.raises(BadInput, match=words):
            read_examples([file], SENTIMENT)


def test_emotions_count_as_sentiments(tmp_path):
    file = write(
        tmp_path / "emotions.jsonl",
        {"text": "a", "labels": ["joy", "love"]},
        {"text": "b", "labels": ["anger", "neutral"]},
        {"text": "c", "labels": ["joy", "anger"]},
        {"text": "d", "labels": ["surprise"]},
        {"text": "e", "labels": ["neutral", "curiosity"]},
    )
    labels = {each.text: each.labels for each in read_examples([file], SENTIMENT)}
    assert labels == {"a": ("positive",), "b": ("negative",), "e": ("neutral",)}
    everything = read_examples([file], SENTIMENT, ambiguous=True)
    assert Example("c", ("negative", "positive")) in everything


def test_rows_of_several_labels_stay_where_nothing_is_grouped(tmp_path):
    file = write(tmp_path / "emotions.jsonl", {"text": "a", "labels": ["joy", "love"]})
    assert read_examples([file], LABELLINGS["emotion"]) == [Example("a", ("joy", "love"))]


def test_languages_are_labels_of_their_own_task(tmp_path):
    file = write(tmp_path / "langid.jsonl", {"text": "Guten Tag", "lang": "de"})
    assert read_examples([file], LABELLINGS["langid"])[0].labels == ("de",)


def test_labels_are_named_in_order_and_none_may_be_empty():
    some = [Example("a", ("positive",)), Example("b", ("negative",))]
    with pytest.raises(BadInput, match="No row is labelled neutral"):
        label_names(some, SENTIMENT)
    assert label_names(some, Labelling()) == ("negative", "positive")
    with pytest.raises(BadInput, match="All rows are labelled 'positive'"):
        label_names(some[:1], Labelling())


def test_mixed_languages_are_warned_of(caplog):
    english = [Example("a", ("x",), "en")] * 99
    assert warn_of_mixture([*english, Example("b", ("x",), "zh")] * 2) == "en 198, zh 2"
    assert "mix languages (en 198, zh 2)" in caplog.text
    assert not warn_of_mixture([*english, Example("c", ("x",))])
    assert not warn_of_mixture([*english * 3, Example("b", ("x",), "zh")])


def test_sayings_gather_the_translations_of_a_text(tmp_path):
    pairs = write(
        tmp_path / "pairs.jsonl",
        {"src": "Hi.", "tgt": "嗨。", "src_lang": "en", "tgt_lang": "zh"},
        {"src": "你好。", "tgt": "Hi.", "src_lang": "zh", "tgt_lang": "en"},
        {"src": "Run.", "tgt": "跑。", "src_lang": "en", "tgt_lang": "zh"},
    )
    texts = write(tmp_path / "texts.jsonl", {"text": "Run."}, {"text": "Alone."})
    assert read_sayings([pairs, texts]) == [
        Saying("Hi.", ("Hi.", "嗨。", "你好。")),
        Saying("Run.", ("Run.", "跑。")),
        Saying("Alone.", ("Alone.",)),
    ]
    with pytest.raises(BadInput, match=r"line 1: neither 'src_lang' nor 'tgt_lang' is 'de'"):
        read_sayings([pairs], language="de")


def test_places_count_empty_lines(tmp_path):
    file = write(tmp_path / "rows.jsonl", "", {"a": 1})
    assert list(numbered_rows(file)) == [(f"{file}, line 2", {"a": 1})]
