"""Long Markdown is cut where a reader would cut it, and nothing of it is lost."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.connectors.splitting import length, split_markdown

FAMILY = "👨‍👩‍👧‍👦"


def balanced(part: str) -> bool:
    """Whether every fence that is opened is closed by one as long, as CommonMark has it."""
    opened = ""
    for line in part.split("\n"):
        found = re.match(r" {0,3}(`{3,10})([^`]*)$", line)
        if found and not opened:
            opened = found[1]
        elif found and found[1].startswith(opened) and not found[2].strip():
            opened = ""
    return not opened


@pytest.mark.parametrize("size", [1, 1999, 2000])
def test_what_fits_stays_as_it_is(size: int) -> None:
    assert split_markdown("x" * size, 2000) == ["x" * size]


@pytest.mark.parametrize("size", [2001, 4001, 40_001])
def test_every_part_fits_and_nothing_is_lost(size: int) -> None:
    text = ("word " * size)[:size]
    parts = split_markdown(text, 2000)
    assert all(0 < length(part) <= 2000 for part in parts)
    assert " ".join(parts).split() == text.split()


def test_cuts_between_paragraphs_before_sentences_before_words() -> None:
    paragraph = "One sentence here. Another one there. "
    text = f"{paragraph * 4}\n\n{paragraph * 4}"
    assert split_markdown(text, 200) == [(paragraph * 4).rstrip()] * 2
    assert all(part.endswith(".") for part in split_markdown(paragraph * 20, 200))
    assert all(set(part.split()) == {"word"} for part in split_markdown("word " * 100, 103))


def test_cuts_chinese_between_sentences() -> None:
    assert all(part.endswith("。") for part in split_markdown("这是一个句子。" * 100, 150))


def test_code_goes_into_a_message_of_its_own_when_it_does_not_fit_beside_the_text() -> None:
    text = "Words. " * 20 + "\n```python\n" + "x = 1\n" * 20 + "```\nAfter."
    first, second = split_markdown(text, 200)
    assert first == ("Words. " * 20).rstrip()
    assert second.startswith("```python\nx = 1")
    assert second.endswith("```\nAfter.")


def test_long_code_is_closed_and_opened_again_with_its_language() -> None:
    code = [f"value_{number} = {number}" for number in range(100)]
    parts = split_markdown("\n".join(["```python", *code, "```"]), 300)
    assert all(part.startswith("```python\n") and part.endswith("\n```") for part in parts)
    assert [line for part in parts for line in part.split("\n")[1:-1]] == code


def test_a_fence_never_closed_is_closed_in_every_part() -> None:
    parts = split_markdown("```\n" + "line\n" * 200, 200)
    assert all(map(balanced, parts))
    assert sum(part.count("line") for part in parts) == 200


@pytest.mark.parametrize(
    "cluster", [FAMILY, "e\u0301\u0323", "🇩🇪", "👍🏽", "🏴\U000e0067\U000e0062\U000e007f", "각"]
)
def test_never_cuts_inside_what_people_see_as_one_character(cluster: str) -> None:
    parts = split_markdown(cluster * 300, 101)
    assert "".join(parts) == cluster * 300
    assert all(len(part) % len(cluster) == 0 for part in parts)


def test_a_character_longer_than_a_message_is_cut_anyway() -> None:
    parts = split_markdown("e" + "\u0301" * 1000, 100)
    assert "".join(parts) == "e" + "\u0301" * 1000
    assert all(length(part) <= 100 for part in parts)


def test_counts_as_the_strictest_platform_does() -> None:
    assert length("👍") == 2
    assert all(length(part) <= 100 for part in split_markdown("👍" * 300, 100))


MARKDOWN = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(
            ["```", "```python", "\n\n", "a sentence. ", "````", FAMILY, "\r\n", "- item\n", " " * 90]
        ),
        st.text(alphabet="ab \n`", max_size=120),
    ),
    max_size=40,
).map(lambda pieces: "\n".join(pieces))


@given(MARKDOWN, st.integers(100, 400))
def test_any_text_is_cut_into_parts_that_fit_in_order(text: str, limit: int) -> None:
    parts = split_markdown(text, limit)
    assert parts == split_markdown(text, limit)
    assert all(length(part) <= limit for part in parts)
    if len(parts) > 1:
        assert all(part.strip() for part in parts)
        assert all(map(balanced, parts))
        assert in_order(seen(text), seen("\n".join(parts)))


def seen(text: str) -> str:
    """What is left without white space and fences."""
    return re.sub(r"\s+", "", re.sub(r"`{3,}[^\n`]*", "", text))


def in_order(wanted: str, found: str) -> bool:
    """Whether all that is wanted comes in its order; more may stand between."""
    rest = iter(found)
    return all(character in rest for character in wanted)


@given(st.text(alphabet=st.characters(categories=["L", "M", "So", "Cf"]), min_size=300, max_size=600))
def test_marks_stay_with_their_letters(text: str) -> None:
    parts = split_markdown(text, 128)
    assert "".join(parts) == text
    for part in parts[1:]:
        longest = max(map(len, re.findall(r"\S[^\w\s]*", text)), default=0)
        assert longest > 50 or unicodedata.category(part[0])[0] != "M"
