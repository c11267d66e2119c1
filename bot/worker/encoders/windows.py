"""Texts cut into the windows that a network takes at once, and windows put into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.int64]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """What a network takes at once of a text.

    `types` tell a first text (0) from a second (1); empty when there is no second. `spans` are the
    characters of each token, None for one that is not of the text; empty when nobody asked for them.
    """

    tokens: Sequence[int]
    types: Sequence[int] = ()
    spans: Sequence[tuple[int, int] | None] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A text on its way through the queue. As long as its windows are in tokens together."""

    text: str
    windows: tuple[Window, ...]

    def __len__(self) -> int:
        return sum(len(window.tokens) for window in self.windows)


def windows_of(batch: Sequence[Member]) -> list[Window]:
    """All windows of a batch, member after member."""
    return [window for member in batch for window in member.windows]


def by_member(batch: Sequence[Member], results: Sequence[T]) -> Iterator[tuple[Member, Sequence[T]]]:
    """Each member with the results of its windows; `results` are in the order of `windows_of`."""
    first = 0
    for member in batch:
        yield member, results[first : first + len(member.windows)]
        first += len(member.windows)


def in_batches(windows: Sequence[Window], budget: int) -> list[list[int]]:
    """Places of windows to compute together: alike in length, padded to at most `budget` tokens."""
    order = sorted(range(len(windows)), key=lambda place: len(windows[place].tokens))
    batches: list[list[int]] = []
    for place in order:
        longest = max(1, len(windows[place].tokens))
        if not batches or (len(batches[-1]) + 1) * longest > budget:
            batches.append([])
        batches[-1].append(place)
    return batches


def in_order(batches: Sequence[Sequence[int]], outputs: Sequence[Iterable[T]]) -> list[T]:
    """The rows of the outputs of `in_batches`, in the order of the windows."""
    rows = {
        place: row
        for places, output in zip(batches, outputs, strict=True)
        for place, row in zip(places, output, strict=True)
    }
    return [rows[place] for place in range(len(rows))]


def pad(windows: Sequence[Window], filler: int, multiple: int = 1) -> tuple[Numbers, Numbers, Numbers]:
    """Tokens, mask and types, each (len(windows), longest), filled up at the end.

    The length is made a multiple of `multiple`, so that a device meets few shapes.
    """
    longest = max(1, *(len(window.tokens) for window in windows))
    longest += -longest % multiple
    tokens = np.full((len(windows), longest), filler, dtype=np.int64)
    mask = np.zeros_like(tokens)
    types = np.zeros_like(tokens)
    for row, window in enumerate(windows):
        length = len(window.tokens)
        tokens[row, :length] = window.tokens
        mask[row, :length] = 1
        types[row, : len(window.types)] = window.types
    return tokens, mask, types
