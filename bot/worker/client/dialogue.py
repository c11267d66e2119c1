"""What frames say to a worker about calls, and what its frames do to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bot.errors import Uncomputable
from bot.worker.client.calls import CHUNK_CHARACTERS, Call, Calls
from bot.worker.wire import frames
from bot.worker.wire.errors import Leaving, unpack_error


def cancels(numbers: Sequence[int], *, in_one: bool) -> Iterator[bytes]:
    """Frames that take calls back, one for all where the worker understands that."""
    if numbers and in_one:
        yield frames.encode({"kind": "cancels", "ids": numbers})
        return
    for number in numbers:
        yield frames.encode({"kind": "cancel", "id": number})


def asks(calls: Sequence[Call], now: float, *, in_one: bool) -> Iterator[bytes]:
    """Frames that ask, many short calls in each where the worker understands that."""
    for group in grouped(calls) if in_one else [[call] for call in calls]:
        if len(group) == 1:
            yield frames.encode({"kind": "ask", **group[0].ask(now)}, group[0].body)
        else:
            yield frames.encode({"kind": "asks", "asks": [call.ask(now) for call in group]})


def grouped(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Calls that go in one frame: many short ones together, one with a body alone."""
    group: list[Call] = []
    characters = 0
    for call in calls:
        length = sum(map(len, call.texts))
        if group and (call.body or group[-1].body or characters + length > CHUNK_CHARACTERS):
            yield group
            group, characters = [], 0
        group.append(call)
        characters += length
    if group:
        yield group


def settle(calls: Calls, answers: Sequence[dict[str, Any]], body: bytes) -> bool:
    """Hand answers to who waits for them. Whether the worker refused some because it is leaving.

    Those wait again to be sent. Raises BrokenFrame, or what a dictionary raises, for nonsense.
    """
    good = [each for each in answers if "shape" in each]
    rows = frames.unpack_vectors(body, [(each["shape"][0], each["shape"][1]) for each in good])
    for answer, vectors in zip(good, rows, strict=True):
        calls.answer(answer["id"], vectors)
    is_leaving = False
    for answer in answers:
        if "values" in answer:
            _finish(calls, answer["id"], answer["values"])
        elif "error" in answer:
            is_leaving |= _fail(calls, answer)
    return is_leaving


def stream(calls: Calls, pieces: Sequence[dict[str, Any]]) -> list[int]:
    """Hand pieces of answers to their readers. The numbers of calls that failed, which are still computed."""
    failed = []
    for piece in pieces:
        call = calls.sent(piece["id"])
        if call is None or call.stream is None:
            continue
        try:
            call.stream.add(str(piece["text"]))
        except Uncomputable as error:
            calls.fail(call.id, error)
            failed.append(call.id)
    return failed


def _finish(calls: Calls, number: int, values: Any) -> None:
    call = calls.sent(number)
    try:
        if call and call.stream:
            call.stream.finish()
    except Uncomputable as error:
        calls.fail(number, error)
    else:
        calls.answer(number, values)


def _fail(calls: Calls, answer: dict[str, Any]) -> bool:
    error = unpack_error(answer)
    call = calls.sent(answer["id"])
    if call is None or not isinstance(error, Leaving):
        calls.fail(answer["id"], error)
        return False
    calls.remove(call.id)
    calls.add(call)
    return True
