"""Cut what a model repeats without end, as small ones do when they are lost."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_PERIOD = 16
# So often something is repeated, and over so many tokens, before it counts.
TIMES = 3
TOKENS = 6


def without_loop(tokens: Sequence[int], source: Sequence[int]) -> list[int]:
    """The tokens without the repetitions at their end, unless the source repeats itself about as long."""
    for period in range(1, LONGEST_PERIOD + 1):
        repeated = repeated_at_end(tokens, period)
        is_loop = repeated >= max(TOKENS, TIMES * period)
        if is_loop and repeated > 2 * most_repeated(source):
            return list(tokens[: len(tokens) - repeated])
    return list(tokens)


def repeated_at_end(tokens: Sequence[int], period: int) -> int:
    """How many tokens at the end are the same as those one period before."""
    count = 0
    for place in range(len(tokens) - 1, period - 1, -1):
        if tokens[place] != tokens[place - period]:
            break
        count += 1
    return count


def most_repeated(tokens: Sequence[int]) -> int:
    """The most tokens in a row that are the same as those one period before, for any period."""
    most = 0
    for period in range(1, min(LONGEST_PERIOD, len(tokens) - 1) + 1):
        count = 0
        for place in range(period, len(tokens)):
            count = count + 1 if tokens[place] == tokens[place - period] else 0
            most = max(most, count)
    return most
