"""What frames say of calls, and what the worker's frames do to them."""

import asyncio

import numpy as np
import pytest

from bot.errors import Overloaded, Uncomputable
from bot.message import Priority
from bot.models import Tenant
from bot.worker.client.calls import CHUNK_CHARACTERS, Call, Calls
from bot.worker.client.dialogue import asks, cancels, grouped, settle, stream
from bot.worker.client.stream import Stream
from bot.worker.wire import frames


def make(*texts, body=b"", **fields):
    answer = asyncio.get_running_loop().create_future()
    return Call("role", list(texts), body, Priority.PERSON, 10.0, answer, **fields)


async def read(packed):
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(packed))
    reader.feed_eof()
    found = []
    while frame := await frames.read(reader):
        found.append(frame)
    return found


@pytest.fixture
def calls():
    return Calls()


def send(calls, *made):
    for call in made:
        calls.add(call)
    calls.take()


async def test_calls_go_together_but_for_bodies_and_what_is_long():
    short, spoken = [make("a") for _ in range(5)], make(body=b"RIFF")
    long = [make("x" * (CHUNK_CHARACTERS - 10)), make("x" * 20)]
    groups = list(grouped([*short, spoken, *long]))
    assert [len(group) for group in groups] == [5, 1, 1, 1]


async def test_what_is_empty_is_left_out_of_a_frame():
    plain = make("a")
    chosen = make("b", choices={"explain": True}, on_behalf=Tenant("mood", "discord:1"))
    ((header, body),) = await read(asks([plain, chosen], 8.0, in_one=True))
    first, second = header["asks"]
    assert first == {"id": plain.id, "role": "role", "priority": 1, "deadline": 2.0, "texts": ["a"]}
    assert (second["choices"], second["skill"], second["community"]) == (
        {"explain": True},
        "mood",
        "discord:1",
    )
    assert body == b""


async def test_a_worker_that_does_not_take_many_is_asked_one_by_one():
    found = await read([*asks([make("a"), make("b")], 0.0, in_one=False), *cancels([1, 2], in_one=False)])
    assert [header["kind"] for header, _ in found] == ["ask", "ask", "cancel", "cancel"]
    ((header, _),) = await read(cancels([1, 2], in_one=True))
    assert header == {"kind": "cancels", "ids": [1, 2]}
    assert list(cancels([], in_one=True)) == []


async def test_rows_values_and_errors_reach_their_own_call(calls):
    rows, values, failed = make("a"), make("b"), make("c")
    send(calls, rows, values, failed)
    answers = [
        {"id": values.id, "values": {"x": 1}},
        {"id": rows.id, "shape": [1, 2]},
        {"id": failed.id, "error": "Overloaded", "retry_after": 2},
        {"id": 10**9, "values": {}},
    ]
    assert not settle(calls, answers, np.array([1, 2], "<f4").tobytes())
    assert (await rows.answer).tolist() == [[1, 2]]
    assert await values.answer == {"x": 1}
    with pytest.raises(Overloaded):
        await failed.answer
    assert len(calls) == 0


async def test_what_is_refused_by_one_that_leaves_waits_again(calls):
    call = make("a")
    send(calls, call)
    assert settle(calls, [{"id": call.id, "error": "Leaving", "reason": "It stops."}], b"")
    assert not call.answer.done()
    assert calls.take() == [call]
    assert call.deaths == 0


async def test_pieces_reach_their_stream_and_what_breaks_off_is_named(calls):
    good, broken, plain = make("a", stream=Stream()), make("b", stream=Stream()), make("c")
    send(calls, good, broken, plain)
    pieces = [{"id": each.id, "text": "one "} for each in (good, broken, plain)]
    assert stream(calls, pieces) == []
    broken.stream.restart()
    assert stream(calls, [{"id": broken.id, "text": "two"}, {"id": good.id, "text": "two"}]) == [broken.id]
    assert good.stream.take() == "one two"
    with pytest.raises(Uncomputable, match="broke off"):
        await broken.answer
