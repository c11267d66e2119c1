"""The client of an OpenAI-compatible server, against a real one on loopback with every fault."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest

from bot.endpoint import client, failures
from bot.errors import DeadlineExceeded, Overloaded, Uncomputable, WorkerUnavailable
from bot.message import Priority
from bot.models import Speaker, Turn
from bot.testing.endpoint import event

HELLO = (Turn(Speaker.SYSTEM, "Be kind."), Turn(Speaker.PERSON, "one two three"))


async def said(endpoint, turns=HELLO, **options) -> list[str]:
    return [piece async for piece in endpoint.generate(turns, **options)]


async def listen(heard: list[str], endpoint, **options) -> None:
    """Keep each piece in `heard`, so that those before a failure are there after it."""
    async for piece in endpoint.generate(HELLO, **options):
        heard.append(piece)  # noqa: PERF401


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(failures, "PAUSES", (0.01, 0.02))


async def test_an_answer_comes_piece_by_piece(server, connect):
    server.pause = 0.05
    async with connect() as endpoint:
        moments = [(piece, time.monotonic()) async for piece in endpoint.generate(HELLO, most_tokens=50)]
    assert [piece for piece, _ in moments] == ["one", " two", " three"]
    assert moments[0][1] < moments[-1][1] - 0.08
    (body,) = server.requests
    assert body["model"] == "tiny"
    assert body["stream"] is True
    assert body["max_tokens"] == 50
    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "one two three"},
    ]


async def test_neighbours_of_one_role_are_one_message(server, connect):
    turns = (
        Turn(Speaker.PERSON, "a"),
        Turn(Speaker.PERSON, "b"),
        Turn(Speaker.BOT, "c"),
        Turn("person", "d"),
    )
    async with connect() as endpoint:
        await said(endpoint, turns)
    assert [(m["role"], m["content"]) for m in server.requests[0]["messages"]] == [
        ("user", "a\n\nb"),
        ("assistant", "c"),
        ("user", "d"),
    ]


async def test_no_more_tokens_are_asked_for_than_the_operator_allows(server, connect):
    async with connect(max_tokens=7) as endpoint:
        await said(endpoint, most_tokens=1000)
        await said(endpoint)
    assert [each["max_tokens"] for each in server.requests] == [7, 7]


async def test_the_key_is_sent_and_never_shown(server, connect):
    server.key = "hush-hush"
    async with connect(key="hush-hush") as endpoint:
        assert await said(endpoint)
        assert "hush" not in endpoint.status() + repr(endpoint._options)
    async with connect(key="wrong-one") as endpoint:
        with pytest.raises(WorkerUnavailable, match="PARLEY_ENDPOINT__KEY") as raised:
            await said(endpoint)
    assert "wrong-one" not in str(raised.value)


async def test_a_server_that_does_not_stream_is_understood(server, connect):
    server.streams = False
    async with connect() as endpoint:
        assert await said(endpoint) == ["one two three"]


async def test_down_is_said_with_the_address(connect):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with connect(url=url) as endpoint:
        with pytest.raises(WorkerUnavailable, match="cannot be reached") as raised:
            await said(endpoint)
        assert url in str(raised.value)


async def test_a_failure_before_the_first_words_is_tried_again(server, connect):
    server.statuses = [(500, {}), (502, {})]
    async with connect() as endpoint:
        assert "".join(await said(endpoint)) == "one two three"
    assert len(server.requests) == 3


async def test_a_server_that_always_fails_is_asked_three_times(server, connect):
    server.statuses = [(500, {})] * 9
    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="fails \\(500\\)"):
            await said(endpoint)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_tells_when_to_come_again(server, connect, status):
    server.statuses = [(status, {"Retry-After": "30"})]
    async with connect() as endpoint:
        with pytest.raises(Overloaded) as raised:
            await said(endpoint)
    assert raised.value.retry_after == 30
    assert len(server.requests) == 1


async def test_a_short_wait_is_waited(server, connect):
    server.statuses = [(429, {"Retry-After": "1"})]
    async with connect() as endpoint:
        began = time.monotonic()
        assert await said(endpoint)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("header", ["", "Wed, 21 Oct 2026 07:28:00 GMT", "nan", "-5", "1e99"])
async def test_any_retry_after_gives_a_wait_people_can_read(server, connect, header):
    server.statuses = [(429, {"Retry-After": header})] * 9
    async with connect(seconds=0.5) as endpoint:
        with pytest.raises(Overloaded, match=r"Try again in \d+ seconds") as raised:
            await said(endpoint)
    assert 1 <= raised.value.retry_after <= 3600


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, WorkerUnavailable, "no model 'tiny'"),
        (307, WorkerUnavailable, "points elsewhere"),
        (400, Uncomputable, "too long"),
        (413, Uncomputable, "too long"),
    ],
)
async def test_a_refusal_says_what_to_do_and_is_not_repeated(server, connect, status, kind, words):
    server.statuses = [(status, {"Location": "http://127.0.0.1:9/"})]
    async with connect() as endpoint:
        with pytest.raises(kind, match=words):
            await said(endpoint)
    assert len(server.requests) == 1


async def test_a_drop_in_mid_stream_keeps_what_was_said_and_is_not_repeated(server, connect):
    server.drop_after, server.pause = 2, 0.02
    heard = []
    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="broke off"):
            await listen(heard, endpoint)
    assert heard == ["one", " two"]
    assert len(server.requests) == 1


async def test_a_drop_before_the_first_words_is_tried_again(server, connect):
    server.drop_after = 0
    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="broke off"):
            await said(endpoint)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"data: {broken\n\n",
        b"data: [1, 2]\n\n",
        b"data: {}\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"error": {"message": "out of memory"}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: \xff\xfe\n\n",
        b"x" * 3_000_000,
        b"data: [DONE]\n\n",
        event({"choices": [{"delta": {"content": "   \n"}}]}) + b"data: [DONE]\n\n",
        event({"choices": [{"delta": {"content": "<think>hm"}}]}) + b"data: [DONE]\n\n",
    ],
    ids=lambda raw: raw[:40].decode("latin-1"),
)
async def test_nonsense_is_uncomputable(server, connect, raw):
    server.raw = raw
    async with connect() as endpoint:
        with pytest.raises(Uncomputable):
            await said(endpoint)
    assert len(server.requests) == 1


async def test_a_page_that_is_no_stream_breaks_off(server, connect):
    server.raw = b"<html>It works!</html>"
    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="broke off"):
            await said(endpoint)


async def test_comments_fields_and_parts_of_lines_are_read(server, connect):
    whole = event({"choices": [{"delta": {"content": "grüße"}, "finish_reason": None}]})
    server.raw = b": ping\r\nevent: x\nid: 4\n" + whole.replace(b"\n", b"\r\n") + b"data:[DONE]\n\n"
    async with connect() as endpoint:
        assert await said(endpoint) == ["grüße"]


async def test_thoughts_are_not_shown(server, connect):
    server.answer = lambda body: "<think>well let me see</think>\n\nit is four"
    async with connect() as endpoint:
        assert "".join(await said(endpoint)) == "it is four"


async def test_an_answer_that_repeats_itself_is_cut(server, connect):
    server.answer = lambda body: "Fine. " + "and again " * 100_000
    async with connect() as endpoint:
        answer = "".join(await said(endpoint))
    assert answer.startswith("Fine. and again")
    assert answer.endswith(" …")
    assert len(answer) < 5000


async def test_an_answer_of_a_megabyte_is_cut(server, connect):
    server.raw = event({"choices": [{"delta": {"content": json.dumps(list(range(150_000)))}}]})
    async with connect() as endpoint:
        answer = "".join(await said(endpoint))
    assert len(answer) == 200_000 + len(client.CUT)
    assert answer.endswith(" …")


async def test_an_answer_of_all_its_tokens_is_marked_as_cut(server, connect):
    server.finish = "length"
    async with connect() as endpoint:
        assert "".join(await said(endpoint)) == "one two three …"


async def test_a_code_block_with_many_like_lines_is_not_cut():
    from bot.endpoint.stream import Repetition

    table = "".join(f"| row {number} | value {number * 7 % 13} |\n" for number in range(500))
    watching = Repetition()
    assert not any(watching.add(table[at : at + 9]) for at in range(0, len(table), 9))


@pytest.mark.parametrize("where", ["before", "within"])
async def test_a_slow_server_is_left_at_the_deadline(server, connect, where):
    server.silence, server.pause = (5.0, 0.0) if where == "before" else (0.0, 5.0)
    heard, began = [], time.monotonic()
    async with connect() as endpoint:
        with pytest.raises(DeadlineExceeded, match=r"0\.3 seconds"):
            await listen(heard, endpoint, deadline=0.3)
    assert time.monotonic() - began < 2
    assert heard == ([] if where == "before" else ["one"])


async def test_a_reader_that_is_slow_is_not_interrupted(server, connect):
    async with connect() as endpoint:
        async for _ in endpoint.generate(HELLO, deadline=0.3):
            await asyncio.sleep(0.05)


async def test_cancellation_closes_the_request(server, connect):
    server.pause = 5.0
    async with connect() as endpoint:
        asking = asyncio.create_task(said(endpoint))
        while not server.open_now:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(2):
            while server.open_now:
                await asyncio.sleep(0.01)
        server.pause = 0.0
        assert await said(endpoint)
    assert server.closed_early == 1


async def test_leaving_an_answer_closes_the_request(server, connect):
    server.pause = 5.0
    async with connect(concurrency=1) as endpoint:
        answer = endpoint.generate(HELLO)
        assert await anext(answer) == "one"
        await answer.aclose()
        server.pause = 0.0
        assert "".join(await said(endpoint)) == "one two three"


async def test_so_many_at_once_and_urgent_ones_first(server, connect):
    server.pause = 0.05
    async with connect(concurrency=1) as endpoint:
        first = asyncio.create_task(said(endpoint))
        while not server.requests:
            await asyncio.sleep(0.005)
        order = {"later": Priority.BACKGROUND, "person": Priority.PERSON, "alarm": Priority.ALERT}
        waiting = []
        for word, priority in order.items():
            turn = (Turn(Speaker.PERSON, word),)
            waiting.append(asyncio.create_task(said(endpoint, turn, priority=priority)))
            await asyncio.sleep(0)
        await asyncio.gather(first, *waiting)
    asked = [each["messages"][-1]["content"] for each in server.requests]
    assert asked == ["one two three", "alarm", "person", "later"]
    assert server.most_open == 1


async def test_translations_go_out_together_and_come_back_in_order(server, connect):
    server.pause = 0.02
    texts = [f"text number {number}" for number in range(8)]
    async with connect(concurrency=4) as endpoint:
        assert await endpoint.translate(texts, target="de", source="en") == texts
    assert server.most_open == 4
    told = server.requests[0]["messages"][0]["content"]
    assert "into German from English" in told


async def test_a_translation_cut_short_is_empty(server, connect):
    server.finish = "length"
    async with connect() as endpoint:
        assert await endpoint.translate(["hello"], target="de") == [""]


async def test_a_text_that_fails_alone_is_empty_and_all_that_fail_are_told(server, connect):
    server.statuses = [(400, {})]
    async with connect(concurrency=1) as endpoint:
        assert await endpoint.translate(["a", "b", "c"], target="de") == ["", "b", "c"]
        server.statuses = [(400, {})] * 3
        with pytest.raises(Uncomputable, match="too long"):
            await endpoint.translate(["a", "b", "c"], target="de")


async def test_a_server_that_fails_ends_all_translations_at_once(server, connect):
    server.key = "x"
    async with connect() as endpoint:
        with pytest.raises(WorkerUnavailable, match="does not take the key"):
            await endpoint.translate(["a", "b", "c"], target="de")
        assert endpoint._gate._free == 4


async def test_many_cancellations_leave_no_request_and_no_lost_place(server, connect):
    server.pause = 0.01
    async with connect(concurrency=2) as endpoint:
        asking = [asyncio.create_task(said(endpoint)) for _ in range(60)]
        for number, task in enumerate(asking):
            if number % 3:
                await asyncio.sleep(0.002)
                task.cancel()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        kept = ["".join(each) for number, each in enumerate(answers) if not number % 3]
        assert kept == ["one two three"] * 20
        assert endpoint._gate._free == 2
        assert await said(endpoint)
    assert server.most_open <= 2
