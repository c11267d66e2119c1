"""The queue of recordings, stepped by hand."""

import threading
import time

import pytest

from bot.errors import BadInput, BadModel, DeadlineExceeded, Overloaded, Uncomputable
from bot.message import Priority
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.server import transcription
from bot.worker.server.role import Ask
from bot.worker.server.transcription import Transcription

pytest.importorskip("av")


class Bench:
    """A transcription without its thread, hearing with `recogniser`."""

    def __init__(self, monkeypatch, recogniser, **options):
        self.outcomes = []
        self.made = 0

        def make(entry, threads):
            self.made += 1
            if isinstance(recogniser, Exception):
                raise recogniser
            return recogniser

        monkeypatch.setattr(transcription, "make_engine", make)
        options = WorkerOptions(**{"models": {"transcription": ModelChoice(engine="none:None")}} | options)
        self.transcription = Transcription(options, self.outcomes.extend)

    def ask(self, number, body, *, priority=Priority.PERSON, deadline=60.0):
        self.transcription.ask(number, Ask((), body, priority, time.monotonic() + deadline))

    def step(self):
        """The outcome of the next recording."""
        self.transcription.step()
        return self.outcomes[-1]


@pytest.fixture
def listener(fakes):
    return fakes.Listener(None, 1)


@pytest.fixture
def bench(monkeypatch, listener):
    return Bench(monkeypatch, listener)


def test_windows_are_put_together(bench, wav):
    bench.ask(1, wav(0.1, 0.2, 0.3, seconds=0.8))
    outcome = bench.step()
    assert outcome.request == 1
    assert outcome.values["language"] == "en"
    assert outcome.values["seconds"] == pytest.approx(2.4, abs=0.01)
    heard = outcome.values["text"].split()
    assert (heard[0], heard[-1], sorted(heard)) == ("1", "3", heard)


def test_silence_is_not_guessed_at(bench, wav):
    bench.ask(1, wav(0.0, seconds=3))
    assert bench.step().values == {"text": "", "language": "", "seconds": 3.0}


def test_the_recogniser_is_made_once_and_late(bench, wav):
    assert bench.made == 0
    for number in range(3):
        bench.ask(number, wav(0.1))
        bench.step()
    assert bench.made == 1


def test_a_recogniser_that_cannot_be_made_is_told_every_time(monkeypatch, wav):
    bench = Bench(monkeypatch, BadModel("no such folder"))
    for number in range(2):
        bench.ask(number, wav(0.1))
        outcome = bench.step()
        assert isinstance(outcome.error, BadModel)
        assert "no such folder" in str(outcome.error)
    assert bench.made == 1


def test_a_wrong_file_is_said_so(bench):
    bench.ask(1, b"a text")
    error = bench.step().error
    assert isinstance(error, BadInput)
    assert "no recording" in str(error)


@pytest.mark.parametrize(("level", "words"), [(0.8, "ValueError"), (0.7, "memory")])
def test_a_bad_recording_fails_alone(bench, wav, level, words):
    bench.ask(1, wav(level))
    bench.ask(2, wav(0.2))
    error = bench.step().error
    assert isinstance(error, Uncomputable)
    assert words in str(error)
    assert bench.step().values["text"] == "2"


def test_the_most_urgent_comes_first_and_none_starves(bench, monkeypatch, wav):
    moments = iter([0.0, 1.0, 2.0, 3.0])
    moment = [0.0]
    monkeypatch.setattr(transcription.time, "monotonic", lambda: moment[0])
    for number, priority in enumerate(
        [Priority.BACKGROUND, Priority.PERSON, Priority.ALERT, Priority.PERSON]
    ):
        moment[0] = next(moments)
        bench.transcription.ask(number, Ask((), wav(0.1), priority, 1e9))
    moment[0] = 30.0
    bench.transcription.ask(4, Ask((), wav(0.1), Priority.ALERT, 1e9))
    assert [bench.step().request for _ in range(5)] == [2, 1, 3, 0, 4]


def test_what_comes_too_late_is_not_heard(bench, wav):
    bench.ask(1, wav(0.1), deadline=-1)
    assert isinstance(bench.step().error, DeadlineExceeded)
    assert bench.made == 0


def test_a_deadline_ends_a_long_recording_between_windows(bench, wav):
    bench.ask(1, wav(*[0.5] * 20), deadline=1.5)
    began = time.monotonic()
    assert isinstance(bench.step().error, DeadlineExceeded)
    assert time.monotonic() - began < 4


def test_a_cancelled_recording_leaves_the_queue(bench, wav):
    for number in range(3):
        bench.ask(number, wav(0.1))
    bench.transcription.cancel(1)
    assert [bench.step().request for _ in range(2)] == [0, 2]
    assert bench.transcription.health()["queued"] == 0


def test_a_cancelled_recording_stops_at_the_next_window(bench, wav):
    bench.ask(1, wav(*[0.5] * 20))
    stopper = threading.Timer(1.0, bench.transcription.cancel, [1])
    stopper.start()
    began = time.monotonic()
    assert isinstance(bench.step().error, DeadlineExceeded)
    assert time.monotonic() - began < 4
    stopper.join()


def test_a_full_queue_leaves_room_for_what_is_urgent(monkeypatch, listener, wav):
    bench = Bench(monkeypatch, listener, max_recordings=10)
    for number in range(5):
        bench.ask(number, wav(0.1), priority=Priority.BACKGROUND)
    with pytest.raises(Overloaded):
        bench.ask(5, wav(0.1), priority=Priority.BACKGROUND)
    for number in range(5, 9):
        bench.ask(number, wav(0.1))
    with pytest.raises(Overloaded) as caught:
        bench.ask(9, wav(0.1))
    assert caught.value.retry_after >= 1
    bench.ask(9, wav(0.1), priority=Priority.ALERT)


def test_a_stall_is_seen(bench, monkeypatch, wav):
    assert bench.transcription.stalled_seconds() == 0
    began = time.monotonic()
    bench.ask(1, wav(0.1))
    monkeypatch.setattr(transcription.time, "monotonic", lambda: began + 50)
    assert bench.transcription.health()["stalled_seconds"] == pytest.approx(50, abs=1)


def test_health_counts_what_was_served(bench, wav):
    for number in range(3):
        bench.ask(number, wav(0.1))
    bench.step()
    bench.step()
    health = bench.transcription.health()
    assert (health["served"], health["queued"]) == (2, 1)
    assert 0 < health["backlog_seconds"] < 10
    bench.step()
    assert bench.transcription.health()["stalled_seconds"] == 0
