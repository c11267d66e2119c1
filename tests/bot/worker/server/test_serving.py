"""The worker's process without our client."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from bot.worker.options import ModelChoice
from bot.worker.server.serving import Server, main
from bot.worker.wire import address as addresses
from bot.worker.wire import frames

ROLES = {
    "sentiment": "Moods",
    "reader": "Finder",
    "summary": "Writers",
    "translation": "Writers",
    "chat": "Speaker",
}


@pytest.fixture
async def alone(fake_options, tmp_path):
    """A worker started by hand, with its socket."""
    path = tmp_path / "alone.sock"
    command = [sys.executable, "-m", "bot.worker.server.serving", f"unix:{path}", "--options"]
    chosen = {role: ModelChoice(engine=f"fake_engines:{engine}") for role, engine in ROLES.items()}
    command.append(fake_options(max_queue_items=10, chosen=chosen).pack())
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    line = await asyncio.wait_for(process.stderr.readline(), 20)
    assert b"ready" in line
    yield process, f"unix:{path}"
    if process.returncode is None:
        process.kill()
    await process.wait()


async def greet(place, key=""):
    reader, writer = await addresses.connect(place)
    writer.write(frames.encode({"kind": "hello", "key": key}))
    return reader, writer


async def next_of(reader, kind):
    async with asyncio.timeout(10):
        while frame := await frames.read(reader):
            if frame[0]["kind"] == kind:
                return frame
    return None


def ask(number, **changed):
    fields = {"id": number, "role": "embedding", "texts": ["a"], "priority": 1, "deadline": 5}
    return frames.encode({"kind": "ask", **fields, **changed})


async def test_it_ends_on_sigterm_and_answers_until_then(alone):
    process, place = alone
    reader, writer = await greet(place)
    assert (await next_of(reader, "ready"))[0]["dimensions"] == 4
    writer.write(ask(7))
    header, body = await next_of(reader, "answers")
    assert header["answers"] == [{"id": 7, "shape": [1, 4]}]
    assert len(body) == 16
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    writer.close()


async def test_many_bots_share_one_worker(alone):
    _, place = alone
    links = [await greet(place) for _ in range(3)]
    for number, (_, writer) in enumerate(links):
        writer.write(ask(1, texts=["a"] * (number + 1)))
    for number, (reader, writer) in enumerate(links):
        header, _ = await next_of(reader, "answers")
        assert header["answers"][0]["shape"] == [number + 1, 4]
        writer.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frames.encode({"kind": "hello", "key": "wrong"}),
        frames.encode({"kind": "hello", "key": ""}) + frames.encode({}),
        frames.encode({"kind": "hello", "key": ""}) + ask("not a number"),
        frames.encode({"kind": "hello", "key": ""}) + ask(1, priority=9),
        frames.encode({"kind": "hello", "key": ""}) + ask(1, texts=5),
    ],
)
async def test_nonsense_closes_that_connection_alone(alone, nonsense):
    _, place = alone
    reader, writer = await addresses.connect(place)
    writer.write(nonsense)
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
    reader, writer = await greet(place)
    assert await next_of(reader, "ready")
    writer.close()


async def test_a_request_over_the_queue_is_told_when_to_come_back(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1, texts=["a"] * 20))
    header, _ = await next_of(reader, "answers")
    assert header["answers"] == [{"id": 1, "error": "Overloaded", "retry_after": 1.0}]
    writer.close()


async def answers_of(reader, count):
    """So many answers, by id, as they come."""
    found = {}
    while len(found) < count:
        header, _ = await next_of(reader, "answers")
        found |= {each["id"]: each for each in header["answers"]}
    return found


async def test_it_introduces_its_roles(alone):
    _, place = alone
    reader, writer = await greet(place)
    header, _ = await next_of(reader, "ready")
    assert header["version"] == 1
    assert header["roles"].keys() >= {"embedding", "reranking", "transcription", *ROLES}
    assert header["roles"]["sentiment"]["task"] == "classification"
    assert header["roles"]["embedding"] == {"task": "embedding", "model": "model", "origin": "model"}
    assert header["limits"]["texts"] == 10
    writer.close()


async def test_every_task_answers_in_its_form(alone):
    _, place = alone
    reader, writer = await greet(place)
    asks = [
        {"role": "sentiment", "texts": ["a b c", "a"], "choices": {"explain": True}},
        {"role": "reader", "texts": ["tea is", "green tea", "water"]},
        {"role": "reranking", "texts": ["a b", "a b", "c"]},
        {"role": "summary", "texts": ["abc"], "choices": {"most_words": 9}},
        {"role": "translation", "texts": ["abc", "de"], "choices": {"target": "de", "source": "en"}},
        {"role": "chat", "texts": ["a b"], "choices": {"speakers": ["person"]}},
        {"role": "translation", "texts": ["abc"], "choices": {"target": "tlh"}},
    ]
    fields = {"priority": 1, "deadline": 10}
    writer.write(
        frames.encode({"kind": "asks", "asks": [{"id": n, **fields, **each} for n, each in enumerate(asks)]})
    )
    found = await answers_of(reader, len(asks))
    assert found[0]["values"] == {
        "labels": [[["bad", 0.75], ["good", 0.25]], [["bad", 0.5], ["good", 0.5]]],
        "words": [[[0, 1, 0.5]], [[0, 1, 0.5]]],
    }
    assert found[1]["values"] == {"spans": [[6, 9, 0.75], [0, 0, 0.9]]}
    assert found[2]["values"]["scores"][0] == 1.0
    assert 0.0 <= found[2]["values"]["scores"][1] < 1.0
    assert found[3]["values"] == {"texts": ["<9> cba"]}
    assert found[4]["values"] == {"texts": ["<de> cba", "<de> ed"]}
    assert found[5]["values"] == {"is_cut": False}
    assert found[6]["error"] == "BadInput"
    writer.close()


async def test_answers_that_are_written_come_in_pieces(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1, role="chat", texts=["how are you"], choices={"speakers": ["person"]}))
    pieces = []
    while len(pieces) < 4:
        header, _ = await next_of(reader, "pieces")
        pieces += [(each["id"], each["text"]) for each in header["pieces"]]
    assert pieces == [(1, f"{sum(word)} ") for word in (b"how", b"are", b"you", bytes([1]))]
    assert (await answers_of(reader, 1))[1]["values"] == {"is_cut": False}
    writer.close()


async def test_the_heartbeat_tells_how_every_role_is(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1) + ask(2, role="sentiment", texts=["a b"]))
    await answers_of(reader, 2)
    await next_of(reader, "heartbeat")
    health = (await next_of(reader, "heartbeat"))[0]["health"]
    assert len(json.dumps(health)) < 8192
    assert health["roles"].keys() >= {"embedding", "reranking", "transcription", *ROLES}
    loaded = {name for name, each in health["roles"].items() if each["state"] == "loaded"}
    assert loaded == {"embedding", "reranking", "sentiment"}
    sentiment = health["roles"]["sentiment"]
    assert (sentiment["served"], sentiment["tokens"], sentiment["memory_bytes"]) == (1, 2, 3 * 2**20)
    assert len(sentiment["waits"]) == len(health["wait_bounds"]) + 1
    assert (health["stalled_seconds"], health["memory_bytes"]) == (0.0, 3 * 2**20)
    writer.close()


async def test_cancelled_requests_are_not_answered(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1, texts=["slow"]) + ask(2, texts=["slow b"]) + ask(3, texts=["slow c"]) + ask(4))
    writer.write(frames.encode({"kind": "cancels", "ids": [2, 3, 99]}))
    writer.write(frames.encode({"kind": "cancel", "id": 1}))
    assert (await answers_of(reader, 1)).keys() == {4}
    health = (await next_of(reader, "heartbeat"))[0]["health"]
    assert health["roles"]["embedding"]["queued"] == 0
    writer.close()


async def test_a_bot_that_goes_takes_its_requests_along(alone):
    _, place = alone
    _, writer = await greet(place)
    writer.write(ask(1, texts=["slow a"]) + ask(2, texts=["slow " * 9] * 3))
    await writer.drain()
    writer.close()
    reader, writer = await greet(place)
    while True:
        health = (await next_of(reader, "heartbeat"))[0]["health"]
        if not health["roles"]["embedding"]["queued"]:
            break
    writer.close()


async def test_a_wrong_key_costs_time(alone):
    _, place = alone
    reader, writer = await addresses.connect(place)
    began = time.monotonic()
    writer.write(frames.encode({"kind": "hello", "key": "wrong"}))
    assert await reader.read() == b""
    assert time.monotonic() - began >= 1.0
    writer.close()


async def test_before_it_ends_it_answers_what_was_asked_and_takes_nothing_new(fake_options, tmp_path):
    server = Server(fake_options(), "")
    listener, place = await server.listen(f"unix:{tmp_path}/drain.sock")
    async with listener:
        await server.ready()
        reader, writer = await greet(place)
        await next_of(reader, "ready")
        writer.write(ask(1, texts=["slow"]))
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(server.drain(10))
        await next_of(reader, "leaving")
        assert not draining.done()
        writer.write(ask(2))
        found = await answers_of(reader, 2)
        assert found[2]["error"] == "Leaving"
        assert "shape" in found[1]
        await asyncio.wait_for(draining, 5)
        writer.close()


async def test_ten_thousand_cancelled_requests_leave_nothing_behind(fake_options, tmp_path):
    dice = random.Random(11)
    options = fake_options(chosen={"chat": ModelChoice(engine="fake_engines:Speaker")})
    server = Server(options, "")
    listener, place = await server.listen(f"unix:{tmp_path}/storm.sock")
    async with listener:
        await server.ready()
        reader, writer = await greet(place)
        reading = asyncio.create_task(drop(reader))
        for number in range(10_000):
            role = dice.choice(["embedding", "reranking", "chat"])
            texts = [" ".join(["word"] * dice.randrange(1, 9))] * (1 if role == "chat" else 2)
            writer.write(ask(number, role=role, texts=texts, choices={"speakers": ["person"]}))
            if dice.random() < 0.9:
                writer.write(frames.encode({"kind": "cancel", "id": dice.randrange(number + 1)}))
            if number % 100 == 0:
                await writer.drain()
                await asyncio.sleep(0)
        writer.write(frames.encode({"kind": "cancels", "ids": list(range(10_000))}))
        limit = time.monotonic() + 20
        while len(server._answers) and time.monotonic() < limit:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        assert (len(server._answers), server._answers._numbers_of) == (0, {})
        health = server._roles.health()["roles"]
        assert {name: health[name].get("queued", 0) for name in ("embedding", "chat")} == {
            "embedding": 0,
            "chat": 0,
        }
        assert health["chat"]["active"] == 0
        writer.close()
        await reading


async def drop(reader):
    while await frames.read(reader):
        pass


async def test_draining_ends_after_its_time(fake_options, tmp_path):
    server = Server(fake_options(), "")
    listener, place = await server.listen(f"unix:{tmp_path}/drain.sock")
    async with listener:
        await server.ready()
        _, writer = await greet(place)
        writer.write(ask(1, texts=["slow " + "word " * 20] * 8))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await server.drain(0.2)
        assert 0.15 < time.monotonic() - began < 2
        writer.close()
        await asyncio.sleep(0.05)


async def test_a_role_nobody_serves_is_an_error_of_that_request(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1, role="toxicity-of-our-own"))
    header, _ = await next_of(reader, "answers")
    assert header["answers"][0]["error"] == "BadModel"
    writer.close()


def test_a_model_that_cannot_be_used_ends_it_with_2(tmp_path):
    options = f'{{"models": {{"embedding": {{"folder": "{tmp_path}/nowhere"}}}}}}'
    command = [sys.executable, "-m", "bot.worker.server.serving", f"unix:{tmp_path}/s", "--options", options]
    ended = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert b"does not exist" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_device_that_is_not_understood_ends_it_with_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["unix:nowhere", "--options", '{"device": "toaster"}'])
    assert caught.value.code == 2
    assert "worker.devices" in capsys.readouterr().err


def test_on_its_own_it_refuses_an_open_port(capsys):
    with pytest.raises(SystemExit):
        main(["tcp:127.0.0.1:0"])
    assert "unix socket" in capsys.readouterr().err


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from bot.worker.client.models import WorkerClient
    from bot.worker.options import WorkerOptions

    async def main():
        async with WorkerClient(WorkerOptions.unpack(sys.argv[1]), Path(sys.argv[2])) as models:
            await models.ready()
            print(models.process, flush=True)
            await asyncio.sleep(60)

    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_the_bot(fake_options, run_dir, is_running, number):
    command = [sys.executable, "-c", textwrap.dedent(PARENT), fake_options().pack(), str(run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        os.kill(parent.pid, number)
    limit = time.monotonic() + 10
    while is_running(worker) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not is_running(worker)


def test_torch_stays_out_of_the_bot():
    code = "import bot.worker.client.models, sys; sys.exit(bool({'torch', 'transformers'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert Path(sys.executable).exists()
