"""A worker on its own: who may listen where, who may ask, and how it ends."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bot.errors import BadInput, WorkerUnavailable
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.client.process import Breaker
from bot.worker.options import WorkerOptions
from bot.worker.server.standing import check_key
from bot.worker.wire import address as addresses
from bot.worker.wire import frames

KEY = "sixteen characters, at least"
RUN = """
import asyncio, os, sys
from bot.worker.options import WorkerOptions
from bot.worker.server.standing import stand
address, options, key, seconds = sys.argv[1:]
asyncio.run(stand(address, WorkerOptions.unpack(options), key, drain_seconds=float(seconds)))
os._exit(0)
"""


class Standing:
    """The process, and what it says."""

    def __init__(self, process):
        self.process = process
        self.said = []

    async def says(self, words):
        """Wait until it says this; the whole line."""
        async with asyncio.timeout(20):
            while line := (await self.process.stderr.readline()).decode():
                self.said.append(line)
                if words in line:
                    return line
        raise AssertionError(f"{words!r} was never said: {self.said}")

    async def ends(self):
        """Its exit code."""
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def standing(options, address, *, key="", seconds=10):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, address, options.pack(), key, str(seconds), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Standing(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()


@pytest.mark.parametrize(
    "address", ["tcp:0.0.0.0:9000", "tcp:worker.example.org:9000", "tcp:[::]:9000", "tcp:10.0.0.5:9000"]
)
def test_what_others_can_reach_wants_a_key(address):
    with pytest.raises(BadInput, match="wants a key"):
        check_key(address, "")
    with pytest.raises(BadInput, match="at least 16 characters"):
        check_key(address, "x" * 15)
    check_key(address, "x" * 16)


@pytest.mark.parametrize(
    "address", ["unix:/run/parley.sock", "tcp:127.0.0.1:9000", "tcp:[::1]:9000", "tcp:localhost:1"]
)
def test_what_only_this_machine_reaches_does_not(address):
    check_key(address, "")
    assert addresses.is_private(address)


@pytest.mark.parametrize(
    "address", ["", "tcp:", "tcp:host", "tcp:host:port", "tcp:host:70000", "unix:", "http://x:1"]
)
def test_what_is_no_address_is_said(address):
    with pytest.raises(BadInput, match="tcp:HOST:PORT or unix:PATH"):
        addresses.parse(address)


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    file = tmp_path / "letter"
    file.write_text("dear")
    with pytest.raises(OSError, match="in use"):
        await addresses.listen(f"unix:{file}", lambda reader, writer: None)
    assert file.read_text() == "dear"


async def test_bots_with_the_key_are_served_over_tcp(fake_options, tmp_path, fakes):
    async with standing(fake_options(), "tcp:127.0.0.1:0", key=KEY) as worker:
        line = await worker.says("listening on ")
        place = line.split("listening on ")[1].split(",")[0]
        assert "embedding (model)" in await worker.says("ready; it serves")
        clients = [
            WorkerClient(WorkerOptions(), tmp_path, addresses=[place], key=key, breaker=Breaker(deaths=1))
            for key in (KEY, KEY, "wrong")
        ]
        async with clients[0] as one, clients[1] as other, clients[2] as stranger:
            for each in (one, other):
                assert np.array_equal((await each.embed(["a b"]))[0], fakes.expected("a b"))
            with pytest.raises(WorkerUnavailable, match="key"):
                await stranger.embed(["a"])
            assert one.process is None


async def test_it_ends_in_order(fake_options, tmp_path, fakes):
    place = f"unix:{tmp_path}/s"
    async with (
        standing(fake_options(), place) as worker,
        WorkerClient(WorkerOptions(), tmp_path, addresses=[place]) as models,
    ):
        await worker.says("ready; it serves")
        await models.ready()
        asked = [asyncio.create_task(models.embed([f"slow {'word ' * number}"])) for number in range(5)]
        await asyncio.sleep(0.2)
        worker.process.send_signal(signal.SIGTERM)
        rows = await asyncio.gather(*asked)
        for number, found in enumerate(rows):
            assert np.array_equal(found[0], fakes.expected(f"slow {'word ' * number}"))
        await worker.says("stopped")
        assert await worker.ends() == 0
        assert "stopping" in "".join(worker.said)


async def test_the_end_does_not_wait_for_ever(fake_options, tmp_path):
    place = f"unix:{tmp_path}/s"
    async with standing(fake_options(), place, seconds=0.3) as worker:
        await worker.says("ready; it serves")
        client = WorkerClient(WorkerOptions(), tmp_path, addresses=[place], breaker=Breaker(deaths=1))
        async with client as models:
            asked = asyncio.create_task(models.embed(["hang"]))
            await asyncio.sleep(0.2)
            worker.process.send_signal(signal.SIGTERM)
            assert await worker.ends() == 0
            with pytest.raises(WorkerUnavailable, match="was lost"):
                await asked


async def test_one_that_hangs_ends_itself(fake_options, tmp_path):
    place = f"unix:{tmp_path}/s"
    async with (
        standing(fake_options(deadline_seconds=1.0), place) as worker,
        WorkerClient(WorkerOptions(), tmp_path, addresses=[place]) as models,
    ):
        await models.ready()
        asked = asyncio.create_task(models.embed(["hang"]))
        await worker.says("hung on a batch")
        assert await worker.ends() == 70
        asked.cancel()
        await asyncio.wait([asked])


async def test_models_that_cannot_be_used_end_it_with_the_reason(fake_options, tmp_path):
    options = fake_options("Needy", listener="")
    async with standing(options, f"unix:{tmp_path}/s") as worker:
        said = await worker.says("torch")
        assert "parley[models]" in said


async def test_a_greeting_that_is_wrong_is_slowed_and_closed(fake_options, tmp_path):
    place = f"unix:{tmp_path}/s"
    async with standing(fake_options(), place, key=KEY) as worker:
        await worker.says("ready")
        loop = asyncio.get_running_loop()
        for greeting in (
            frames.encode({"kind": "hello", "key": "wrong"}),
            b"\x00\x00\xff\xff\x00\x00\x00\x00",
        ):
            reader, writer = await addresses.connect(place)
            began = loop.time()
            writer.write(greeting)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            assert loop.time() - began > 0.8
            writer.close()


async def test_strangers_who_say_nothing_are_turned_away_when_they_are_many(fake_options, tmp_path, fakes):
    place = f"unix:{tmp_path}/s"
    async with standing(fake_options(), place, key=KEY) as worker:
        await worker.says("ready; it serves")
        async with WorkerClient(WorkerOptions(), tmp_path, addresses=[place], key=KEY) as models:
            await models.ready()
            strangers = [await addresses.connect(place) for _ in range(80)]
            turned_away = [await is_over(reader) for reader, _ in strangers]
            assert sum(turned_away) == 80 - 64
            assert np.array_equal((await models.embed(["a"]))[0], fakes.expected("a"))
            for _, writer in strangers:
                writer.close()


async def is_over(reader):
    """Whether the other side has closed."""
    try:
        return await asyncio.wait_for(reader.read(), 0.05) == b""
    except TimeoutError:
        return False


async def test_a_killed_worker_elsewhere_is_joined_again_when_it_is_back(fake_options, tmp_path, fakes):
    place, options = f"unix:{tmp_path}/s", fake_options()
    async with WorkerClient(
        WorkerOptions(), tmp_path, addresses=[place], breaker=Breaker(deaths=99)
    ) as models:
        for _ in range(2):
            async with standing(options, place) as worker:
                await worker.says("ready")
                asked = asyncio.create_task(models.embed(["slow"]))
                async with asyncio.timeout(20):
                    while models.state.phase is not Phase.READY:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
                os.kill(worker.process.pid, signal.SIGKILL)
                await worker.ends()
        async with standing(options, place) as worker:
            assert np.array_equal((await asked)[0], fakes.expected("slow"))
