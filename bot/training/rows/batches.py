"""Pairs of token sequences in little memory, and batches of those alike in length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Numbers = NDArray[np.int32]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Many token sequences in one array: the i-th is `tokens[starts[i]:starts[i + 1]]`."""

    tokens: Numbers
    starts: Counts

    @staticmethod
    def of(sequences: Sequence[Sequence[int]]) -> Texts:
        """Packed sequences."""
        lengths = np.fromiter((len(each) for each in sequences), np.int64, len(sequences))
        tokens = np.fromiter((token for each in sequences for token in each), np.int32, int(lengths.sum()))
        return Texts(tokens, np.concatenate([[0], np.cumsum(lengths)]))

    @property
    def lengths(self) -> Counts:
        """The number of tokens of each."""
        return np.diff(self.starts)

    def padded(self, chosen: Counts, padding: int) -> torch.Tensor:
        """The chosen ones as rows of one tensor, padded at the end."""
        longest = int(self.lengths[chosen].max())
        rows = np.full((len(chosen), longest), padding, np.int64)
        for row, each in enumerate(chosen):
            begin, end = self.starts[each], self.starts[each + 1]
            rows[row, : end - begin] = self.tokens[begin:end]
        return torch.from_numpy(rows)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sources and targets; `members` says which of them are learnt from, and how often."""

    sources: Texts
    targets: Texts
    members: Counts

    @staticmethod
    def of(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Pairs:
        """Each pair once."""
        return Pairs(Texts.of(sources), Texts.of(targets), np.arange(len(sources)))

    @staticmethod
    def joined(parts: Sequence[Pairs]) -> Pairs:
        """All pairs of all parts."""
        offsets = np.cumsum([0, *(len(part.sources.lengths) for part in parts)])
        return Pairs(
            _joined([part.sources for part in parts]),
            _joined([part.targets for part in parts]),
            np.concatenate([part.members + offset for part, offset in zip(parts, offsets, strict=False)]),
        )

    def within(self, longest: int) -> Pairs:
        """Those whose source and target have at most so many tokens."""
        fits = np.maximum(self.sources.lengths, self.targets.lengths)[self.members] <= longest
        return Pairs(self.sources, self.targets, self.members[fits])

    def repeated(self, times: int) -> Pairs:
        """Each so many times."""
        return Pairs(self.sources, self.targets, np.repeat(self.members, times))


class Batches(Sequence[tuple[torch.Tensor, torch.Tensor]]):
    """All pairs in batches of about `budget` padded tokens, in random order; built when taken.

    The order follows from `random` alone: the same generator gives the same batches.
    """

    def __init__(self, pairs: Pairs, *, budget: int, padding: int, random: np.random.Generator) -> None:
        self._pairs = pairs
        self._padding = padding
        members = random.permutation(pairs.members)
        sources, targets = pairs.sources.lengths[members], pairs.targets.lengths[members]
        members = members[np.lexsort((sources, targets))]
        self._batches = _cut(members, pairs, budget)
        random.shuffle(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        chosen = self._batches[place]
        return (
            self._pairs.sources.padded(chosen, self._padding),
            self._pairs.targets.padded(chosen, self._padding),
        )


def _cut(members: Counts, pairs: Pairs, budget: int) -> list[Counts]:
    """Neighbours in groups whose padded size stays within the budget, at least one member each."""
    sources = pairs.sources.lengths[members].tolist()
    targets = pairs.targets.lengths[members].tolist()
    groups, begin, source, target = [], 0, 0, 0
    for place in range(len(members)):
        source, target = max(source, sources[place]), max(target, targets[place])
        if place > begin and (place - begin + 1) * (source + target) > budget:
            groups.append(members[begin:place])
            begin, source, target = place, sources[place], targets[place]
    groups.append(members[begin:])
    return groups


def _joined(parts: Sequence[Texts]) -> Texts:
    tokens = np.concatenate([part.tokens for part in parts])
    offsets = np.cumsum([0, *(len(part.tokens) for part in parts)])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Texts(tokens, np.concatenate([*starts, [len(tokens)]]))
