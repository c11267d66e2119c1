import random

from hypothesis import given
from hypothesis import strategies as st

from bot.message import Priority
from bot.worker.server.batching import WASTE, Scheduler


def scheduler(budget=64, ageing=5.0):
    return Scheduler(budget=budget, ageing=ageing)


def add(queue, request, lengths, *, priority=Priority.PERSON, deadline=1e9, now=0.0, group=None):
    texts = [[0] * length for length in lengths]
    queue.add(request, texts, priority=priority, deadline=deadline, now=now, group=group)


def requests_of(batch):
    return [item.request for item in batch]


def test_an_idle_queue_gives_nothing():
    assert scheduler().next_batch() == ()


def test_one_text_does_not_wait_for_others():
    queue = scheduler()
    add(queue, 1, [3])
    assert requests_of(queue.next_batch()) == [1]
    assert queue.items == queue.tokens == 0


def test_callers_meet_in_one_batch():
    queue = scheduler()
    for request in range(5):
        add(queue, request, [10])
    assert sorted(requests_of(queue.next_batch())) == [0, 1, 2, 3, 4]


def test_the_batch_stays_within_the_padded_budget():
    queue = scheduler(budget=64)
    add(queue, 1, [10] * 20)
    assert len(queue.next_batch()) == 6


def test_a_text_over_the_budget_goes_alone():
    queue = scheduler(budget=64)
    add(queue, 1, [200, 200])
    assert len(queue.next_batch()) == 1


def test_neighbours_in_length_go_together():
    queue = scheduler(budget=400)
    add(queue, 1, [20])
    add(queue, 2, [200, 21, 3, 19, 31])
    assert sorted(item.length for item in queue.next_batch()) == [19, 20, 21]


def test_short_texts_join_although_their_lengths_differ_by_half():
    queue = scheduler(budget=400)
    add(queue, 1, [4, 6, 8])
    assert len(queue.next_batch()) == 3


def test_chat_traffic_is_hardly_padded():
    """Lengths of real chats; the share of tokens that are not padding, at three depths of the queue."""
    lengths = [max(3, min(256, int(random.Random(n).lognormvariate(2.6, 1.0)))) for n in range(2000)]
    assert [round(efficiency(lengths, depth), 2) >= goal for depth, goal in GOALS.items()] == [True] * 3


GOALS = {10: 0.8, 40: 0.85, 400: 0.95}


def efficiency(lengths, depth):
    queue, fed, padded = scheduler(budget=384), 0, 0
    while fed < len(lengths) or queue.items:
        while fed < len(lengths) and queue.items < depth:
            add(queue, fed, [lengths[fed]], now=float(fed))
            fed += 1
        batch = queue.next_batch()
        padded += len(batch) * max(item.length for item in batch)
    return sum(lengths) / padded


def test_an_alert_goes_first_and_people_before_bulk_work():
    queue = scheduler(budget=1)
    for request, priority in enumerate([Priority.BACKGROUND, Priority.PERSON, Priority.ALERT]):
        add(queue, request, [1], priority=priority)
    assert [requests_of(queue.next_batch()) for _ in range(3)] == [[2], [1], [0]]


def test_an_alert_goes_before_bulk_work_however_old():
    queue = scheduler(budget=1, ageing=5.0)
    add(queue, 0, [1], priority=Priority.BACKGROUND, now=0.0)
    add(queue, 1, [1], priority=Priority.ALERT, now=100.0)
    assert [requests_of(queue.next_batch()) for _ in range(2)] == [[1], [0]]


def test_on_a_fair_turn_old_bulk_work_goes_before_new_alerts():
    queue = scheduler(budget=1, ageing=5.0)
    add(queue, 0, [1], priority=Priority.BACKGROUND, now=0.0)
    add(queue, 1, [1], priority=Priority.ALERT, now=9.0)
    add(queue, 2, [1], priority=Priority.ALERT, now=11.0)
    assert queue.urgency() == 9.0
    assert [requests_of(queue.next_batch(is_fair=True)) for _ in range(3)] == [[1], [0], [2]]


def test_groups_are_computed_apart():
    queue = scheduler()
    add(queue, 1, [5, 5], group="de")
    add(queue, 2, [5], group="fr")
    add(queue, 3, [5], group="de")
    assert sorted(requests_of(queue.next_batch())) == [1, 1, 3]
    assert requests_of(queue.next_batch()) == [2]
    assert not queue._by_length


def test_a_request_past_its_deadline_is_told_once():
    queue = scheduler()
    add(queue, 1, [5, 5], deadline=10.0)
    add(queue, 2, [5], deadline=20.0)
    assert queue.late(9.9) == []
    assert queue.late(10.0) == [1]
    assert queue.late(10.0) == []
    queue.cancel(1)
    assert requests_of(queue.next_batch()) == [2]


def test_a_computed_request_is_not_late():
    queue = scheduler()
    add(queue, 1, [5], deadline=10.0)
    queue.next_batch()
    assert queue.late(11.0) == []


def test_a_cancelled_request_is_gone():
    queue = scheduler()
    add(queue, 1, [5, 50])
    add(queue, 2, [5])
    queue.cancel(1)
    queue.cancel(1)
    assert (queue.items, queue.tokens) == (1, 5)
    assert requests_of(queue.next_batch()) == [2]
    assert queue.next_batch() == ()


def test_a_request_without_texts_leaves_nothing_behind():
    queue = scheduler()
    add(queue, 1, [])
    assert queue.next_batch() == ()
    assert queue.late(2e9) == []


def test_a_cancelled_request_gives_back_what_was_queued():
    queue = scheduler(budget=1)
    add(queue, 1, [1, 2, 3])
    queue.next_batch()
    assert sorted(item.length for item in queue.cancel(1)) == [2, 3]
    assert queue.cancel(1) == ()


def test_the_most_urgent_class_is_known():
    queue = scheduler()
    assert queue.priority() is None
    add(queue, 1, [1], priority=Priority.BACKGROUND)
    add(queue, 2, [1], priority=Priority.PERSON)
    assert queue.priority() is Priority.PERSON
    queue.cancel(2)
    assert queue.priority() is Priority.BACKGROUND


def test_cancelled_texts_do_not_pile_up_behind_one_that_waits():
    queue = scheduler()
    add(queue, 0, [1])
    for request in range(1, 10_000):
        add(queue, request, [1])
        queue.cancel(request)
    assert len(queue._by_arrival[Priority.PERSON]) < 200
    assert len(queue._deadlines) < 200


def test_memory_shortage_halves_the_batches_and_success_brings_them_back():
    queue = scheduler(budget=100)
    queue.shrink()
    assert queue.budget == 50
    for _ in range(20):
        queue.shrink()
    assert queue.budget == 32
    for _ in range(100):
        queue.regrow()
    assert queue.budget == 100


def test_forgotten_deadlines_do_not_pile_up():
    queue = scheduler()
    for request in range(10_000):
        add(queue, request, [1], deadline=1e9)
        queue.next_batch()
    assert len(queue._deadlines) < 200


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.lists(st.integers(0, 80), max_size=8),
            st.sampled_from(Priority),
            st.integers(1, 40),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("expire")),
        st.tuples(st.just("batch"), st.booleans()),
    ),
    max_size=60,
)


@given(steps)
def test_every_text_comes_out_once_or_is_dropped_with_its_request(history):
    """The promises, against a plain list of what is queued."""
    queue, model, now, number = scheduler(budget=100), {}, 0.0, 0
    for step in history:
        now += 1.0
        if step[0] == "add":
            texts = [[0] * length for length in step[1]]
            queue.add(number, texts, priority=step[2], deadline=now + step[3], now=now)
            for position, length in enumerate(step[1]):
                order = (step[2], now), now + 5.0 * step[2]
                model[number, position] = (max(1, length), order, now + step[3])
            number += 1
        elif step[0] == "cancel":
            queue.cancel(step[1])
            model = {key: value for key, value in model.items() if key[0] != step[1]}
        elif step[0] == "expire":
            late = {key[0] for key, value in model.items() if value[2] <= now}
            assert set(queue.late(now)) == late
            for request in late:
                queue.cancel(request)
            model = {key: value for key, value in model.items() if key[0] not in late}
        else:
            check_batch(queue.next_batch(is_fair=step[1]), model, is_fair=step[1])
        assert queue.items == len(model)
        assert queue.tokens == sum(value[0] for value in model.values())
    while batch := queue.next_batch():
        check_batch(batch, model)
    assert not model


def check_batch(batch, model, *, is_fair=False):
    if not model:
        assert batch == ()
        return
    anchor = batch[0]
    assert model[anchor.request, anchor.position][1][is_fair] == min(
        value[1][is_fair] for value in model.values()
    )
    longest = max(item.length for item in batch)
    assert len(batch) == 1 or longest * len(batch) <= 100
    assert longest * len(batch) - sum(item.length for item in batch) <= len(batch) * 100 * WASTE
    for item in batch:
        assert model.pop((item.request, item.position))[0] == item.length
