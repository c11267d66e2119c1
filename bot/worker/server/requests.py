"""The open requests of one role, and the queue of their texts: bounded, and each forgotten once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence, Sized
from dataclasses import dataclass

from bot.message import Priority
from bot.worker.options import WorkerOptions
from bot.worker.server.batching import Item, Scheduler
from bot.worker.server.role import Ask
from bot.worker.server.room import Room

# What texts are taken to cost before their tokens are known.
CHARACTERS_PER_TOKEN = 3
MOST_TOKENS = 512


@dataclass(slots=True, eq=False)
class Open:
    """A request that is not answered: how many results are missing, and tokens it holds before it is read."""

    ask: Ask
    missing: int
    tokens: int
    is_read: bool = False


class Requests:
    """All open requests by number, and the queue of those that are read. Not safe without a lock."""

    def __init__(self, options: WorkerOptions) -> None:
        self.room = Room(options)
        self.scheduler = Scheduler(budget=1)
        self._open: dict[int, Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, number: int, ask: Ask, *, count: int, retry_after: Callable[[], float]) -> None:
        """Take a request of `count` results. Raises Overloaded when there is no room for it."""
        tokens = sum(min(MOST_TOKENS, len(text) // CHARACTERS_PER_TOKEN + 1) for text in ask.texts)
        self.room.take(count, tokens, priority=ask.priority, tenant=ask.on_behalf, retry_after=retry_after)
        self._open[number] = Open(ask, count, tokens)

    def numbers(self) -> list[int]:
        """All that is open."""
        return list(self._open)

    def unread(self) -> list[tuple[Priority, int]]:
        """Class and number of each request whose tokens are not known."""
        return [(each.ask.priority, number) for number, each in self._open.items() if not each.is_read]

    def asks(self, numbers: Iterable[int]) -> dict[int, Ask]:
        """What these requests ask: of those that are open and not read."""
        waiting = ((number, self._open.get(number)) for number in numbers)
        return {number: each.ask for number, each in waiting if each and not each.is_read}

    def queue(self, number: int, tokens: Sequence[Sized], *, group: Hashable, now: float) -> None:
        """Queue the tokens of a request that is open and not read."""
        waiting = self._open[number]
        size = sum(max(1, len(each)) for each in tokens)
        self.room.adjust(size - waiting.tokens, tenant=waiting.ask.on_behalf)
        waiting.is_read = True
        self.scheduler.add(
            number,
            tokens,
            priority=waiting.ask.priority,
            deadline=waiting.ask.deadline,
            now=now,
            group=group,
        )

    def next_batch(self, *, is_fair: bool) -> tuple[Item, ...]:
        """Texts to compute now; they wait no more."""
        batch = self.scheduler.next_batch(is_fair=is_fair)
        self._release(batch)
        return batch

    def late(self, now: float) -> list[int]:
        """The requests whose deadline has come."""
        return [number for number, each in self._open.items() if each.ask.deadline <= now]

    def is_waited_for(self, number: int, now: float) -> bool:
        """Whether a request is open and not late."""
        return number in self._open and self._open[number].ask.deadline > now

    def answer(self, number: int, count: int) -> bool:
        """So many results of a request are there; False when nobody waits for them."""
        waiting = self._open.get(number)
        if waiting is None:
            return False
        waiting.missing -= count
        if not waiting.missing:
            del self._open[number]
        return True

    def close(self, number: int) -> bool:
        """Forget a request and what is queued of it; False when it is already gone."""
        waiting = self._open.get(number)
        if waiting is None:
            return False
        if waiting.is_read:
            self._release(self.scheduler.cancel(number))
        else:
            self._give(waiting.ask, waiting.missing, waiting.tokens)
        del self._open[number]
        return True

    def _release(self, items: Iterable[Item]) -> None:
        for item in items:
            self._give(self._open[item.request].ask, 1, item.length)

    def _give(self, ask: Ask, items: int, tokens: int) -> None:
        self.room.give(items, tokens, priority=ask.priority, tenant=ask.on_behalf)
