"""Summaries end with a sentence, within their words."""

import pytest

from bot.worker.seq2seq.brevity import shortened


@pytest.mark.parametrize(
    ("text", "most_words", "is_cut", "short"),
    [
        ("One two three.", 3, False, "One two three."),
        ("One two three", 3, False, "One two three"),
        ("One two. Three four five.", 4, False, "One two."),
        ("One two. Three four five.", 5, True, "One two. Three four five."),
        ('He said "go." Then he', 9, True, 'He said "go."'),
        ("one two three four", 2, False, "one two …"),
        ("one two three", 9, True, "one two three …"),
        ("Version 3.5 is out. It", 9, True, "Version 3.5 is out."),
        ("我们明天见。好的", 6, False, "我们明天见。"),
        ("", 5, True, "…"),
    ],
)
def test_it_is_cut_at_a_sentence(text, most_words, is_cut, short):
    assert shortened(text, most_words, is_cut=is_cut) == short
