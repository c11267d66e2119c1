"""The passage behind a citation, with what the answer quotes marked."""

from bot.connectors.web.citation import sources
from bot.message import Citation, Reply


def quoted(answer: str, passage: str) -> list[str]:
    (source,) = sources(Reply(answer, (Citation("a.md", "1", passage),)))
    assert "".join(piece for piece, _ in source.pieces) == passage
    return [piece.strip() for piece, marked in source.pieces if marked]


def test_quoted_sentences_are_marked() -> None:
    passage = "It rains. Leave is 27 days a year. It is sunny on Mondays!"
    assert quoted("Leave is **27 days** a year. [1]", passage) == ["Leave is 27 days a year."]


def test_chinese_sentences_are_marked() -> None:
    assert quoted("员工享有27天年假。[1]", "天气很好。员工享有27天年假。其他规定见下文。") == [
        "员工享有27天年假。"
    ]


def test_short_or_foreign_sentences_are_not() -> None:
    assert quoted("Yes. It is so.", "Yes. Another thing entirely.") == []


def test_numbers_with_points_do_not_end_a_sentence() -> None:
    assert quoted("The rate is 3.5 per cent today.", "First. The rate is 3.5 per cent today. Last.") == [
        "The rate is 3.5 per cent today."
    ]


def test_place_and_label() -> None:
    (source,) = sources(Reply("x", (Citation("a.pdf", "1", "text", "Guide › Install", "page 3"),)))
    assert (source.place, source.label) == ("Guide › Install · page 3", "1: a.pdf, Guide › Install · page 3")


def test_an_empty_passage_has_no_pieces() -> None:
    assert quoted("x", "") == []
