"""Whose turn it is on the device, among several roles."""

import threading
import time

import pytest

from bot.message import Priority
from bot.worker.server.device import FAIR_TURN, Device


class Jobs:
    """A role whose units are numbers; each takes `seconds`."""

    def __init__(self, device, seconds=0.0):
        self.device = device
        self.seconds = seconds
        self.waiting = []
        self.done = []
        self.during = lambda: None
        device.add(self)

    def put(self, priority, since=0.0):
        with self.device.lock:
            self.waiting.append((priority, since))
            self.device.lock.notify()

    def priority(self):
        return min((each[0] for each in self.waiting), default=None)

    def urgency(self):
        return min((since + 5.0 * priority for priority, since in self.waiting), default=float("inf"))

    def take(self, *, is_fair):
        first = min(self.waiting, key=lambda each: each[1] + 5.0 * each[0] if is_fair else each)
        self.waiting.remove(first)
        return lambda: self.compute(first)

    def compute(self, unit):
        self.during()
        time.sleep(self.seconds)
        self.done.append(unit[0])


def test_the_most_urgent_class_goes_first_whosever_it_is():
    device = Device()
    bulk, people, alerts = (Jobs(device) for _ in range(3))
    bulk.put(Priority.BACKGROUND, since=100.0)
    people.put(Priority.PERSON, since=100.0)
    alerts.put(Priority.ALERT, since=100.0)
    device.step()
    assert alerts.done
    device.step()
    assert people.done
    device.step()
    assert bulk.done


def test_of_one_class_roles_take_turns_by_the_time_they_use():
    device = Device()
    slow, fast = Jobs(device, seconds=0.02), Jobs(device, seconds=0.002)
    for number in range(200):
        slow.put(Priority.PERSON, since=float(number))
        fast.put(Priority.PERSON, since=float(number))
    for _ in range(60):
        device.step()
    assert len(fast.done) > 1.5 * len(slow.done)


def test_a_role_that_was_idle_does_not_save_its_time_up():
    device = Device()
    busy, newcomer = Jobs(device, seconds=0.005), Jobs(device, seconds=0.005)
    for number in range(100):
        busy.put(Priority.PERSON, since=float(number))
    for _ in range(20):
        device.step()
    for number in range(40):
        newcomer.put(Priority.PERSON, since=float(number))
    before = len(busy.done)
    for _ in range(20):
        device.step()
    assert len(busy.done) - before >= 5


def test_bulk_work_gets_its_turn_under_any_load():
    device = Device()
    people, bulk = Jobs(device), Jobs(device)
    bulk.put(Priority.BACKGROUND, since=0.0)
    bulk.put(Priority.BACKGROUND, since=0.0)
    for _ in range(100):
        people.put(Priority.PERSON, since=50.0)
    for _ in range(2 * FAIR_TURN):
        device.step()
    assert len(bulk.done) == 2
    assert len(people.done) == 2 * FAIR_TURN - 2


def test_what_waits_little_does_not_profit_from_the_fair_turn():
    device = Device()
    alerts, bulk = Jobs(device), Jobs(device)
    for _ in range(20):
        alerts.put(Priority.ALERT, since=50.0)
        bulk.put(Priority.BACKGROUND, since=49.0)
    for _ in range(20):
        device.step()
    assert not bulk.done


def test_alerts_wait_for_three_batches_at_most_while_bulk_work_saturates():
    """Of another role, too: the batch that runs, one whose turn is due, and their own."""
    device = Device()
    bulk, alerts = Jobs(device, seconds=0.01), Jobs(device, seconds=0.01)
    for _ in range(400):
        bulk.put(Priority.BACKGROUND, since=-1e6)
    device.start()
    waits = []
    for _ in range(30):
        time.sleep(0.023)
        with device.lock:
            count, units = len(alerts.done), len(bulk.done)
            alerts.put(Priority.ALERT, since=0.0)
        limit = time.monotonic() + 5
        while len(alerts.done) == count and time.monotonic() < limit:
            time.sleep(0.0005)
        waits.append(len(bulk.done) - units)
    assert max(waits) <= 2
    assert len(alerts.done) == 30


def test_an_interlude_computes_more_urgent_work_of_others_alone():
    device = Device()
    writer, urgent = Jobs(device), Jobs(device)
    seen = []

    def during():
        if seen:
            return
        seen.append(True)
        for each in (writer, urgent):
            each.put(Priority.ALERT)
            each.put(Priority.PERSON)
        device.interlude(writer)
        seen.append((list(writer.done), list(urgent.done)))

    writer.during = during
    writer.put(Priority.PERSON)
    device.step()
    assert seen[1] == ([], [Priority.ALERT])
    assert device.stalled_seconds() == 0.0


def test_it_stalls_only_while_it_computes_and_nothing_comes_out():
    device = Device()
    jobs, stalls = Jobs(device), []

    def during():
        time.sleep(0.05)
        stalls.append(device.stalled_seconds())
        device.touch()
        stalls.append(device.stalled_seconds())

    jobs.during = during
    jobs.put(Priority.PERSON)
    assert device.stalled_seconds() == 0.0
    device.step()
    assert stalls[0] >= 0.05 > stalls[1]
    assert device.stalled_seconds() == 0.0


def test_the_thread_wakes_at_once():
    device = Device()
    jobs, done = Jobs(device), threading.Event()
    jobs.during = done.set
    device.start()
    time.sleep(0.05)
    began = time.monotonic()
    jobs.put(Priority.PERSON)
    assert done.wait(5)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("count", [1, 5])
def test_whether_a_role_is_being_computed(count):
    device = Device()
    jobs, others = Jobs(device), Jobs(device)
    jobs.during = lambda: seen.append((device.is_computing(jobs), device.is_computing(others)))
    seen = []
    for _ in range(count):
        jobs.put(Priority.PERSON)
        device.step()
    assert seen == [(True, False)] * count
    assert not device.is_computing(jobs)
