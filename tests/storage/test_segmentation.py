"""Words of texts and phrases of what people type."""

from __future__ import annotations

import pytest

from storage.segmentation import INDEXED_CHARACTERS, Phrase, phrases, segment


@pytest.mark.parametrize(
    ("text", "words", "characters"),
    [
        ("Hello, World!", "hello world", ""),
        ("数据库", "数据 据库 库", "数 据 库"),
        ("我用Python写代码", "我用 用 python 写代 代码 码", "我 用 写 代 码"),
        ("Crème ＡＢＣ", "creme abc", ""),
        ("한국어 문서", "한국어 문서", ""),
        ("", "", ""),
        ("?!", "", ""),
    ],
)
def test_segment(text: str, words: str, characters: str) -> None:
    assert segment(text) == (words, characters)


def test_only_the_start_of_a_huge_text_is_indexed() -> None:
    words, _ = segment("a " * INDEXED_CHARACTERS)
    assert len(words.split()) == INDEXED_CHARACTERS // 2


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("one two", [Phrase(("one",)), Phrase(("two",))]),
        ('"one two" three', [Phrase(("one", "two")), Phrase(("three",))]),
        ("foo-bar", [Phrase(("foo", "bar"))]),
        ("密码", [Phrase(("密码",))]),
        ("密", [Phrase(("密",), is_open=True, is_character=True)]),
        ('"用 python 写"', [Phrase(("用", "python", "写"), is_open=True)]),
        ('"密码 x"', [Phrase(("密码", "码", "x"))]),
        ('"unclosed words', [Phrase(("unclosed", "words"))]),
        ("“curly quotes”", [Phrase(("curly", "quotes"))]),
        ('"" * ?', []),
    ],
)
def test_phrases(typed: str, expected: list[Phrase]) -> None:
    assert phrases(typed) == expected
