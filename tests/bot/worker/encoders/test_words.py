"""Whole words, whatever the tokenizer cuts them into."""

import pytest

from bot.worker.encoders.words import words_of


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("unhappy cats", [None, (0, 2), (2, 7), (8, 11), (11, 12), None], ["unhappy", "cats"]),
        ("don't stop!", [(0, 3), (3, 4), (4, 5), (6, 10), (10, 11)], ["don't", "stop", "!"]),
        ("今天真好", [(0, 2), (2, 3), (3, 4)], ["今天", "真", "好"]),
        ("好cat", [(0, 1), (1, 4)], ["好", "cat"]),
        (" the cat", [(0, 4), (4, 8)], ["the", "cat"]),  # byte-level tokens that take their space along
        ("a  b", [(0, 1), (1, 3), (3, 4)], ["a", "b"]),  # a token of white space alone
        ("é", [(0, 1), (0, 1)], ["é"]),  # two bytes of one letter
        ("", [None, None], []),
    ],
)
def test_words(text, spans, expected):
    words = words_of(text, spans)
    assert [text[word.start : word.end] for word in words] == expected
    places = [place for word in words for place in word.places]
    assert places == sorted(set(places))
