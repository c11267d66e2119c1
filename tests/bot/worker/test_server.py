"""The worker's process without our client."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from bot.worker import address as addresses
from bot.worker import frames
from bot.worker.server import main


@pytest.fixture
async def alone(fake_options, tmp_path):
    """A worker started by hand, with its socket."""
    path = tmp_path / "alone.sock"
    command = [sys.executable, "-m", "bot.worker.server", f"unix:{path}", "--options"]
    command.append(fake_options(max_queue_items=10).pack())
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


async def test_a_role_nobody_serves_is_an_error_of_that_request(alone):
    _, place = alone
    reader, writer = await greet(place)
    writer.write(ask(1, role="translation"))
    header, _ = await next_of(reader, "answers")
    assert header["answers"][0]["error"] == "BadModel"
    writer.close()


def test_a_model_that_cannot_be_used_ends_it_with_2(tmp_path):
    options = f'{{"models": {{"embedding": {{"folder": "{tmp_path}/nowhere"}}}}}}'
    command = [sys.executable, "-m", "bot.worker.server", f"unix:{tmp_path}/s", "--options", options]
    ended = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert b"does not exist" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_on_its_own_it_refuses_an_open_port(capsys):
    with pytest.raises(SystemExit):
        main(["tcp:127.0.0.1:0"])
    assert "unix socket" in capsys.readouterr().err


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from bot.worker.client import WorkerClient
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
    code = "import bot.worker.client, sys; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert Path(sys.executable).exists()
