"""Turns are given at the rate and in the order asked for, on a clock of our own."""

import asyncio
import heapq
import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.connectors import pacing
from bot.connectors.pacing import Pace


class Clock:
    """A clock that moves only when nobody has anything else to do."""

    def __init__(self) -> None:
        self.now = 0.0
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self.now + seconds, next(self._count), waking))
        await waking

    async def run(self, work: "asyncio.Future[object]") -> None:
        """Let time pass until the work is done."""
        while not work.done():
            for _ in range(20):
                await asyncio.sleep(0)
            if not work.done() and self._asleep:
                self.now, _, waking = heapq.heappop(self._asleep)
                if not waking.done():
                    waking.set_result(None)
        await work


def most_within(turns: list[float], seconds: float) -> int:
    """The most turns in any window of so many seconds."""
    return max((sum(1 for each in turns if begin <= each < begin + seconds) for begin in turns), default=0)


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    pace = Pace(2, 3, clock=clock, sleep=clock.sleep)
    turns: list[float] = []

    async def ask() -> None:
        await pace.wait("key")
        turns.append(clock.now)

    await clock.run(asyncio.gather(*(ask() for _ in range(6))))
    assert turns == [0, 0, 0, 0.5, 1.0, 1.5]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.integers(1, 4))
def test_each_key_keeps_its_order_and_its_rate(keys: list[str], burst: int) -> None:
    async def play() -> None:
        clock = Clock()
        pace = Pace(1, burst, clock=clock, sleep=clock.sleep)
        turns: list[tuple[str, int, float]] = []

        async def ask(key: str, number: int) -> None:
            await pace.wait(key)
            turns.append((key, number, clock.now))

        await clock.run(asyncio.gather(*(ask(key, number) for number, key in enumerate(keys))))
        for key, count in Counter(keys).items():
            mine = [(number, moment) for each, number, moment in turns if each == key]
            assert [number for number, _ in mine] == sorted(number for number, _ in mine)
            moments = [moment for _, moment in mine]
            assert most_within(moments, 1) <= burst + 1
            assert moments[-1] == max(0, count - burst), "no slower than it must be"

    asyncio.run(play())


async def test_a_turn_is_taken_only_when_it_is_free() -> None:
    clock = Clock()
    pace = Pace(1, 1, clock=clock, sleep=clock.sleep)
    assert pace.take("key")
    assert not pace.take("key")
    assert pace.take("other")
    clock.now = 1.0
    assert pace.take("key")


async def test_nobody_overtakes_those_who_wait() -> None:
    clock = Clock()
    pace = Pace(1, 1, clock=clock, sleep=clock.sleep)
    assert pace.take("key")
    waiting = asyncio.create_task(pace.wait("key"))
    await asyncio.sleep(0)
    clock.now = 1.0
    assert not pace.take("key")
    waiting.cancel()


async def test_a_hold_counts_for_those_who_wait_already() -> None:
    clock = Clock()
    pace = Pace(10, 5, clock=clock, sleep=clock.sleep)
    for _ in range(5):
        assert pace.take("key")
    waiting = asyncio.gather(pace.wait("key"))
    await asyncio.sleep(0)
    pace.hold("key", 30)
    await clock.run(waiting)
    assert 30 <= clock.now < 30.2


async def test_who_is_cancelled_takes_no_turn() -> None:
    clock = Clock()
    pace = Pace(1, 1, clock=clock, sleep=clock.sleep)
    await pace.wait("key")
    first, second = asyncio.ensure_future(pace.wait("key")), asyncio.gather(pace.wait("key"))
    await asyncio.sleep(0)
    first.cancel()
    await clock.run(second)
    assert clock.now == 1.0


async def test_keys_that_are_idle_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(1, 1, clock=clock, sleep=clock.sleep)
    for number in range(pacing.MOST_PLACES):
        assert pace.take(str(number))
    clock.now = 100.0
    assert pace.take("busy")
    assert pace.take("one more")
    assert len(pace._places) == 2
    assert not pace.take("busy")
