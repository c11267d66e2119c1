"""What is asked and when: messages as long as those of a chat or of tickets, at random moments."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

SEED = 7
VOCABULARY = 20_000
SYLLABLES = tuple(first + second for first in "bdfgklmnprstvz" for second in "aeiou")
CHAT, TICKETS, BIMODAL = "chat", "tickets", "bimodal"
MIXES = (CHAT, TICKETS, BIMODAL)
MOST_WORDS = 300
LONG = (400, 510)
LONG_SHARE = 0.1
RARITY = 1.1


def words() -> list[str]:
    """A made-up vocabulary, the same every time; the first words are the most frequent."""
    dice = random.Random(SEED)  # noqa: S311 - the same words every time
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        found["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4)))] = None
    return list(found)


def texts(mix: str, count: int, *, seed: int = SEED) -> list[str]:
    """So many messages whose lengths are those of a mix; the same for the same seed."""
    dice = random.Random(f"{mix} {seed}")  # noqa: S311
    vocabulary = words()
    weights = [1 / (rank + 1) ** RARITY for rank in range(VOCABULARY)]
    sizes = [size(mix, dice) for _ in range(count)]
    return [" ".join(dice.choices(vocabulary, weights, k=each)) for each in sizes]


def size(mix: str, dice: random.Random) -> int:
    """Words of one message."""
    if mix == TICKETS:
        return drawn(dice, 60, 0.7)
    if mix == BIMODAL and dice.random() < LONG_SHARE:
        return dice.randint(*LONG)
    return drawn(dice, 10, 1.0)


def drawn(dice: random.Random, middle: float, spread: float) -> int:
    """A lognormal number of words."""
    return max(1, min(MOST_WORDS, round(dice.lognormvariate(math.log(middle), spread))))


def arrivals(rate: float, seconds: float, *, seed: int = SEED) -> Iterator[float]:
    """Moments from 0 to `seconds` at which messages come, `rate` of them a second (a Poisson process)."""
    dice = random.Random(f"{rate} {seed}")  # noqa: S311
    moment = dice.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += dice.expovariate(rate)
