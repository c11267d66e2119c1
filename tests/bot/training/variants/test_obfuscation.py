"""Words hidden from filters: still in their place, and the rest untouched."""

import random
import unicodedata

from bot.training.variants.obfuscation import ALIKE, LEET, alike, hidden, leet, obfuscate, spaced, starred

TEXT = "you stupid idiot, see https://stupid.org @idiot 你真是个笨蛋"


def test_some_words_are_hidden_the_same_each_time():
    found = [obfuscate(TEXT, random.Random(number)) for number in range(60)]
    assert found == [obfuscate(TEXT, random.Random(number)) for number in range(60)]
    assert all(each != TEXT and "https://stupid.org @idiot" in each for each in found)
    assert any("stupid" not in each.partition("https")[0] for each in found)
    assert any("你真是个笨蛋" not in each for each in found)


def test_each_way_does_what_it_says():
    chance = random.Random(3)
    assert set(leet("idiot", chance)) <= set("d" + LEET["i"] + LEET["o"] + LEET["t"])
    assert spaced("idiot", chance)[::2] == "idiot"
    assert starred("idiot", chance)[0] == "i"
    assert spaced("笨蛋", chance)[0] == "笨"
    other = alike("idiot", chance)
    assert other != "idiot"
    assert len(other) == 5


def test_letters_that_look_alike_are_others():
    for letter, others in ALIKE.items():
        for other in others:
            assert other != letter
            assert unicodedata.category(other).startswith("L")


def test_any_word_is_hidden_somehow():
    for word in ("bbb", "xyz", "笨蛋", "rhythm"):
        assert hidden(word, random.Random(1)) != word


def test_where_there_are_no_words_nothing_changes():
    assert obfuscate("42 !!! https://x.org", random.Random(1)) == "42 !!! https://x.org"
