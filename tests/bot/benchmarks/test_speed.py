"""Speed is counted in texts for each second of the processor, one by one and in batches."""

import time

import pytest

from bot.benchmarks.speed import rate, speed_of


class Busy:
    """An engine that takes so many CPU-seconds for a batch, and as many again for each text in it."""

    def __init__(self, batch, text):
        self.batch, self.text = batch, text
        self.sizes = set()

    def tokenize(self, texts):
        return list(texts)

    def compute(self, members):
        self.sizes.add(len(members))
        ends = time.process_time() + self.batch + self.text * len(members)
        while time.process_time() < ends:
            pass
        return members


class Choosing(Busy):
    """One that is told what is wanted."""

    def choose(self, choices):
        return choices

    def compute(self, members, choice):
        self.choice = choice
        return super().compute(members)


def test_batches_are_quicker_where_a_batch_costs():
    engine = Busy(0.002, 0.0001)
    found = speed_of(engine, [f"text {number}" for number in range(64)], sizes=(8, 32))
    assert engine.sizes == {1, 8, 32}
    assert found.batch == 32
    assert found.alone == pytest.approx(1 / 0.0021, rel=0.3)
    assert found.best == pytest.approx(32 / 0.0052, rel=0.3)


def test_one_by_one_may_be_the_quickest():
    engine = Busy(0.0, 0.001)
    engine.compute = lambda members: Busy.compute(engine, members * len(members))
    assert speed_of(engine, ["a"] * 16, sizes=(8,)).batch == 1


def test_an_engine_that_chooses_is_given_the_choice():
    engine = Choosing(0.0, 0.0001)
    assert rate(engine, ["a", "b", "c"], {"target": "de"}, size=2) > 0
    assert engine.choice == {"target": "de"}
