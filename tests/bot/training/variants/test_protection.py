"""Links, mentions and code stay as they are."""

from bot.training.variants.protection import changed, words_of

TEXT = "Ask @anna or <@U123>, see https://x.org/a?b=c and run `rm -rf build` :smile: mail a.b@c.org 你好abc"


def test_only_what_is_not_protected_is_changed():
    shouted = changed(TEXT, str.upper)
    for kept in ("@anna", "<@U123>", "https://x.org/a?b=c", "`rm -rf build`", ":smile:", "a.b@c.org"):
        assert kept in shouted
    assert shouted.startswith("ASK @anna OR ")
    assert shouted.endswith("你好ABC")


def test_a_block_of_code_is_one_piece():
    code = "```\nfor x in y:\n  z\n```"
    assert changed(f"see {code} there", str.upper) == f"SEE {code} THERE"


def test_words_are_told_from_protected_pieces_and_scripts_apart():
    assert [TEXT[start:end] for start, end in words_of(TEXT)] == [
        "Ask", "or", "see", "and", "run", "mail", "你好", "abc",
    ]  # fmt: skip


def test_numbers_are_no_words():
    assert words_of("42 1e5 _") == [(4, 5)]
