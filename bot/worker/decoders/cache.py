"""The keys and values of texts that are written together, whatever their lengths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

# When room is made, it is made for so many more, or for this part of those in use.
COLUMN_STEP = 64
ROW_STEP = 4
GROWTH = 4


class RowCache(Cache):
    """A cache whose rows end together: a shorter text has empty columns before it.

    Columns `start` to `end` of each layer's buffers are in use. A text joins or leaves without the
    others being copied, and a step writes one column. What a forward pass writes counts once `advance`
    is called, so that a pass that fails half-way leaves nothing behind.
    """

    layers: list[RowLayer]  # type: ignore[assignment]

    def __init__(self, rows: int) -> None:
        super().__init__(layers=[])
        self.rows = rows
        self.start = self.end = 0

    @property
    def length(self) -> int:
        """Columns in use."""
        return self.end - self.start

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the newest columns of a layer; the keys and values of all its columns."""
        while len(self.layers) <= layer_idx:
            self.layers.append(RowLayer(self))
        return self.layers[layer_idx].update(key_states, value_states)

    def advance(self, columns: int) -> None:
        """Count the columns that all layers have just written."""
        self.end += columns

    def make_room(self, columns: int) -> None:
        """Provide so many columns after those in use."""
        if any(self.end + columns > layer.columns for layer in self._filled):
            self._resize(self.rows, self.length, columns)

    def keep(self, rows: Sequence[int], length: int) -> None:
        """Keep these rows, in the order `packed` gives, and the last `length` columns."""
        moves = [(to, row) for to, row in enumerate(rows) if to != row]
        if moves:
            to, source = torch.tensor(moves).T
            for layer in self._filled:
                layer.move(source, to)
        self.rows = len(rows)
        self.start = self.end - length

    def join(self, other: RowCache) -> None:
        """Take in the rows of another cache, after these."""
        rows = self.rows + other.rows
        length = max(self.length, other.length)
        if length > self.end or any(rows > layer.rows for layer in self._filled):
            self._resize(rows, length, 1)
        for mine, its in zip(self._filled, other._filled, strict=True):
            mine.take(its, self.end - length)
        self.rows, self.start = rows, self.end - length

    @property
    def _filled(self) -> list[RowLayer]:
        """Layers that have keys of their own; in some models some share those of others."""
        return [layer for layer in self.layers if layer.is_initialized]

    def _resize(self, rows: int, length: int, columns: int) -> None:
        room = length + columns + max(COLUMN_STEP, length // GROWTH)
        for layer in self._filled:
            layer.resize(rows + max(ROW_STEP, rows // GROWTH), room, length)
        self.start, self.end = length - self.length, length


class RowLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer of a RowCache: keys and values of shape (rows, heads, columns, dimensions)."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, cache: RowCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cache = cache

    @property
    def rows(self) -> int:
        """Rows there is room for."""
        return int(self.keys.shape[0])

    @property
    def columns(self) -> int:
        """Columns there is room for."""
        return int(self.keys.shape[2])

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make the buffers, from the shapes of what comes first."""
        rows, room = self._cache.rows, key_states.shape[2] + COLUMN_STEP
        self.keys = blank(key_states, rows, room)
        self.values = blank(value_states, rows, room)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the newest columns; the keys and values of all columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        cache, end = self._cache, self._cache.end + key_states.shape[2]
        self.keys[: cache.rows, :, cache.end : end] = key_states
        self.values[: cache.rows, :, cache.end : end] = value_states
        return (
            self.keys[: cache.rows, :, cache.start : end],
            self.values[: cache.rows, :, cache.start : end],
        )

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self._cache.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns that so many new ones will see, and the first one's number."""
        return self._cache.length + query_length, 0

    def get_max_length(self) -> int:
        """No maximum."""
        return -1

    def move(self, source: torch.Tensor, to: torch.Tensor) -> None:
        """Copy rows over others."""
        used = slice(self._cache.start, self._cache.end)
        for buffer in (self.keys, self.values):
            buffer[to, :, used] = buffer[source, :, used]

    def resize(self, rows: int, columns: int, length: int) -> None:
        """Make buffers of that size; what is in use ends at column `length` of them."""
        self.keys = self._resized(self.keys, rows, columns, length)
        self.values = self._resized(self.values, rows, columns, length)

    def take(self, other: RowLayer, start: int) -> None:
        """Write the other layer's rows after the ones here, and blanks into what is new from `start` on."""
        mine, its = self._cache, other._cache
        rows = slice(mine.rows, mine.rows + its.rows)
        for buffer, source in ((self.keys, other.keys), (self.values, other.values)):
            buffer[: mine.rows, :, start : mine.start] = 0
            buffer[rows, :, start : mine.end - its.length] = 0
            buffer[rows, :, mine.end - its.length : mine.end] = source[: its.rows, :, its.start : its.end]

    def _resized(self, old: torch.Tensor, rows: int, columns: int, length: int) -> torch.Tensor:
        cache = self._cache
        fresh = blank(old, rows, columns)
        fresh[: cache.rows, :, length - cache.length : length] = old[: cache.rows, :, cache.start : cache.end]
        return fresh


def blank(like: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Zeros in the shape of keys or values: what an empty column holds must be a number."""
    return like.new_zeros(rows, like.shape[1], columns, like.shape[3])


def packed(kept: Sequence[int]) -> list[int]:
    """The order of rows that keeps `kept` (ascending) with the fewest moves: the last ones fill the gaps."""
    staying = set(kept)
    last = [row for row in kept if row >= len(kept)]
    return [row if row in staying else last.pop() for row in range(len(kept))]
