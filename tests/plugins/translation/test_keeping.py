"""What must not be translated survives whatever a model does to it, or the sentence is refused."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.translation.keeping import Kept, mended, prose
from plugins.translation.segments import cut, segments

KEPT = [
    "```py\nprint('hello')\n```",
    "```unclosed\ncode",
    "`x = 1`",
    "``a ` b``",
    "<@1234>",
    "<@!1234>",
    "<@&99>",
    "<#55>",
    "<@U0A1>",
    "<#C01|general>",
    "<!here>",
    "</ask:12>",
    "<:party:123>",
    "<a:dance:456>",
    "<t:1700000000:R>",
    "https://example.org/a_(b)?q=1#x",
    "<https://example.org|the page>",
    "ann.lee@example.org",
    "@ann",
    "@everyone",
    "#general",
    ":smile:",
    "⟦7⟧",
    "⟦",
]


@pytest.mark.parametrize("part", KEPT)
def test_each_kind_is_hidden_and_comes_back(part):
    text = f"see {part}" if "unclosed" in part else f"see {part} now"
    kept = Kept({})
    hidden = kept.hide(text)
    assert part not in hidden.replace("⟦0⟧", "")
    assert hidden.startswith("see ⟦0⟧")
    assert kept.show(hidden) == text


def test_a_links_words_are_translated_and_its_target_is_not():
    kept = Kept({})
    assert kept.hide("read [the manual](https://example.org/x) first") == "read [the manual⟦0⟧ first"


def test_sentences_end_outside_of_links():
    assert Kept({}).hide("Look at https://example.org/x. Then go.") == "Look at ⟦0⟧. Then go."


def test_times_and_plain_colons_are_prose():
    assert Kept({}).hide("At 12:30:45 we said: no") == "At 12:30:45 we said: no"


@pytest.mark.parametrize(
    ("hidden", "translation", "expected"),
    [
        ("go to ⟦0⟧", "gehe zu ⟦0⟧", "gehe zu ⟦0⟧"),
        ("go to ⟦0⟧", "gehe zu ⟦ 0 ⟧", "gehe zu ⟦0⟧"),
        ("go to ⟦0⟧", "gehe zu [0]", "gehe zu ⟦0⟧"),
        ("go to ⟦0⟧", "gehe zu [[0]].", "gehe zu ⟦0⟧."),
        ("go to ⟦0⟧", "gehe zu 【0】", "gehe zu ⟦0⟧"),
        ("go to ⟦0⟧", "gehe", None),
        ("go to ⟦0⟧", "⟦0⟧ gehe zu ⟦0⟧", None),
        ("go to ⟦0⟧", "gehe zu ⟦1⟧", None),
        ("go to ⟦0⟧", "gehe zu ⟦0⟧ und ⟦1⟧", None),
        ("2 of 30", "2 von 30", "2 von 30"),
        ("2 of 30", "2 von 31", None),
        ("1,000 people", "1.000 Menschen", None),
        ("two people", "2个人", "2个人"),
        ("hello", "", None),
        ("hello", "   ", None),
        ("hello", "word " * 500, None),
    ],
)
def test_a_translation_is_mended_or_refused(hidden, translation, expected):
    assert mended(hidden, translation) == expected


def test_numbers_can_be_hidden_too():
    kept = Kept({})
    hidden = kept.hide_numbers(kept.hide("pay 1,000.50 to @ann by 12:30"))
    assert hidden == "pay ⟦1⟧ to ⟦0⟧ by ⟦2⟧"
    assert kept.show(hidden) == "pay 1,000.50 to @ann by 12:30"


def test_words_of_the_glossary_come_back_as_it_says():
    kept = Kept({"parley": "parley", "front desk": "Empfang"})
    hidden = kept.hide("Parley is at the Front Desk, not at the desk of parleys")
    assert kept.show(hidden) == "parley is at the Empfang, not at the desk of parleys"


@pytest.mark.parametrize(
    "text", ["", "   ", "12:30", "🎉🎉", "```code```", "<@12> :smile:", "https://example.org"]
)
def test_what_holds_no_words_is_no_prose(text):
    assert prose(text) == ""


def together(parts):
    return "".join(part.before + part.text for part in parts)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*KEPT, "Hello there. ", "你好。再见。", "\n", "- one\n", "> said\n", "1. first\n", "  ", "word"]
        ),
        max_size=30,
    )
)
def test_whatever_is_written_is_put_together_again(pieces):
    text = "".join(pieces)
    kept = Kept({"word": "word"})
    hidden = kept.hide(text)
    parts = segments(hidden)
    assert together(parts) == hidden
    assert all(together(cut(part.text)) == part.text for part in parts if part.text)
    assert kept.show(hidden) == text
    numbered = kept.hide_numbers(hidden)
    assert kept.show(numbered) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_put_together_again(text):
    kept = Kept({})
    hidden = kept.hide(text)
    assert together(segments(hidden)) == hidden
    assert kept.show(hidden) == text


@pytest.mark.parametrize(
    "text",
    ["a" * 60_000, "a." * 30_000, "`" * 60_001, "](" * 30_000, "<@" * 30_000, "@a" * 30_000, "> " * 30_000],
)
def test_an_endless_text_takes_no_endless_time(text):
    began = time.monotonic()
    parts = segments(Kept({}).hide(text))
    assert time.monotonic() - began < 2
    assert all(len(part.text) <= 1600 for part in parts)


def test_lines_keep_their_lead_and_long_ones_are_cut_between_sentences():
    text = "# Title\n\n- one thing\n> quoted words\n" + "This is a sentence of some length. " * 60
    parts = segments(text)
    assert [part.text for part in parts[:3]] == ["Title", "one thing", "quoted words"]
    long = [part.text for part in parts[3:] if part.text]
    assert len(long) > 2
    assert all(each.endswith(".") and len(each) <= 1600 for each in long)
