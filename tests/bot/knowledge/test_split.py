"""Passages keep to headings and sentences, and are of about the same length."""

from __future__ import annotations

from bot.knowledge.section import Block, Section, rows_as_text
from bot.knowledge.split import TARGET_WORDS, WHOLE_WORDS, sentences, split, weigh

SENTENCE = "The keeper lights the lamp in the evening and puts it out in the morning."


def test_a_short_section_stays_whole() -> None:
    found = split([Section("A", (Block("One.", "line 1"), Block("Two.", "line 3")))])
    assert [(each.heading, each.location, each.text) for each in found] == [("A", "line 1", "One.\nTwo.")]


def test_headings_are_never_crossed() -> None:
    found = split([Section("A", (Block("One."),)), Section("B", (Block("Two."),))])
    assert [(each.heading, each.text) for each in found] == [("A", "One."), ("B", "Two.")]


def test_a_long_section_is_cut_between_sentences_into_equal_parts() -> None:
    found = split([Section("A", (Block(" ".join([SENTENCE] * 40), "line 1"),))])
    lengths = [weigh(each.text) for each in found]
    assert len(found) > 2
    assert max(lengths) <= TARGET_WORDS + weigh(SENTENCE)
    assert min(lengths) > TARGET_WORDS / 2
    assert all(each.text.endswith("morning.") for each in found)


def test_chinese_is_cut_between_sentences() -> None:
    found = split([Section("", (Block("守塔人每天晚上点亮灯塔的灯，早上再把它熄灭。" * 60),))])
    assert len(found) > 2
    assert all(each.text.endswith("熄灭。") and " " not in each.text for each in found)
    assert max(len(each.text) for each in found) < 2 * WHOLE_WORDS


def test_text_without_sentences_is_cut_by_length() -> None:
    found = split([Section("", (Block("word " * 5000),)), Section("", (Block("字" * 5000),))])
    assert max(weigh(each.text) for each in found) <= WHOLE_WORDS
    assert sum(len(each.text.replace("\n", " ").split()) for each in found if "word" in each.text) == 5000
    assert sum(each.text.count("字") for each in found) == 5000


def test_a_long_table_is_cut_between_rows() -> None:
    rows = rows_as_text(
        (n, row) for n, row in enumerate([("Item", "Price"), *[("rope", str(n)) for n in range(300)]])
    )
    found = split([Section("", tuple(Block(text, f"row {number}") for number, text in rows))])
    assert len(found) > 3
    assert all(line.startswith("Item: rope; Price: ") for each in found for line in each.text.split("\n"))


def test_a_table_without_header_is_listed() -> None:
    assert list(rows_as_text([(1, ["3", "4"]), (2, ["", ""]), (3, ["5", "6"])])) == [(1, "3; 4"), (3, "5; 6")]


def test_sentences_of_both_languages() -> None:
    assert sentences("Dr. Falk paid $3.50. Was it much? No.") == [
        "Dr. Falk paid $3.50.",
        "Was it much?",
        "No.",
    ]
    assert sentences("灯塔建于1893年。谁建的？是法尔克！") == ["灯塔建于1893年。", "谁建的？", "是法尔克！"]
