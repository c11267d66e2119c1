import threading
import time

import numpy as np
import pytest

from bot.errors import DeadlineExceeded, Overloaded, Uncomputable
from bot.message import Priority
from bot.worker.batching import Scheduler
from bot.worker.inference import Inference


class Bench:
    """An inference thread's parts, stepped by hand: everything queued is computed by `drain`."""

    def __init__(self, engine, budget=64, max_items=1000):
        self.outcomes = []
        self.scheduler = Scheduler(budget=budget, max_items=max_items, max_tokens=10_000)
        self.inference = Inference(engine, self.scheduler, self.outcomes.extend)

    def ask(self, request, texts, deadline=60.0):
        tokens = self.inference.tokenize(texts)
        self.inference.submit(request, tokens, Priority.PERSON, time.monotonic() + deadline)

    def drain(self):
        while self.scheduler.items:
            self.inference.step()
        return self.outcomes


@pytest.fixture
def words(fakes):
    return fakes.Words(None, 1)


def test_rows_come_back_to_their_request_and_position(words, fakes):
    bench = Bench(words)
    texts = {1: ["one two three", "four"], 2: ["five six"], 3: ["a b c d e f g h i j k l"]}
    for request, asked in texts.items():
        bench.ask(request, asked)
    found = {
        (outcome.request, position): row
        for outcome in bench.drain()
        for position, row in zip(outcome.positions, outcome.rows, strict=True)
    }
    assert len(found) == 4
    for (request, position), row in found.items():
        assert np.array_equal(row, fakes.expected(texts[request][position]))


@pytest.mark.parametrize("bad", ["poison", "nan", "huge"])
def test_a_bad_text_fails_alone(words, bad):
    bench = Bench(words)
    for request in range(10):
        bench.ask(request, [f"text {request}"])
    bench.ask(10, [f"text {bad}", "text fine"])
    bench.ask(11, ["text after"])
    outcomes = {outcome.request: outcome for outcome in bench.drain()}
    assert isinstance(outcomes.pop(10).error, Uncomputable)
    assert sorted(outcomes) == [*range(10), 11]
    assert all(outcome.error is None for outcome in outcomes.values())


def test_later_texts_of_a_failed_request_are_not_computed(words):
    bench = Bench(words, budget=1)
    bench.ask(1, ["poison", "fine", "fine"])
    assert [outcome.request for outcome in bench.drain()] == [1]


def test_a_full_memory_halves_the_batches(fakes):
    bench = Bench(fakes.Narrow(None, 1), budget=64)
    for request in range(32):
        bench.ask(request, ["two words"])
    outcomes = bench.drain()
    assert len(outcomes) == 32
    assert all(outcome.error is None for outcome in outcomes)
    assert bench.scheduler.budget < 64


def test_an_engine_that_loses_rows_is_an_error_not_a_mix_up(words, monkeypatch):
    monkeypatch.setattr(type(words), "compute", lambda self, batch: np.zeros((0, 4), np.float32))
    bench = Bench(words)
    bench.ask(1, ["a"])
    assert isinstance(bench.drain()[0].error, Uncomputable)


def test_what_is_late_is_not_computed(words):
    bench = Bench(words)
    bench.ask(1, ["hang"], deadline=0.0)
    bench.ask(2, ["a"])
    outcomes = {outcome.request: outcome for outcome in bench.drain()}
    assert isinstance(outcomes[1].error, DeadlineExceeded)
    assert outcomes[2].error is None


def test_overload_names_a_time_to_wait(words):
    bench = Bench(words, max_items=10)
    bench.ask(1, ["a"] * 9)
    with pytest.raises(Overloaded) as caught:
        bench.ask(2, ["a"])
    assert caught.value.retry_after >= 1.0


def test_it_is_stalled_only_while_something_is_asked(words):
    bench = Bench(words)
    assert bench.inference.stalled_seconds() == 0.0
    time.sleep(0.05)
    bench.ask(1, ["a"])
    assert bench.inference.stalled_seconds() < 0.05
    time.sleep(0.06)
    assert bench.inference.stalled_seconds() > 0.05
    bench.drain()
    assert bench.inference.stalled_seconds() == 0.0


def test_the_thread_wakes_at_once(words):
    bench = Bench(words)
    threading.Thread(target=bench.inference.run, daemon=True).start()
    time.sleep(0.05)
    bench.ask(1, ["a"])
    limit = time.monotonic() + 5
    while not bench.outcomes and time.monotonic() < limit:
        time.sleep(0.001)
    assert bench.outcomes[0].request == 1
    assert bench.inference.health()["served"] == 1
