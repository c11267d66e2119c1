import asyncio

import numpy as np
import pytest

from bot.errors import WorkerUnavailable
from bot.message import Priority
from bot.worker.calls import CHUNK_CHARACTERS, CHUNK_TEXTS, LONGEST_TEXT, Calls, chunked


@pytest.fixture
async def calls():
    return Calls()


def add(calls, texts=1):
    answer = asyncio.get_running_loop().create_future()
    return calls.add("embedding", ["a"] * texts, Priority.PERSON, 1e9, answer)


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


async def test_giving_up_fails_every_group(calls):
    suspected = add(calls)
    for _ in range(2):
        calls.take()
        calls.survive()
    waiting = add(calls)
    calls.fail_all(WorkerUnavailable("gone"))
    for call in (suspected, waiting):
        with pytest.raises(WorkerUnavailable, match="gone"):
            await call.answer
    assert len(calls) == 0


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
