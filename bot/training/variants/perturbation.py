"""Texts as hasty people type them: slips of letters, of fingers, of order, of case."""

from __future__ import annotations

import random
from collections.abc import Callable

from bot.training.variants.protection import HAN, words_of

# A slip in every so many words, at least one in a text.
WORDS_PER_SLIP = 6
SHORTEST = 3
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# By how much of a key each row of a QWERTY keyboard stands to the right of the one above.
SHIFTS = (0.0, 0.25, 0.75)
NEAR = 1.3


def misspell(text: str, chance: random.Random) -> str:
    """Letters left out, doubled, or replaced by another letter."""
    return slip(text, chance, _misspelt)


def mistype(text: str, chance: random.Random) -> str:
    """Letters replaced by their neighbours on a QWERTY keyboard."""
    return slip(text, chance, _mistyped)


def swap(text: str, chance: random.Random) -> str:
    """Neighbouring letters in the other order."""
    return slip(text, chance, _swapped)


def recase(text: str, chance: random.Random) -> str:
    """Another case for all words, or for some: ALL CAPITALS, none, Each First, rAnDom, one WORD."""
    ways: list[Callable[[str], str]] = [
        str.upper,
        str.lower,
        str.capitalize,
        lambda word: "".join(chance.choice((each.upper(), each.lower())) for each in word),
    ]
    way = chance.choice(ways)
    spans = words_of(text)
    if len(spans) > 1 and chance.random() < 1 / (len(ways) + 1):
        spans, way = [chance.choice(spans)], str.upper
    return replaced(text, [(start, end, way(text[start:end])) for start, end in spans])


def slip(text: str, chance: random.Random, change: Callable[[str, random.Random], str]) -> str:
    """The text with `change` made to some of its words, chosen by chance."""
    spans = [(start, end) for start, end in words_of(text) if end - start >= least(text[start:end])]
    count = max(1, round(len(spans) / WORDS_PER_SLIP))
    chosen = sorted(chance.sample(spans, min(count, len(spans))))
    return replaced(text, [(start, end, change(text[start:end], chance)) for start, end in chosen])


def replaced(text: str, changes: list[tuple[int, int, str]]) -> str:
    """The text with other words at some places, which are in order and do not overlap."""
    parts, last = [], 0
    for start, end, word in changes:
        parts += [text[last:start], word]
        last = end
    return "".join([*parts, text[last:]])


def least(word: str) -> int:
    """How long a word must be to bear a slip."""
    return 2 if HAN.match(word) else SHORTEST


def _misspelt(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    letter = word[place]
    other = letter if HAN.match(letter) else chance.choice("abcdefghijklmnopqrstuvwxyz".replace(letter, ""))
    instead = chance.choice(("", letter * 2, other))
    return word[:place] + (letter * 2 if instead == letter else instead) + word[place + 1 :]


def _mistyped(word: str, chance: random.Random) -> str:
    places = [place for place, letter in enumerate(word) if letter.lower() in NEIGHBOURS]
    if not places:
        return word
    place = chance.choice(places)
    neighbour = chance.choice(NEIGHBOURS[word[place].lower()])
    return word[:place] + (neighbour.upper() if word[place].isupper() else neighbour) + word[place + 1 :]


def _swapped(word: str, chance: random.Random) -> str:
    places = [place for place in range(len(word) - 1) if word[place] != word[place + 1]]
    inner = [place for place in places if place] or places
    if not inner:
        return word
    place = chance.choice(inner)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _neighbours() -> dict[str, str]:
    """The keys around each letter, by their distance."""
    places = {
        letter: (row, column + SHIFTS[row])
        for row, letters in enumerate(ROWS)
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (row, column) in places.items()
            if other != letter and abs(row - own[0]) + abs(column - own[1]) <= NEAR + 0.5 * (row != own[0])
        )
        for letter, own in places.items()
    }


NEIGHBOURS = _neighbours()
