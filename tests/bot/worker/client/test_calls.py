import asyncio

import numpy as np
import pytest

from bot.errors import WorkerUnavailable
from bot.message import Priority
from bot.worker.client.calls import (
    CHUNK_CHARACTERS,
    CHUNK_TEXTS,
    LONGEST_TEXT,
    Call,
    Calls,
    chunked,
    sendable,
)


@pytest.fixture
async def calls():
    return Calls()


def add(calls, texts=1, body=b""):
    answer = asyncio.get_running_loop().create_future()
    call = Call("role", ["a"] * texts, body, Priority.PERSON, 1e9, answer)
    calls.add(call)
    return call


async def test_a_call_is_sent_once(calls):
    call = add(calls)
    assert calls.take() == [call]
    assert calls.take() == []


async def test_an_answered_call_is_gone(calls):
    call = add(calls, texts=3)
    calls.take()
    assert calls.texts == 3
    calls.answer(call.id, np.ones((3, 2), np.float32))
    calls.answer(call.id, np.zeros((3, 2), np.float32))
    assert (await call.answer).sum() == 6
    assert calls.texts == len(calls) == 0


async def test_what_a_dead_worker_had_is_sent_again_in_its_place(calls):
    first, second = add(calls), add(calls)
    calls.take()
    third = add(calls)
    calls.survive()
    assert calls.take() == [first, second, third]


async def test_a_call_that_waited_only_is_not_suspected(calls):
    call = add(calls)
    for _ in range(10):
        calls.survive()
    assert calls.take() == [call]


async def test_suspects_go_one_by_one_with_nothing_beside_them(calls):
    first, second = add(calls), add(calls)
    for _ in range(2):
        calls.take()
        calls.survive()
    fresh = add(calls)
    assert calls.take() == [first]
    assert calls.take() == []
    calls.answer(first.id, np.ones((1, 2), np.float32))
    assert calls.take() == [second]
    calls.remove(second.id)
    assert calls.take() == [fresh]


async def test_the_third_death_fails_its_cause_alone(calls):
    cause, innocent = add(calls), add(calls)
    for _ in range(3):
        calls.take()
        calls.survive()
    with pytest.raises(WorkerUnavailable, match="3 times"):
        await cause.answer
    assert calls.take() == [innocent]


async def test_the_last_suspect_is_alone_too(calls):
    suspect = add(calls)
    for _ in range(2):
        calls.take()
        calls.survive()
    fresh = add(calls)
    assert calls.take() == [suspect]
    assert calls.take() == []
    calls.remove(suspect.id)
    assert calls.take() == [fresh]


async def test_a_suspected_recording_comes_last_and_holds_up_nobody(calls):
    first, second, text = add(calls, 0, b"RIFF"), add(calls, 0, b"OggS"), add(calls)
    for _ in range(2):
        calls.take()
        calls.survive()
    fresh = add(calls)
    assert calls.take() == [text]
    assert calls.take() == []
    calls.remove(text.id)
    assert calls.take() == [first, fresh]
    later = add(calls)
    assert calls.take() == [later]
    calls.remove(first.id)
    waiting = add(calls)
    assert calls.take() == [], "the second suspect waits until the worker has nothing"
    calls.remove(fresh.id)
    calls.remove(later.id)
    assert calls.take() == [second, waiting]


async def test_a_recording_on_trial_is_convicted_alone(calls):
    recording = add(calls, 0, b"RIFF")
    for _ in range(2):
        calls.take()
        calls.survive()
    beside = add(calls)
    assert calls.take() == [recording, beside]
    calls.survive()
    with pytest.raises(WorkerUnavailable, match="3 times on this recording"):
        await recording.answer
    assert calls.take() == [beside]
    assert calls.bytes == 0


async def test_what_is_not_sent_can_be_withdrawn_suspects_too(calls):
    suspected = add(calls)
    for _ in range(2):
        calls.take()
        calls.survive()
    sent = add(calls)
    assert calls.take() == [suspected]
    waiting, spoken = add(calls), add(calls, 0, b"RIFF")
    assert calls.withdraw(lambda call: not call.body) == [sent, waiting]
    assert calls.withdraw(lambda call: True) == [spoken]
    assert (len(calls), calls.texts, calls.bytes) == (1, 1, 0)


async def test_a_worker_that_left_on_purpose_suspects_nobody(calls):
    call = add(calls)
    for _ in range(5):
        assert calls.take() == [call]
        calls.survive(blame=False)
    assert not call.is_suspect


async def test_what_a_call_costs_is_counted_while_it_is_open(calls):
    add(calls, texts=8)
    recording = add(calls, 0, b"x" * 2560)
    assert calls.tokens == 3 + 11
    calls.remove(recording.id)
    assert calls.tokens == 3


def test_what_cannot_be_sent_is_replaced_character_by_character():
    text = "a\x00b\ud800\udc00c\r\n\U0001f600"
    assert sendable(text) == "a\ufffdb\ufffd\ufffdc\r\n\U0001f600"
    assert sendable("plain\x00") == "plain\ufffd"


def test_chunks_hold_every_text_in_order_and_fit_a_frame():
    texts = ["a" * (number * 37 % 5000) for number in range(1000)]
    chunks = list(chunked(texts))
    assert [text for chunk in chunks for text in chunk] == texts
    for chunk in chunks:
        assert 1 <= len(chunk) <= CHUNK_TEXTS
        assert sum(map(len, chunk)) <= CHUNK_CHARACTERS


def test_a_huge_text_is_cut_and_a_malformed_one_made_whole():
    assert list(chunked(["x" * 10**6, "a\ud800"])) == [["x" * LONGEST_TEXT, "a\ufffd"]]
    assert list(chunked([])) == []
