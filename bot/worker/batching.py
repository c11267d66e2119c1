"""Which texts are computed together: one queue of a model, without any input or output.

The rule: take the most urgent text (the anchor), then those nearest to it in length, as long as the
padded batch keeps within the token budget and no newcomer adds more padding than it saves: a batch
of its own would cost about `WASTE` of the budget before its first token. Nothing waits for a batch
to fill: it forms when the device is free, from what has come meanwhile. Urgency is arrival plus
`ageing` seconds per priority class, so an alert overtakes everybody's work but no text starves.
Times are seconds of any one clock.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from bot.errors import Overloaded
from bot.message import Priority

# The part of the queue each class may fill, so that bulk work never locks people out.
SHARES = {Priority.ALERT: 1.0, Priority.PERSON: 0.9, Priority.BACKGROUND: 0.5}
WASTE = 1 / 40
SMALLEST_BUDGET = 32
REGROWTH = 1.02


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One text of a request, `position` among its texts. Ordered by length in tokens, then arrival."""

    length: int
    number: int
    request: int = field(compare=False)
    position: int = field(compare=False)
    urgency: float = field(compare=False)
    tokens: Sequence[int] = field(compare=False, repr=False)


@dataclass(slots=True)
class Entry:
    """What is still queued of one request."""

    priority: Priority
    deadline: float
    items: dict[int, Item]


class Scheduler:
    """The queue of one model. `budget` is the padded tokens of a batch: items times the longest one."""

    def __init__(self, *, budget: int, max_items: int, max_tokens: int, ageing: float = 5.0) -> None:
        self.budget = self._full_budget = float(budget)
        self.items = 0
        self.tokens = 0
        self._most_waste = budget * WASTE
        self._max_items = max_items
        self._max_tokens = max_tokens
        self._ageing = ageing
        self._numbers = itertools.count()
        self._entries: dict[int, Entry] = {}
        self._by_length: dict[Priority, list[Item]] = {each: [] for each in Priority}
        self._by_arrival: dict[Priority, deque[Item]] = {each: deque() for each in Priority}
        self._deadlines: list[tuple[float, int]] = []

    def check_room(self, items: int, tokens: int, priority: Priority, retry_after: float) -> None:
        """Raise Overloaded when a request of that size would go over its class's share of the queue."""
        share = SHARES[priority]
        if self.items + items > self._max_items * share or self.tokens + tokens > self._max_tokens * share:
            raise Overloaded(max(1.0, retry_after))

    def add(
        self, request: int, texts: Sequence[Sequence[int]], *, priority: Priority, deadline: float, now: float
    ) -> None:
        """Queue the tokens of a request's texts. `deadline` is a moment; `now` must never go back."""
        if not texts:
            return
        urgency = now + self._ageing * priority
        made = [
            Item(max(1, len(tokens)), next(self._numbers), request, position, urgency, tokens)
            for position, tokens in enumerate(texts)
        ]
        self._entries[request] = Entry(priority, deadline, {item.position: item for item in made})
        for item in made:
            insort(self._by_length[priority], item)
        self._by_arrival[priority].extend(made)
        self._remember_deadline(deadline, request)
        self.items += len(made)
        self.tokens += sum(item.length for item in made)

    def cancel(self, request: int) -> None:
        """Forget what is still queued of a request."""
        entry = self._entries.get(request)
        if entry is None:
            return
        queue = self._by_length[entry.priority]
        for item in list(entry.items.values()):
            del queue[bisect_left(queue, item)]
            self._forget(item)

    def expire(self, now: float) -> list[int]:
        """Cancel and return the requests whose deadline has come."""
        late = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, request = heapq.heappop(self._deadlines)
            if request in self._entries:
                self.cancel(request)
                late.append(request)
        return late

    def next_batch(self) -> tuple[Item, ...]:
        """The texts to compute now, empty when nothing is queued. The first one is the most urgent."""
        anchor = self._anchor()
        if anchor is None:
            return ()
        queue = self._by_length[self._entries[anchor.request].priority]
        del queue[bisect_left(queue, anchor)]
        batch = [anchor]
        for priority in Priority:
            self._take_neighbours(self._by_length[priority], batch)
        for item in batch:
            self._forget(item)
        return tuple(batch)

    def shrink(self) -> None:
        """The device ran out of memory: smaller batches for a while."""
        self.budget = max(SMALLEST_BUDGET, self.budget / 2)

    def regrow(self) -> None:
        """A batch went well: come slowly back to the full budget."""
        self.budget = min(self._full_budget, self.budget * REGROWTH)

    def _anchor(self) -> Item | None:
        heads = []
        for arrivals in self._by_arrival.values():
            while arrivals and not self._is_queued(arrivals[0]):
                arrivals.popleft()
            if arrivals:
                heads.append(arrivals[0])
        return min(heads, key=lambda item: (item.urgency, item.number), default=None)

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

    def _remember_deadline(self, deadline: float, request: int) -> None:
        if len(self._deadlines) > 2 * len(self._entries) + 64:
            self._deadlines = [(entry.deadline, number) for number, entry in self._entries.items()]
            heapq.heapify(self._deadlines)
        else:
            heapq.heappush(self._deadlines, (deadline, request))

    def _is_queued(self, item: Item) -> bool:
        entry = self._entries.get(item.request)
        return entry is not None and item.position in entry.items

    def _forget(self, item: Item) -> None:
        entry = self._entries[item.request]
        del entry.items[item.position]
        if not entry.items:
            del self._entries[item.request]
        self.items -= 1
        self.tokens -= item.length
