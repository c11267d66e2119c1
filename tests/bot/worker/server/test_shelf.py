"""Models that come and go, with fake engines of three MiB each."""

import threading
import time

import pytest

from bot.worker import memory
from bot.worker.server import shelf


@pytest.fixture(autouse=True)
def sizes(monkeypatch):
    """Every model takes three MiB; nothing waits long for its place."""
    monkeypatch.setattr(shelf, "parts_of", lambda engine: {id(engine): 3 * 2**20})
    monkeypatch.setattr(shelf, "LEAST_SECONDS", 0.2)


def states(bench):
    return {name: role.model.state.value for name, role in bench.roles.items()}


def test_a_model_is_loaded_once_however_many_ask(bench, fakes, monkeypatch):
    made = []
    make = shelf.make_engine
    monkeypatch.setattr(
        shelf, "make_engine", lambda entry, threads: made.append(entry) or make(entry, threads)
    )
    bench = bench("embedding")
    for number in range(20):
        bench.ask("embedding", number, ["a"])
    bench.load()
    assert len(bench.drain()) == 20
    assert len(made) == 1


def test_the_least_recently_used_leaves_and_comes_back_when_asked(bench):
    bench = bench("embedding", "sentiment", "summary", memory_mb=7)
    for number, role in enumerate(bench.roles):
        bench.ask(role, number, ["a b"])
        bench.settle(bench.roles[role])
        bench.drain()
    assert states(bench) == {"embedding": "absent", "sentiment": "loaded", "summary": "loaded"}
    bench.ask("sentiment", 10, ["a"])
    bench.drain()
    bench.ask("embedding", 11, ["a"])
    bench.settle(bench.roles["embedding"])
    assert states(bench) == {"embedding": "loaded", "sentiment": "loaded", "summary": "absent"}
    assert bench.drain().keys() == {11}
    assert bench.desk.shelf.memory_bytes() == 6 * 2**20
    assert bench.roles["summary"].health()["memory_bytes"] == 0


def test_one_that_is_always_asked_gives_its_place_between_two_batches(bench, monkeypatch):
    """And what it was asked is computed when it has come back."""
    bench = bench("embedding", "sentiment", memory_mb=5)
    import fake_engines

    monkeypatch.setattr(fake_engines.Words, "misbehave", lambda self, tokens: time.sleep(0.004))
    bench.desk.start()
    for number in range(300):
        bench.ask("embedding", number, ["word " * 10])
    bench.settle(bench.roles["embedding"])
    bench.ask("sentiment", 1000, ["a b"])
    limit = time.monotonic() + 15
    while len({outcome.request for outcome in bench.outcomes}) < 301 and time.monotonic() < limit:
        time.sleep(0.01)
    order = [outcome.request for outcome in bench.outcomes]
    assert sorted(order) == [*range(300), 1000]
    assert order[-1] != 1000
    assert all(outcome.error is None for outcome in bench.outcomes)


def test_of_two_that_are_always_asked_one_goes_on(bench, monkeypatch):
    bench = bench("embedding", "reader", "sentiment", memory_mb=7)
    import fake_engines

    monkeypatch.setattr(fake_engines.Words, "misbehave", lambda self, tokens: time.sleep(0.004))
    monkeypatch.setattr(fake_engines.Finder, "find", lambda *_: time.sleep(0.004) or (0, 0, 0.5))
    bench.desk.start()
    for number in range(200):
        bench.ask("embedding", number, ["word " * 10])
        bench.ask("reader", 1000 + number, ["word", "word " * 9])
    bench.settle(bench.roles["embedding"])
    bench.settle(bench.roles["reader"])
    bench.ask("sentiment", 5000, ["a b"])
    limit = time.monotonic() + 20
    while len({outcome.request for outcome in bench.outcomes}) < 401 and time.monotonic() < limit:
        time.sleep(0.01)
    assert sorted(each.request for each in bench.outcomes) == [*range(200), *range(1000, 1200), 5000]
    assert not any(role.model.is_leaving for role in bench.roles.values())


def test_for_a_shadow_nobody_leaves(bench):
    bench = bench("embedding", "sentiment", "sentiment.shadow", memory_mb=7)
    for number, role in enumerate(("embedding", "sentiment")):
        bench.ask(role, number, ["a b"])
        bench.settle(bench.roles[role])
    bench.drain()
    bench.ask("sentiment.shadow", 2, ["a b"])
    bench.settle(bench.roles["sentiment.shadow"])
    (refused,) = bench.drain()[2]
    assert "no room in worker.memory_mb" in str(refused.error)
    assert states(bench) == {"embedding": "loaded", "sentiment": "loaded", "sentiment.shadow": "failed"}


def test_a_shadow_leaves_before_all_others(bench):
    bench = bench("embedding", "sentiment", "sentiment.shadow", memory_mb=7)
    for number, role in enumerate(("embedding", "sentiment.shadow", "sentiment")):
        bench.ask(role, number, ["a b"])
        bench.settle(bench.roles[role])
        bench.drain()
    assert states(bench) == {"embedding": "loaded", "sentiment.shadow": "absent", "sentiment": "loaded"}


def test_a_model_over_the_limit_says_which_setting(bench):
    bench = bench("embedding", memory_mb=2)
    bench.ask("embedding", 1, ["a"])
    bench.settle(bench.roles["embedding"])
    assert "takes 3 MiB. Set worker.memory_mb" in str(bench.outcomes[0].error)


def test_what_nobody_asks_is_put_away(bench):
    bench = bench("embedding", "chat", idle_seconds=0.05).load()
    bench.ask("embedding", 1, ["a"])
    bench.desk.shelf.tick()
    assert states(bench) == {"embedding": "loaded", "chat": "loaded"}
    bench.drain()
    time.sleep(0.06)
    bench.desk.shelf.tick()
    assert states(bench) == {"embedding": "absent", "chat": "absent"}
    bench.say(2, "hello there")
    bench.ask("embedding", 3, ["a"])
    bench.settle(bench.roles["chat"])
    bench.settle(bench.roles["embedding"])
    assert sorted(bench.drain()) == [2, 3]


def test_an_answer_that_is_written_is_not_interrupted(bench):
    bench = bench("chat", "embedding", memory_mb=5)
    bench.say(1, "word " * 30)
    bench.settle(bench.roles["chat"])
    bench.read()
    bench.step()
    bench.ask("embedding", 2, ["a"])
    time.sleep(0.4)
    assert states(bench) == {"chat": "loaded", "embedding": "loading"}
    assert len(bench.drain()[1]) == 32
    bench.settle(bench.roles["embedding"])
    assert bench.drain().keys() == {2}
    assert states(bench) == {"chat": "absent", "embedding": "loaded"}


def test_where_memory_is_short_others_leave_first(bench, monkeypatch):
    bench = bench("embedding", "sentiment")
    make, room = shelf.make_engine, [1]

    def make_with_room(entry, threads):
        if sum(role.model.engine is not None for role in bench.roles.values()) >= room[0]:
            raise MemoryError
        return make(entry, threads)

    monkeypatch.setattr(shelf, "make_engine", make_with_room)
    bench.ask("embedding", 1, ["a"])
    bench.settle(bench.roles["embedding"])
    bench.drain()
    bench.ask("sentiment", 2, ["a"])
    bench.settle(bench.roles["sentiment"])
    assert states(bench) == {"embedding": "absent", "sentiment": "loaded"}
    bench.drain()
    room[0] = 0
    bench.ask("embedding", 3, ["a"])
    limit = time.monotonic() + 5
    while not bench.outcomes and time.monotonic() < limit:
        time.sleep(0.01)
    assert "no memory left" in str(bench.outcomes[0].error)
    assert states(bench)["embedding"] == "absent"


def test_an_engine_that_breaks_while_it_is_made_is_told(bench, monkeypatch, capsys):
    def make(entry, threads):
        raise KeyError("surprise")

    monkeypatch.setattr(shelf, "make_engine", make)
    bench = bench("embedding")
    bench.ask("embedding", 1, ["a"])
    bench.settle(bench.roles["embedding"])
    assert "cannot be loaded (KeyError)" in str(bench.outcomes[0].error)
    assert "surprise" in capsys.readouterr().err


def test_an_engine_is_warmed_up_before_it_computes(bench, fakes, monkeypatch):
    import fake_engines

    warmed = []
    monkeypatch.setattr(
        fake_engines.Words, "warm", lambda self: warmed.append(threading.current_thread()), raising=False
    )
    bench("embedding").load()
    assert len(warmed) == 1
    assert warmed[0] is not threading.main_thread()


def test_shared_weights_count_once():
    torch = pytest.importorskip("torch")
    base = torch.nn.Linear(100, 100)

    class Engine:
        def __init__(self):
            self.base = base
            self.head = torch.nn.Linear(100, 2)

    one, two = memory.parts_of(Engine()), memory.parts_of(Engine())
    alone = memory.bytes_of([one])
    assert alone == 4 * (100 * 100 + 100 + 200 + 2)
    assert memory.bytes_of([one, two]) == alone + 4 * 202


def test_an_engine_may_say_what_it_takes():
    class Engine:
        memory = 123

    assert memory.bytes_of([memory.parts_of(Engine())]) == 123
    assert memory.bytes_of([memory.parts_of(object())]) == 0
