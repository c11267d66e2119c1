import threading
import time

from bot.message import Priority
from bot.worker.server.tokenizing import TOGETHER, Tokenizing


class Reader:
    def __init__(self):
        self.calls = []

    def read(self, numbers):
        self.calls.append(list(numbers))


def test_urgent_requests_are_read_first_and_the_rest_in_order():
    tokenizing, reader = Tokenizing(), Reader()
    tokenizing.add(reader, [(Priority.BACKGROUND, 1), (Priority.PERSON, 2), (Priority.PERSON, 3)])
    tokenizing.add(reader, [(Priority.ALERT, 4)])
    tokenizing.step()
    assert reader.calls == [[4, 2, 3, 1]]


def test_requests_of_one_role_are_read_together_within_bounds():
    tokenizing, one, other = Tokenizing(), Reader(), Reader()
    tokenizing.add(one, [(Priority.PERSON, number) for number in range(TOGETHER + 5)])
    tokenizing.add(other, [(Priority.PERSON, 1000)])
    for _ in range(3):
        tokenizing.step()
    assert [len(call) for call in one.calls] == [TOGETHER, 5]
    assert other.calls == [[1000]]


def test_a_stall_is_seen():
    tokenizing, reader = Tokenizing(), Reader()
    assert tokenizing.stalled_seconds() == 0.0
    tokenizing.add(reader, [(Priority.PERSON, 1)])
    time.sleep(0.03)
    assert tokenizing.stalled_seconds() >= 0.03
    tokenizing.step()
    assert tokenizing.stalled_seconds() == 0.0


def test_the_thread_wakes_at_once():
    tokenizing, done = Tokenizing(), threading.Event()

    class Teller:
        def read(self, numbers):
            done.set()

    tokenizing.start()
    tokenizing.add(Teller(), [(Priority.PERSON, 1)])
    assert done.wait(5)
