"""Words as people write them who want to get past a filter, and still be read."""

from __future__ import annotations

import random
from collections.abc import Callable

from bot.training.variants.perturbation import least, replaced
from bot.training.variants.protection import HAN, words_of

# The share of words that are hidden, at least one in a text.
HIDDEN_SHARE = 0.3
LEET = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "9",
    "i": "1!",
    "l": "1|",
    "o": "0",
    "s": "5$",
    "t": "7+",
    "z": "2",
}
# Letters of other scripts that look the same: Cyrillic, Greek, full width.
ALIKE = {
    "a": "аａ", "b": "Ьｂ", "c": "сｃ", "d": "ԁｄ", "e": "еｅ", "g": "ɡｇ", "h": "һｈ", "i": "іｉ",
    "j": "јｊ", "k": "κｋ", "l": "ӏｌ", "m": "ｍ", "n": "ո", "o": "оο", "p": "рｐ", "q": "ԛ", "r": "ｒ",
    "s": "ѕｓ", "t": "ｔ", "u": "υｕ", "v": "νｖ", "w": "ԝｗ", "x": "хｘ", "y": "уｙ", "z": "ｚ",
}  # fmt: skip
SEPARATORS = " .-_*"
VOWELS = "aeiouAEIOU"
STARS = "*#"


def obfuscate(text: str, chance: random.Random) -> str:
    """Some words in leetspeak, letter by letter, in letters that look alike, or with stars."""
    spans = [(start, end) for start, end in words_of(text) if end - start >= least(text[start:end])]
    count = max(1, round(HIDDEN_SHARE * len(spans)))
    chosen = sorted(chance.sample(spans, min(count, len(spans))))
    return replaced(text, [(start, end, hidden(text[start:end], chance)) for start, end in chosen])


def hidden(word: str, chance: random.Random) -> str:
    """A word in one of the ways that change it."""
    ways = [spaced, starred] if HAN.match(word) else [leet, spaced, alike, starred, stretched]
    chance.shuffle(ways)
    return next((other for way in ways if (other := way(word, chance)) != word), word)


def leet(word: str, chance: random.Random) -> str:
    """Digits and signs for letters: h3ll0."""
    return _each(
        word, lambda letter: chance.choice(LEET[letter.lower()]) if letter.lower() in LEET else letter
    )


def alike(word: str, chance: random.Random) -> str:
    """One or more letters of another script."""
    places = [place for place, letter in enumerate(word) if letter.lower() in ALIKE]
    chosen = set(chance.sample(places, max(1, len(places) // 2))) if places else set()
    return "".join(
        chance.choice(ALIKE[letter.lower()]) if place in chosen else letter
        for place, letter in enumerate(word)
    )


def spaced(word: str, chance: random.Random) -> str:
    """Letter by letter: h e l l o, h.e.l.l.o; of long Chinese runs two characters apart."""
    separator = chance.choice(SEPARATORS)
    if not HAN.match(word):
        return separator.join(word)
    place = chance.randrange(1, len(word))
    return word[:place] + separator + word[place:]


def starred(word: str, chance: random.Random) -> str:
    """Stars for what is between the first letter and the last, or for the vowels: h***o, h*ll*."""
    star = chance.choice(STARS)
    if HAN.match(word):
        place = chance.randrange(len(word))
        return word[:place] + star + word[place + 1 :]
    if chance.random() < 0.5:
        return word[0] + _each(word[1:], lambda letter: star if letter in VOWELS else letter)
    return word[0] + star * (len(word) - 2) + word[-1]


def stretched(word: str, chance: random.Random) -> str:
    """A vowel several times: heeeello."""
    places = [place for place, letter in enumerate(word) if letter in VOWELS]
    if not places:
        return word
    place = chance.choice(places)
    return word[:place] + word[place] * chance.randint(2, 4) + word[place:]


def _each(word: str, change: Callable[[str], str]) -> str:
    return "".join(map(change, word))
