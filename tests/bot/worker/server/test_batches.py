"""Roles of texts, stepped by hand, computing with fake engines."""

import gc
import random
import time

import numpy as np
import pytest

from bot.errors import BadInput, BadModel, DeadlineExceeded, Overloaded, Uncomputable
from bot.message import Priority
from bot.models import Tenant
from bot.worker.server.batching import Item
from bot.worker.server.generation import Chat
from bot.worker.server.requests import Open
from bot.worker.server.role import Ask, Outcome

# What stands for a request in memory.
KEPT = (Ask, Chat, Item, Open, Outcome)
TEXTS = {1: ["one two three", "four"], 2: ["five six"], 3: ["a b c d e f g h i j k l"]}


def row_of(result):
    return np.frombuffer(result, dtype="<f4")


def only(outcomes):
    """The one outcome of a request."""
    (outcome,) = outcomes
    return outcome


def results_of(outcomes):
    """The results of a request in order."""
    found = {
        place: result for each in outcomes for place, result in zip(each.positions, each.results, strict=True)
    }
    return [found[place] for place in sorted(found)]


def test_rows_come_back_to_their_request_and_position(bench, fakes):
    bench = bench("embedding").load()
    for request, texts in TEXTS.items():
        bench.ask("embedding", request, texts)
    outcomes = bench.drain()
    assert outcomes.keys() == TEXTS.keys()
    for request, texts in TEXTS.items():
        for text, result in zip(texts, results_of(outcomes[request]), strict=True):
            assert np.array_equal(row_of(result), fakes.expected(text))


@pytest.mark.parametrize("bad", ["poison", "nan", "huge", "untokenizable"])
def test_a_bad_text_fails_alone(bench, bad):
    bench = bench("embedding").load()
    for request in range(10):
        bench.ask("embedding", request, [f"text {request}"])
    bench.ask("embedding", 10, [f"text {bad}", "text fine"])
    bench.ask("embedding", 11, ["text after"])
    outcomes = bench.drain()
    assert isinstance(only(outcomes.pop(10)).error, Uncomputable)
    assert sorted(outcomes) == [*range(10), 11]
    assert all(only(each).error is None for each in outcomes.values())
    assert bench.pending() == {"embedding": (0, 0, 0)}


def test_later_texts_of_a_failed_request_are_not_computed(bench):
    bench = bench("embedding").load()
    bench.roles["embedding"]._requests.scheduler.resize(1)
    bench.ask("embedding", 1, ["poison", "fine", "fine"])
    assert isinstance(only(bench.drain()[1]).error, Uncomputable)
    assert bench.roles["embedding"].health()["batches"] == 1


def test_a_full_memory_halves_the_batches(bench):
    bench = bench("embedding", doors={"embedding": "Narrow"}).load()
    for request in range(32):
        bench.ask("embedding", request, ["two words"])
    outcomes = bench.drain()
    assert len(outcomes) == 32
    assert all(only(each).error is None for each in outcomes.values())
    assert bench.roles["embedding"].health()["budget"] < 64


def test_an_engine_that_loses_rows_is_an_error_not_a_mix_up(bench, monkeypatch):
    bench = bench("embedding").load()
    monkeypatch.setattr(bench.engine("embedding"), "compute", lambda batch: np.zeros((0, 4), np.float32))
    bench.ask("embedding", 1, ["a"])
    assert isinstance(only(bench.drain()[1]).error, Uncomputable)


def test_what_is_late_reaches_neither_tokenizer_nor_device(bench):
    bench = bench("embedding").load()
    bench.ask("embedding", 1, ["hang untokenizable"], deadline=0.0)
    bench.ask("embedding", 2, ["hang"], deadline=0.05)
    bench.ask("embedding", 3, ["a"])
    bench.read()
    time.sleep(0.06)
    outcomes = bench.drain()
    assert isinstance(only(outcomes[1]).error, DeadlineExceeded)
    assert isinstance(only(outcomes[2]).error, DeadlineExceeded)
    assert only(outcomes[3]).error is None


def test_what_is_late_is_told_although_its_turn_never_comes(bench):
    bench = bench("embedding")
    bench.ask("embedding", 1, ["a"], deadline=0.0)
    bench.roles["embedding"].tick()
    assert isinstance(bench.outcomes[0].error, DeadlineExceeded)
    assert bench.pending() == {"embedding": (0, 0, 0)}


def test_overload_is_told_at_once_and_counted(bench):
    bench = bench("embedding", max_queue_items=10).load()
    bench.ask("embedding", 1, ["a"] * 9)
    with pytest.raises(Overloaded) as caught:
        bench.ask("embedding", 2, ["a"])
    assert caught.value.retry_after >= 1.0
    assert bench.roles["embedding"].health()["refused"] == 1


def test_one_community_leaves_room_for_others(bench):
    bench = bench("embedding", max_queue_items=100, community_share=0.5).load()
    bench.ask("embedding", 1, ["a"] * 45, tenant=Tenant("qa", "discord:1"))
    with pytest.raises(Overloaded):
        bench.ask("embedding", 2, ["a"], tenant=Tenant("qa", "discord:1"))
    bench.ask("embedding", 3, ["a"] * 40, tenant=Tenant("qa", "discord:2"))
    bench.drain()
    bench.ask("embedding", 2, ["a"], tenant=Tenant("qa", "discord:1"))


def test_a_cancelled_request_leaves_the_queue(bench):
    bench = bench("embedding").load()
    for number in range(3):
        bench.ask("embedding", number, ["hang"] if number == 1 else ["a"])
    bench.roles["embedding"].cancel(1)
    assert sorted(bench.drain()) == [0, 2]
    for number in range(3, 6):
        bench.ask("embedding", number, ["hang"] if number == 4 else ["a"])
    bench.read()
    bench.roles["embedding"].cancel(4)
    assert sorted(bench.drain()) == [3, 5]
    assert bench.pending() == {"embedding": (0, 0, 0)}


def test_labels_and_what_decided(bench):
    bench = bench("sentiment").load()
    for number in range(4):
        bench.ask("sentiment", number, ["a b c"], explain=number == 3)
    outcomes = bench.drain()
    plain, explained = results_of(outcomes[0])[0], results_of(outcomes[3])[0]
    assert plain == ([["bad", 0.75], ["good", 0.25]], [])
    assert explained == ([["bad", 0.75], ["good", 0.25]], [[0, 1, 0.5]])
    assert sorted(bench.engine("sentiment").groups, key=str) == [(None, 3), (True, 1)]


def test_probabilities_that_are_none_are_refused(bench):
    bench = bench("sentiment").load()
    bench.ask("sentiment", 1, ["nan"])
    bench.ask("sentiment", 2, ["fine"])
    outcomes = bench.drain()
    assert "cannot be used" in str(only(outcomes[1]).error)
    assert only(outcomes[2]).error is None


def test_a_question_and_its_passages(bench):
    bench = bench("reader", "reranking").load()
    bench.ask("reader", 1, ["where is it", "it is where", "nowhere to be seen"])
    bench.ask("reranking", 2, ["green tea", "tea", "coffee", "green green tea"])
    outcomes = bench.drain()
    assert results_of(outcomes[1]) == [[6, 11, 0.75], [2, 7, 0.75]]
    assert results_of(outcomes[2]) == [0.5, 0.0, 1.0]
    with pytest.raises(BadInput):
        bench.ask("reader", 3, ["a question alone"])
    with pytest.raises(BadInput):
        bench.ask("reranking", 3, [])


def test_texts_are_written_apart_for_each_language(bench):
    bench = bench("translation").load()
    for number, target in enumerate(["de", "fr", "de"]):
        bench.ask("translation", number, ["abc def"], target=target, source="en")
    bench.ask("translation", 3, ["abc"], target="tlh", source="en")
    outcomes = bench.drain()
    assert [results_of(outcomes[number]) for number in range(3)] == [
        [f"<{target}> cba fed"] for target in ("de", "fr", "de")
    ]
    assert isinstance(only(outcomes[3]).error, BadInput)
    assert bench.roles["translation"].health()["batches"] == 2


def test_writing_ends_when_nobody_waits_for_it(bench):
    bench = bench("summary").load()
    engine = bench.engine("summary")
    bench.ask("summary", 1, ["word " * 50], most_words=3)
    bench.ask("summary", 2, ["word " * 50], most_words=3)
    bench.read()
    engine.between_before = engine.between

    def between():
        if engine.steps == 5:
            bench.roles["summary"].cancel(1)
        if engine.steps == 10:
            bench.roles["summary"].cancel(2)
        return engine.between_before()

    engine.between = between
    bench.roles["summary"]._requests.scheduler.resize(200)
    assert bench.drain() == {}
    assert engine.steps == 10
    assert bench.pending() == {"summary": (0, 0, 0)}


def test_an_alert_is_computed_between_two_words(bench):
    bench = bench("summary", "sentiment").load()
    bench.engine("summary").pace = 0.001
    bench.ask("summary", 1, ["word " * 50], most_words=3, priority=Priority.BACKGROUND)
    bench.read()
    writer, asked = bench.engine("summary"), []
    before = writer.between

    def between():
        if writer.steps == 10:
            bench.ask("sentiment", 2, ["bad"], priority=Priority.ALERT)
            bench.read()
        stop = before()
        asked.append((writer.steps, bool(bench.outcomes)))
        return stop

    writer.between = between
    outcomes = bench.drain()
    assert (9, False) in asked
    assert (10, True) in asked
    assert results_of(outcomes[1]) == [f"<3> {' '.join(['drow'] * 50)}"]


def test_requests_wait_while_the_model_is_loaded(bench):
    bench = bench("embedding", doors={"embedding": "Slow"})
    bench.ask("embedding", 1, ["a"])
    bench.ask("embedding", 2, ["b"])
    assert bench.roles["embedding"].health()["state"] == "loading"
    bench.settle(bench.roles["embedding"])
    assert sorted(bench.drain()) == [1, 2]


def test_a_model_that_cannot_be_loaded_refuses_all_who_wait_and_come(bench):
    bench = bench("embedding", doors={"embedding": "Needy"})
    bench.ask("embedding", 1, ["a"])
    bench.settle(bench.roles["embedding"])
    assert "torch" in str(bench.outcomes[0].error)
    with pytest.raises(BadModel, match="torch"):
        bench.ask("embedding", 2, ["a"])
    assert bench.pending() == {"embedding": (0, 0, 0)}


def test_health_tells_what_is_queued_and_what_was_done(bench):
    bench = bench("embedding").load()
    bench.ask("embedding", 1, ["one two three"], priority=Priority.ALERT)
    bench.ask("embedding", 2, ["one two"] * 3, priority=Priority.BACKGROUND)
    bench.read()
    health = bench.roles["embedding"].health()
    assert (health["queued"], health["queued_tokens"]) == (4, 9)
    assert health["queued_by"] == {"alert": 1, "person": 0, "background": 3}
    bench.drain()
    health = bench.roles["embedding"].health()
    assert (health["served"], health["tokens"], sum(health["waits"])) == (4, 9, 4)
    assert (health["queued"], health["state"], health["stalled_seconds"]) == (0, "loaded", 0.0)
    assert 0.5 < health["padding"] <= 1.0


def test_ten_thousand_cancellations_leave_nothing_behind(bench):
    """At any moment of a request's life: before it is read, while it is queued, in part computed."""
    roles = "embedding", "sentiment", "translation", "chat"
    bench = bench(*roles, max_queue_items=10**6, max_queue_tokens=10**8).load()
    of_others = kept_in_memory()
    storm(bench, random.Random(7), range(10_000))
    assert bench.pending() == dict.fromkeys(roles, (0, 0, 0))
    for name, role in bench.roles.items():
        room = role._room if name == "chat" else role._requests.room
        assert (room.items, room.tokens, dict(room._held)) == (0, 0, {})
    assert bench.engine("chat").active == 0
    assert len(kept_in_memory()) == len(of_others)


def kept_in_memory():
    gc.collect()
    return [each for each in gc.get_objects() if type(each) in KEPT]


def storm(bench, dice, numbers):
    """Ask, and cancel about as many, while some of it is computed; in the end nothing is open."""
    asked = {}
    for number in numbers:
        role = dice.choice(list(bench.roles))
        texts = [" ".join(["word"] * dice.randrange(1, 12)) for _ in range(dice.randrange(1, 4))]
        tenant = Tenant("qa", f"discord:{number % 7}")
        if role == "chat":
            bench.say(number, texts[0], tenant=tenant)
        else:
            bench.ask(role, number, texts, priority=dice.choice(list(Priority)), target="de", tenant=tenant)
        asked[number] = role
        while dice.random() < 0.5 and asked:
            victim = dice.choice(list(asked)) if dice.random() < 0.9 else number
            bench.roles[asked.pop(victim, role)].cancel(victim)
        if dice.random() < 0.3 and bench.desk.tokenizing._waiting:
            bench.desk.tokenizing.step()
        if dice.random() < 0.3 and any(each.priority() is not None for each in bench.roles.values()):
            bench.step()
    assert bench.drain()
    bench.engine("sentiment").groups.clear()
