"""Conversations, stepped by hand, with a decoder that says the last turn again."""

import time

import pytest

from bot.errors import BadInput, DeadlineExceeded, Overloaded, Uncomputable
from bot.message import Priority
from bot.models import Tenant


def text_of(outcomes):
    return "".join(outcome.piece for outcome in outcomes)


def words(text):
    """What the fake decoder says."""
    return "".join(f"{sum(word.encode())} " for word in text.split()) + "1 "


def test_answers_are_written_together_and_told_piece_by_piece(bench):
    bench = bench("chat").load()
    bench.say(1, "how are you")
    bench.say(2, "fine")
    outcomes = bench.drain()
    assert text_of(outcomes[1]) == words("how are you")
    assert text_of(outcomes[2]) == words("fine")
    assert [outcome.values for outcome in outcomes[1]][-1] == {"is_cut": False}
    assert len(outcomes[1]) == 5
    assert bench.engine("chat").most == 2
    assert bench.pending() == {"chat": (0, 0, 0)}


def test_pieces_of_one_step_are_delivered_together(bench):
    bench = bench("chat").load()
    letters = []
    bench.desk.deliver = letters.append
    bench.say(1, "how are you")
    bench.say(2, "fine and well")
    bench.drain()
    assert [len(letter) for letter in letters] == [2, 2, 2, 4]


def test_an_answer_may_be_cut(bench):
    bench = bench("chat").load()
    bench.say(1, "one two three four", most_tokens=2)
    outcomes = bench.drain()
    assert outcomes[1][-1].values == {"is_cut": True}
    assert text_of(outcomes[1]) == words("one two")[:-2]


def test_a_request_joins_while_others_are_written(bench):
    bench = bench("chat").load()
    bench.say(1, "a long answer of many words")
    bench.read()
    bench.step()
    bench.say(2, "short")
    bench.drain()
    assert bench.engine("chat").most == 2


def test_a_cancelled_answer_stops_with_the_next_step(bench):
    bench = bench("chat").load()
    bench.say(1, "word " * 100)
    bench.say(2, "two words")
    bench.read()
    bench.step()
    bench.roles["chat"].cancel(1)
    outcomes = bench.drain()
    assert 1 in outcomes  # the piece of the first step
    assert len(outcomes[1]) == 1
    assert bench.engine("chat").steps == 3
    assert bench.pending() == {"chat": (0, 0, 0)}


def test_the_last_one_cancelled_leaves_nothing_in_the_decoder(bench):
    bench = bench("chat").load()
    bench.say(1, "word " * 100)
    bench.read()
    bench.step()
    bench.roles["chat"].cancel(1)
    assert bench.engine("chat").active == 1
    bench.drain()
    assert bench.engine("chat").active == 0
    assert bench.roles["chat"].priority() is None


def test_what_was_written_before_a_failure_stays_and_others_go_on(bench):
    bench = bench("chat").load()
    bench.say(1, "one nan two")
    bench.say(2, "fine as ever")
    outcomes = bench.drain()
    assert text_of(outcomes[1]).startswith(words("one")[:-2])
    assert isinstance(outcomes[1][-1].error, Uncomputable)
    assert text_of(outcomes[2]) == words("fine as ever")


def test_a_decoder_that_breaks_fails_what_it_writes_and_is_used_again(bench):
    bench = bench("chat").load()
    bench.say(1, "crash")
    assert isinstance(bench.drain()[1][-1].error, Uncomputable)
    bench.say(2, "fine")
    assert text_of(bench.drain()[2]) == words("fine")
    assert bench.engine("chat").active == 0


def test_a_deadline_ends_an_answer_in_the_middle(bench):
    bench = bench("chat").load()
    bench.engine("chat").pace = 0.01
    bench.say(1, "word " * 100, deadline=0.1)
    outcomes = bench.drain()
    assert isinstance(outcomes[1][-1].error, DeadlineExceeded)
    assert 1 < len(outcomes[1]) < 20
    assert bench.engine("chat").active == 0


def test_turns_that_cannot_be_said_are_refused(bench):
    bench = bench("chat").load()
    for texts, choices in ([], {}), (["a"], {}), (["a", "b"], {"speakers": ["person"]}):
        with pytest.raises(BadInput, match="turn"):
            bench.ask("chat", 1, texts, **choices)
    bench.say(2, "unpromptable")
    assert isinstance(bench.drain()[2][0].error, BadInput)
    assert bench.pending() == {"chat": (0, 0, 0)}


def test_the_most_urgent_join_first(bench, monkeypatch):
    bench = bench("chat").load()
    monkeypatch.setattr(bench.engine("chat"), "most_answers", 1)
    for number, priority in enumerate([Priority.BACKGROUND, Priority.PERSON, Priority.ALERT]):
        bench.say(number, "a b", priority=priority)
    bench.read()
    order = []
    while bench.roles["chat"].priority() is not None:
        bench.step()
        order += [outcome.request for outcome in bench.outcomes if outcome.values]
        bench.outcomes.clear()
    assert order == [2, 1, 0]


def test_a_community_has_its_share(bench):
    bench = bench("chat", max_queue_tokens=4096, community_share=0.5).load()
    for number in range(3):
        bench.say(number, "a", tenant=Tenant("chat", "slack:T1"))
    with pytest.raises(Overloaded):
        bench.say(3, "a", tenant=Tenant("chat", "slack:T1"))
    bench.say(3, "a", tenant=Tenant("chat", "slack:T2"))
    assert sorted(bench.drain()) == [0, 1, 2, 3]
    bench.say(4, "a", tenant=Tenant("chat", "slack:T1"))


def test_encoders_and_answers_take_turns(bench):
    bench = bench("chat", "embedding").load()
    bench.engine("chat").pace = 0.002
    bench.say(1, "word " * 50)
    for number in range(2, 60):
        bench.ask("embedding", number, ["slow " + "word " * 40])
    bench.read()
    bench.engine("embedding").misbehave = lambda tokens: time.sleep(0.002)
    for _ in range(40):
        bench.step()
    assert bench.engine("chat").steps > 10
    assert bench.roles["embedding"].health()["batches"] > 10


def test_health_counts_what_is_written(bench):
    bench = bench("chat").load()
    bench.say(1, "one two three")
    assert bench.roles["chat"].health()["queued"] == 1
    bench.read()
    bench.step()
    health = bench.roles["chat"].health()
    assert (health["queued"], health["active"], health["state"]) == (0, 1, "loaded")
    bench.drain()
    health = bench.roles["chat"].health()
    assert (health["active"], health["served"], health["tokens"]) == (0, 1, 4)
