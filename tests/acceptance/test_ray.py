"""The model worker on Ray Serve, as config/ray.yaml says, on a Ray of this test alone; bots ask it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from pydantic import SecretStr

from bot.assembly import open_bot
from bot.errors import BadModel
from bot.models import Speaker, Turn
from bot.settings import EndpointSettings, ModelSettings, WorkerSettings
from bot.testing.fakes import FakeModels, RecordingConnector
from bot.testing.harness import Harness
from bot.testing.platform import platform_settings
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.options import WorkerOptions

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'parley[ray]'"),
]

ROOT = Path(__file__).parents[2]
CLUSTER = Path(__file__).with_name("ray_cluster.py")
PARLEY = str(Path(sys.executable).with_name("parley"))
KEY = "a key for this test alone"
START_SECONDS = 300.0
SAID = [Turn(Speaker.PERSON, "who sat on the mat")]


class Cluster:
    """A process that holds a Ray, and what it said."""

    def __init__(self, folder: Path, application: Path, environment: dict[str, str]) -> None:
        self._log = application.parent / "ray.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(CLUSTER), str(folder), str(application), str(ROOT)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, with all that it started."""
        self._process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def ray_address(tiny_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the application of config/ray.yaml answers, with two replicas and a tiny chat model."""
    yaml = pytest.importorskip("yaml")
    folder, short = tmp_path_factory.mktemp("ray"), Path(tempfile.mkdtemp(prefix="ray"))
    config = yaml.safe_load((ROOT / "config" / "ray.yaml").read_text())
    config["http_options"]["port"] = port = free_port()
    settings = folder / "worker.toml"
    settings.write_text(
        f'data_dir = "{short}/data"\n[worker]\nthreads = 1\ndevices = ["cpu"]\n'
        f'[models.chat]\nfolder = "{tiny_chat}"\n'
    )
    (application,) = config["applications"]
    application["args"]["config"] = str(settings)
    (deployment,) = application["deployments"]
    deployment["autoscaling_config"] |= {"min_replicas": 2, "max_replicas": 2}
    deployment["ray_actor_options"]["num_cpus"] = 0.5
    (folder / "ray.yaml").write_text(yaml.safe_dump(config))
    cluster = Cluster(short, folder / "ray.yaml", environment(short))
    try:
        wait_until_open(port, cluster)
        yield f"http://127.0.0.1:{port}"
    finally:
        cluster.stop()
        shutil.rmtree(short, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    """Nothing is told to Ray's makers, nothing is written outside of the test's folder."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_LOG_TO_STDERR": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | quiet | {"HOME": str(home), "PARLEY_WORKER__KEY": KEY}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_open(port: int, cluster: Cluster) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and cluster.is_running():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.3)
    cluster.stop()
    raise AssertionError(f"Ray Serve did not start:\n{cluster.said()}")


def asking(address: str, tmp_path: Path, key: str = KEY) -> WorkerClient:
    options = WorkerOptions(deadline_seconds=120, start_timeout_seconds=START_SECONDS)
    return WorkerClient(options, tmp_path, addresses=[address], key=key)


async def whole(models: WorkerClient, most_tokens: int) -> str:
    return "".join([piece async for piece in models.generate(SAID, most_tokens=most_tokens)])


def replicas() -> list[int]:
    """The numbers of the processes of the test's replicas."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"ServeReplica:parley" in (each / "cmdline").read_bytes() and is_ours(each):
                found.append(int(each.name))
    return found


def is_ours(process: Path) -> bool:
    return f"PARLEY_WORKER__KEY={KEY}".encode() in (process / "environ").read_bytes()


async def test_a_bot_asks_it_as_any_worker(ray_address: str, tmp_path: Path) -> None:
    async with asking(ray_address, tmp_path) as models:
        await models.ready()
        assert models.state.phase is Phase.READY
        assert models.roles() >= {"embedding", "reranking", "chat"}
        assert models.origin("chat") == "tiny-chat"
        texts = [f"text number {number} of many" for number in range(150)]
        rows = await models.embed(texts)
        assert rows.shape == (150, 384)
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
        assert np.allclose(await models.embed(texts[:1]), rows[:1], atol=1e-3)
        near, far = await models.rerank("a cat", ["my cat sleeps", "the stock market fell"])
        assert near > far
        with pytest.raises(BadModel):
            await models.summarize(["a long text"])


async def test_answers_are_streamed_and_can_be_left(ray_address: str, tmp_path: Path) -> None:
    async with asking(ray_address, tmp_path) as models:
        await models.ready()
        first = [piece async for piece in models.generate(SAID, most_tokens=400)]
        assert len(first) > 3
        assert first[-1] == " …"
        async with aclosing(models.generate(SAID, most_tokens=2000)) as pieces:
            await anext(pieces)
        assert models.unanswered == 0
        again = await asyncio.gather(*(whole(models, 400) for _ in range(4)))
        assert set(again) == {"".join(first)}


async def test_requests_by_hand(ray_address: str) -> None:
    """What the guide shows with curl."""
    ask = {"role": "embedding", "texts": ["hello"], "deadline": 60}
    async with aiohttp.ClientSession(ray_address) as session:
        async with session.post("/ask", json=ask) as response:
            assert response.status == 401
        session.headers["Authorization"] = f"Bearer {KEY}"
        async with session.post("/ask", json=ask) as response:
            assert response.status == 200
            assert (await response.json())["shape"] == [1, 384]
        async with session.get("/health") as response:
            assert "stalled_seconds" in await response.json()
        for body, status in ((b"{", 400), (b"[]", 400), (json.dumps({"role": "nonsense"}).encode(), 404)):
            async with session.post("/ask", data=body) as response:
                assert response.status == status, await response.text()
                assert (await response.json())["reason"]
        async with session.get("/other") as response:
            assert response.status == 405


async def test_a_wrong_key_is_told(ray_address: str, tmp_path: Path) -> None:
    async with asking(ray_address, tmp_path, key="a key of somebody else") as models:
        async with asyncio.timeout(60):
            while "worker.key" not in models.status():
                await asyncio.sleep(0.1)


@pytest.fixture
def parley_worker(tiny_chat: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a worker that somebody started by hand."""
    settings = tmp_path / "worker.toml"
    settings.write_text(f'[worker]\nthreads = 1\n[models.chat]\nfolder = "{tiny_chat}"\n')
    arguments = ["--listen", "tcp:127.0.0.1:0", "--config", str(settings), "--data-dir", str(tmp_path / "w")]
    process = subprocess.Popen(
        [PARLEY, "worker", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PARLEY_WORKER__KEY": KEY, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    try:
        yield process.stderr.readline().split("listening on ")[1].split(",")[0]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


SKILL = """
from collections.abc import Callable

from bot import Context, Skill, Speaker, Turn, hookimpl, skill


@skill
async def judge(context: Context, text: str) -> str:
    \"""Say what the model makes of it.\"""
    turns = [Turn(Speaker.PERSON, text)]
    return "".join([piece async for piece in context.models.generate(turns, most_tokens=12)])


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    register(judge)
"""
LETTERS = set("the a cat dog sat on and mat who where was is not good bad")


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What our own workers said, to be compared."""
    return {}


@pytest.fixture
def placed(request: pytest.FixtureRequest, tiny_chat: Path) -> dict[str, Any]:
    """The settings that say where the chat model is."""
    if request.param == "here":
        worker = WorkerSettings(threads=1, deadline_seconds=60)
        return {"models": {"chat": ModelSettings(folder=tiny_chat)}, "worker": worker}
    if request.param == "endpoint":
        server = request.getfixturevalue("model_server")
        endpoint = EndpointSettings(url=server.url, model=server.model)
        return {"endpoint": endpoint, "worker": WorkerSettings(enabled=False)}
    address = request.getfixturevalue(request.param)
    return {"worker": WorkerSettings(addresses=(address,), key=SecretStr(KEY), deadline_seconds=60)}


@pytest.mark.parametrize("placed", ["here", "parley_worker", "endpoint", "ray_address"], indirect=True)
async def test_the_same_skill_is_answered_wherever_the_model_is(
    placed: dict[str, Any], answers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["bot.testing.harness"], "WAIT_SECONDS", 240.0)
    plugin = tmp_path / "judging.py"
    plugin.write_text(SKILL)
    settings = platform_settings(tmp_path / "bot", plugins=(plugin,)).model_copy(update=placed)
    connector = RecordingConnector()
    async with open_bot(settings, [connector]) as bot:
        running = asyncio.create_task(bot.run())
        await bot.models.ready()
        said = await Harness(bot, FakeModels(), connector).say("judge who sat on the mat")
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert said.endswith(" …"), said
    assert len(said) > 12
    assert set(said.replace("<unk>", "").removesuffix(" …")) <= LETTERS
    if "endpoint" not in placed:
        assert answers.setdefault("ours", said) == said


async def test_a_replica_that_dies_costs_no_answer(ray_address: str, tmp_path: Path) -> None:
    """What it had is asked again, of the others; what was read of an answer goes on without a break."""
    async with asking(ray_address, tmp_path) as models:
        await models.ready()
        texts = [f"text number {number}" for number in range(40)]
        rows = await models.embed(texts)
        written = await whole(models, 600)
        killed = replicas()
        assert len(killed) == 2
        writing = [asyncio.create_task(whole(models, 600)) for _ in range(6)]
        asked = [asyncio.create_task(models.embed([text])) for text in texts[:20]]
        await asyncio.sleep(0.3)
        assert not all(each.done() for each in writing)
        os.kill(killed[0], signal.SIGKILL)
        asked += [asyncio.create_task(models.embed([text])) for text in texts[20:]]
        found = await asyncio.gather(*asked)
        assert np.allclose(np.concatenate(found), rows, atol=1e-3)
        assert set(await asyncio.gather(*writing)) == {written}
