"""Which texts are computed together: one queue of a model, without any input or output.

The rule: take the most urgent text (the anchor), then those of its group nearest to it in length, as
long as the padded batch keeps within the token budget and no newcomer adds more padding than it saves:
a batch of its own would cost about `WASTE` of the budget before its first token. Nothing waits for a
batch to fill: it forms when the device is free, from what has come meanwhile. The most urgent is the
first of the most urgent class; on a fair turn it is whoever has waited longest, each class counted
`ageing` seconds later than the one before it, so that no text starves. Times are seconds of any one clock.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable, Sequence, Sized
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from bot.message import Priority

AGEING_SECONDS = 5.0
WASTE = 1 / 40
SMALLEST_BUDGET = 32
REGROWTH = 1.02


class Item(NamedTuple):
    """One text of a request, `position` among its texts. Ordered by length in tokens, then arrival."""

    length: int
    number: int
    request: int
    position: int
    priority: Priority
    since: float
    group: Hashable
    tokens: Sized


@dataclass(slots=True)
class Entry:
    """What is still queued of one request."""

    deadline: float
    items: dict[int, Item]


class Scheduler:
    """The queue of one model. `budget` is the padded tokens of a batch: items times the longest one."""

    def __init__(self, *, budget: int, ageing: float = AGEING_SECONDS) -> None:
        self.items = 0
        self.tokens = 0
        self.resize(budget)
        self._ageing = ageing
        self._numbers = itertools.count()
        self._entries: dict[int, Entry] = {}
        self._by_length: dict[tuple[Hashable, Priority], list[Item]] = {}
        self._by_arrival: dict[Priority, deque[Item]] = {each: deque() for each in Priority}
        self._deadlines: list[tuple[float, int]] = []

    def add(
        self,
        request: int,
        texts: Sequence[Sized],
        *,
        priority: Priority,
        deadline: float,
        now: float,
        group: Hashable = None,
    ) -> None:
        """Queue the tokens of a request's texts. `deadline` is a moment; `now` must never go back.

        Only texts of one `group` are computed together.
        """
        if not texts:
            return
        made = [
            Item(max(1, len(tokens)), next(self._numbers), request, position, priority, now, group, tokens)
            for position, tokens in enumerate(texts)
        ]
        self._entries[request] = Entry(deadline, {item.position: item for item in made})
        queue = self._by_length.setdefault((group, priority), [])
        for item in made:
            insort(queue, item)
        self._remember(made)
        self._remember_deadline(deadline, request)
        self.items += len(made)
        self.tokens += sum(item.length for item in made)

    def cancel(self, request: int) -> tuple[Item, ...]:
        """Forget what is still queued of a request, and return it."""
        entry = self._entries.get(request)
        if entry is None:
            return ()
        gone = tuple(entry.items.values())
        for item in gone:
            self._remove(item)
            self._forget(item)
        return gone

    def late(self, now: float) -> list[int]:
        """The requests whose deadline has come, to be cancelled; each is told once."""
        late = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, request = heapq.heappop(self._deadlines)
            if request in self._entries:
                late.append(request)
        return late

    def priority(self) -> Priority | None:
        """The most urgent class that has a text queued."""
        return next((each for each in Priority if self._head(each)), None)

    def urgency(self) -> float:
        """Since when the one waits that has waited longest, each class counted later; inf when idle."""
        return min((self._urgency(head) for each in Priority if (head := self._head(each))), default=inf)

    def next_batch(self, *, is_fair: bool = False) -> tuple[Item, ...]:
        """The texts to compute now, empty when nothing is queued. The first one is the most urgent."""
        anchor = self._anchor(is_fair=is_fair)
        if anchor is None:
            return ()
        self._remove(anchor)
        batch = [anchor]
        for priority in Priority:
            place = anchor.group, priority
            self._take_neighbours(self._by_length.get(place, []), batch)
            if not self._by_length.get(place, True):
                del self._by_length[place]
        for item in batch:
            self._forget(item)
        return tuple(batch)

    def resize(self, budget: int) -> None:
        """Another engine computes now, which works best at this budget."""
        self.budget = self._full_budget = float(budget)
        self._most_waste = budget * WASTE

    def shrink(self) -> None:
        """The device ran out of memory: smaller batches for a while."""
        self.budget = max(SMALLEST_BUDGET, self.budget / 2)

    def regrow(self) -> None:
        """A batch went well: come slowly back to the full budget."""
        self.budget = min(self._full_budget, self.budget * REGROWTH)

    def _anchor(self, *, is_fair: bool) -> Item | None:
        heads = [head for each in Priority if (head := self._head(each))]
        return min(heads, key=self._urgency, default=None) if is_fair else next(iter(heads), None)

    def _head(self, priority: Priority) -> Item | None:
        """The first of a class that is still queued."""
        arrivals = self._by_arrival[priority]
        while arrivals and not self._is_queued(arrivals[0]):
            arrivals.popleft()
        return arrivals[0] if arrivals else None

    def _urgency(self, item: Item) -> float:
        return item.since + self._ageing * item.priority

    def _take_neighbours(self, queue: list[Item], batch: list[Item]) -> None:
        """Move items of `queue` into `batch`, nearest in length to its anchor first."""
        length = batch[0].length
        longest = max(item.length for item in batch)
        low = high = bisect_left(queue, batch[0])
        while low > 0 or high < len(queue):
            below = length - queue[low - 1].length if low > 0 else inf
            above = queue[high].length - length if high < len(queue) else inf
            item = queue[high] if above <= below else queue[low - 1]
            grown = max(longest, item.length)
            size = grown * (len(batch) + 1)
            waste = size - longest * len(batch) - item.length
            if size > self.budget or waste > self._most_waste:
                break
            longest = grown
            batch.append(item)
            low, high = (low, high + 1) if above <= below else (low - 1, high)
        del queue[low:high]

    def _remember(self, made: Sequence[Item]) -> None:
        """Note arrivals; those of cancelled requests do not pile up behind one that waits long."""
        arrivals = self._by_arrival[made[0].priority]
        if len(arrivals) > 2 * self.items + 64:
            alive = [item for item in arrivals if self._is_queued(item)]
            arrivals.clear()
            arrivals.extend(alive)
        arrivals.extend(made)

    def _remember_deadline(self, deadline: float, request: int) -> None:
        if len(self._deadlines) > 2 * len(self._entries) + 64:
            self._deadlines = [(entry.deadline, number) for number, entry in self._entries.items()]
            heapq.heapify(self._deadlines)
        else:
            heapq.heappush(self._deadlines, (deadline, request))

    def _is_queued(self, item: Item) -> bool:
        entry = self._entries.get(item.request)
        return entry is not None and item.position in entry.items

    def _remove(self, item: Item) -> None:
        """Take an item out of the queue by length."""
        queue = self._by_length[item.group, item.priority]
        del queue[bisect_left(queue, item)]
        if not queue:
            del self._by_length[item.group, item.priority]

    def _forget(self, item: Item) -> None:
        entry = self._entries[item.request]
        del entry.items[item.position]
        if not entry.items:
            del self._entries[item.request]
        self.items -= 1
        self.tokens -= item.length
        if not self.items:
            self._forget_all()

    def _forget_all(self) -> None:
        """Keep nothing of what is gone."""
        self._deadlines.clear()
        for arrivals in self._by_arrival.values():
            arrivals.clear()
