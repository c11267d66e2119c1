"""Workers behind an HTTP address, against a server on loopback that speaks as a Ray application does."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from contextlib import aclosing

import numpy as np
import pytest

from bot.errors import BadInput, DeadlineExceeded, Overloaded, Uncomputable, WorkerUnavailable
from bot.models import Speaker, Turn
from bot.worker.client import http
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.options import WorkerOptions
from bot.worker.wire.address import check
from bot.worker.wire.bodies import LINES, status_of, unpack_answer

web = pytest.importorskip("aiohttp.web")

KEY = "a long key for a test"
READY = {
    "kind": "ready",
    "version": 1,
    "model": "tiny",
    "dimensions": 2,
    "roles": {role: {"origin": "tiny"} for role in ("embedding", "sentiment", "chat", "transcription")},
}
SAID = [Turn(Speaker.PERSON, "hello")]


class Application:
    """Answers with what the test puts into `answers`, one for each request; then as it should."""

    def __init__(self):
        self.answers = []
        self.asked = []
        self.open_now = 0
        self.pause = 0.0
        self.words = ["one", " two", " three"]
        self.breaks_after = None
        self.healthy = True

    async def ready(self, request):
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": "BadInput", "reason": "no"}, status=401)
        return web.json_response(READY)

    async def health(self, request):
        return web.json_response({"stalled_seconds": 0.0}) if self.healthy else web.Response(status=503)

    async def ask(self, request):
        body = await request.json()
        self.asked.append(body)
        self.open_now += 1
        try:
            await asyncio.sleep(self.pause)
            if self.answers:
                return self.answers.pop(0)()
            return await self.stream(request) if body.get("stream") else self.answer(body)
        finally:
            self.open_now -= 1

    def answer(self, body):
        if body["role"] == "transcription":
            heard = base64.b64decode(body["recording"]).decode()
            return web.json_response({"values": {"text": heard, "language": "en", "seconds": 1.0}})
        rows = np.array([[len(text), 1] for text in body["texts"]], dtype="<f4")
        packed = base64.b64encode(rows.tobytes()).decode()
        return web.json_response({"shape": list(rows.shape), "vectors": packed})

    async def stream(self, request):
        response = web.StreamResponse(headers={"Content-Type": LINES})
        await response.prepare(request)
        for number, word in enumerate(self.words):
            if number == self.breaks_after:
                self.breaks_after = None
                request.transport.abort()
                return response
            await response.write(json.dumps({"text": word}).encode() + b"\n")
            await asyncio.sleep(0.01)
        await response.write(b'{"values": {"is_cut": false}}\n')
        return response


@pytest.fixture
async def application(monkeypatch):
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.02))
    made, app = Application(), web.Application()
    app.router.add_get("/ready", made.ready)
    app.router.add_get("/health", made.health)
    app.router.add_post("/ask", made.ask)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
def connect(application, tmp_path):
    def connect(key=KEY, url="", **fields):
        options = WorkerOptions(**{"deadline_seconds": 10.0} | fields)
        return WorkerClient(options, tmp_path, addresses=[url or application.url], key=key)

    return connect


async def whole(models):
    return "".join([piece async for piece in models.generate(SAID)])


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_is_asked_and_what_comes_back(application, connect):
    async with connect() as models:
        await models.ready()
        assert models.roles() == set(READY["roles"])
        texts = ["x" * (number % 9) for number in range(200)]
        rows = await models.embed(texts)
        assert np.array_equal(rows[:, 0], [len(text) for text in texts])
        assert (await models.transcribe(b"hello")).text == "hello"
        assert await whole(models) == "one two three"
        assert models.unanswered == 0
    assert [len(each["texts"]) for each in application.asked[:4]] == [64, 64, 64, 8]
    assert application.asked[-1]["choices"] == {"speakers": ["person"]}


@pytest.mark.parametrize(
    "failure",
    [
        lambda: web.Response(status=500, text="Internal Server Error"),
        lambda: web.Response(status=502),
        lambda: (_ for _ in ()).throw(ConnectionResetError),
    ],
)
async def test_a_request_whose_replica_died_is_made_again(application, connect, failure):
    application.answers = [failure, failure]
    async with connect() as models:
        assert (await models.embed(["four"]))[0, 0] == 4
        application.answers = [failure] * 9
        with pytest.raises(WorkerUnavailable, match="again and again"):
            await models.embed(["four"])


async def test_an_answer_goes_on_where_its_replica_died(application, connect):
    async with connect() as models:
        application.breaks_after = 2
        assert await whole(models) == "one two three"
        application.breaks_after = 2
        answer = models.generate(SAID)
        async with aclosing(answer) as pieces:
            first = await anext(pieces)
            application.words = ["something", " else"]
            with pytest.raises(Uncomputable, match="broke off"):
                await anext(rest async for rest in pieces if rest != " two" and rest != first)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"values": {"texts": 5}},
        {"shape": [1, 2], "vectors": "AAAA"},
        {"shape": [2, 1], "vectors": base64.b64encode(b"\0" * 8).decode()},
        {"shape": [1], "vectors": ""},
        {"shape": [1, 2], "vectors": "§"},
        {},
    ],
)
async def test_nonsense_fails_alone(application, connect, nonsense):
    application.answers = [lambda: web.json_response(nonsense)]
    async with connect() as models:
        with pytest.raises(Uncomputable):
            await models.embed(["a"])
        assert (await models.embed(["a"])).shape == (1, 2)
        assert models.state.phase is Phase.READY


async def test_errors_keep_their_kind(application, connect):
    told = [
        (lambda: web.json_response({"error": "Overloaded", "retry_after": 7.0}, status=429), Overloaded),
        (lambda: web.json_response({"error": "Uncomputable", "reason": "x"}, status=422), Uncomputable),
        (lambda: web.json_response({"error": "BadInput", "reason": "x"}, status=400), BadInput),
        (lambda: web.Response(status=503, text="too many requests are queued"), Overloaded),
    ]
    async with connect() as models:
        for answer, kind in told:
            application.answers = [answer]
            with pytest.raises(kind):
                await models.embed(["a"])


async def test_who_leaves_closes_the_request(application, connect):
    application.pause = 30.0
    async with connect() as models:
        asking = asyncio.create_task(models.embed(["a"]))
        await until(lambda: application.open_now)
        asking.cancel()
        await until(lambda: not application.open_now)
        with pytest.raises(DeadlineExceeded):
            await models.embed(["a"], deadline=0.2)
        await until(lambda: not application.open_now)
        assert models.unanswered == 0


async def test_a_wrong_key_and_an_empty_address_are_told(application, connect):
    async with connect(key="another") as models:
        await until(lambda: "worker.key" in models.status())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with connect(url=url) as models:
        await until(lambda: "cannot be reached" in models.status())


async def test_replicas_that_do_not_say_how_they_are_are_lost(application, connect, monkeypatch):
    monkeypatch.setattr(http, "HEARTBEAT_SECONDS", 0.05)
    async with connect(silence_seconds=0.5) as models:
        await models.ready()
        await asyncio.sleep(1.0)
        assert models.state.phase is Phase.READY
        application.healthy = False
        await until(lambda: models.state.phase is Phase.RESTARTING)
        application.healthy = True
        await until(lambda: models.state.phase is Phase.READY)


@pytest.mark.parametrize(
    "address", ["http://", "http://a b", "http://user@host", "http://host/?x", "ftp://host"]
)
def test_what_is_no_address(address):
    with pytest.raises(BadInput):
        check(address)


def test_addresses_and_statuses():
    for address in ("http://10.0.0.1:8000", "https://gpu.example.org/parley", "tcp:host:1", "unix:/a"):
        check(address)
    assert [status_of(each("x")) for each in (BadInput, Uncomputable, WorkerUnavailable)] == [400, 422, 503]
    assert unpack_answer({"error": "BadInput", "reason": "x", "other": 1})[0] == {
        "error": "BadInput",
        "reason": "x",
    }
