"""Every call of Models by a worker at an address."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from bot.errors import BadModel, DeadlineExceeded, ModelError, TooLarge, Uncomputable, WorkerUnavailable
from bot.models import Labels, Speaker, Tenant, Transcript, Turn, Weight, tenant
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.client.process import Breaker
from bot.worker.options import WorkerOptions
from tests.bot.worker.fake_worker import FakeWorker, row

MANY = [f"text {number} {'good' * (number % 2)}" for number in range(300)]
KEY = "a key of sixteen characters"


@asynccontextmanager
async def joined(tmp_path, *workers, **options):
    """A client of these workers, who listen already."""
    addresses = [worker.address for worker in workers]
    client = WorkerClient(WorkerOptions(**options), tmp_path / "run", addresses=addresses, key=KEY)
    async with client as models:
        await models.ready()
        yield models


@pytest.fixture
async def worker(tmp_path):
    async with FakeWorker(f"unix:{tmp_path}/w.sock", key=KEY).listening() as found:
        yield found


@pytest.fixture
async def models(tmp_path, worker):
    async with joined(tmp_path, worker) as client:
        yield client
        assert client.unanswered == 0


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def listen(pieces, hear):
    """Read an answer to its end; the error it ended with."""
    try:
        async for piece in pieces:
            hear(piece)
    except ModelError as error:
        return error
    return None


async def test_the_worker_says_what_it_serves(models):
    assert models.roles() >= {"chat", "sentiment", "embedding"}
    assert models.origin("chat") == "chat-folder"
    assert models.origin("toxicity") == ""
    assert models.state.phase is Phase.READY


async def test_vectors_of_many_texts(models):
    rows = await models.embed(MANY)
    assert np.array_equal(rows, np.array([row(text) for text in MANY], np.float32))
    assert (await models.embed([])).shape == (0, 8)


async def test_labels_with_and_without_what_decided_them(models, worker):
    labels = await models.classify(MANY)
    assert [each.label for each in labels] == ["positive" if "good" in text else "negative" for text in MANY]
    assert labels[1] == Labels((("positive", 0.8), ("negative", 0.2)))
    assert "choices" not in worker.asked[-1]
    explained = await models.classify(["good day"], explain=True)
    assert explained[0].words == (Weight(0, 4, 1.0),)


async def test_the_other_roles_of_many_texts(models, worker):
    spans = await models.extract("who?", MANY)
    assert [each.text for each in spans] == [text[:5] for text in MANY]
    assert {ask["texts"][0] for ask in worker.asked} == {"who?"}
    scores = await models.rerank("who?", MANY)
    assert scores == [pytest.approx(len(text) / (len(text) + 1)) for text in MANY]
    assert await models.summarize(["one two three"], most_words=2) == ["one two"]
    assert (await models.translate(MANY, target="de"))[7] == f"[de] {MANY[7]}"
    assert await models.transcribe(b"RIFF") == Transcript("4 bytes", "en", 1.0)
    for nothing in (models.extract("who?", []), models.rerank("who?", []), models.classify([])):
        assert await nothing == []


async def test_an_answer_is_written_piece_by_piece(models, worker):
    turns = [Turn(Speaker.SYSTEM, "Be kind."), Turn(Speaker.PERSON, "one two three")]
    pieces = [piece async for piece in models.generate(turns, most_tokens=5)]
    assert "".join(pieces) == "one two three "
    assert worker.asked[0]["choices"] == {"speakers": ["system", "person"], "most_tokens": 5}
    assert worker.asked[0]["texts"] == ["Be kind.", "one two three"]
    worker.answers["chat"] = {"values": {"is_cut": True}}
    assert [piece async for piece in models.generate(turns)][-1] == " …"


async def test_an_answer_nobody_reads_on_is_cancelled(models, worker):
    worker.pause = 0.01
    async with aclosing(models.generate([Turn(Speaker.PERSON, "word " * 1000)])) as pieces:
        async for _ in pieces:
            break
    await until(lambda: worker.cancelled)
    assert models.unanswered == 0


async def test_an_answer_past_its_deadline_ends_and_what_came_stays(models, worker):
    worker.pause = 0.02
    said = []
    error = await listen(models.generate([Turn(Speaker.PERSON, "word " * 1000)], deadline=0.2), said.append)
    assert isinstance(error, DeadlineExceeded)
    assert said
    await until(lambda: worker.cancelled)


async def test_a_worker_that_dies_while_writing_is_asked_again_and_nothing_is_said_twice(models, worker):
    worker.pause = 0.005
    words = " ".join(str(number) for number in range(100))
    said = ""
    async for piece in models.generate([Turn(Speaker.PERSON, words)]):
        said += piece
        if len(worker.asked) < 3 and len(said) > 40 * len(worker.asked):
            await worker.die()
    assert said == f"{words} "
    assert len(worker.asked) == 3


async def test_an_answer_that_goes_on_differently_breaks_off(models, worker):
    worker.pause = 0.005
    said, pieces = "", models.generate([Turn(Speaker.PERSON, "one two three four")])
    while "two" not in said:
        said += await anext(pieces)
    worker.answers["words"] = ["one ", "three "]
    await worker.die()
    error = await listen(pieces, lambda piece: None)
    assert isinstance(error, Uncomputable)
    assert "broke off" in str(error)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"values": {"labels": [[["positive", 9.0]]]}},
        {"values": []},
        {"values": None},
        {"shape": [0, 3]},
    ],
)
async def test_nonsense_is_an_error_of_that_request(models, worker, nonsense):
    worker.answers["sentiment"] = nonsense
    with pytest.raises(Uncomputable, match="does not fit"):
        await models.classify(["a"])
    assert (await models.embed(["a"])).shape == (1, 8)


async def test_a_worker_that_speaks_nonsense_is_left_and_joined_again(models, worker):
    worker.answers["sentiment"] = {"error": 7}
    asked = asyncio.create_task(models.classify(["good"], deadline=10))
    await until(lambda: len(worker.asked) >= 2)
    worker.answers.clear()
    assert (await asked)[0].label == "positive"


async def test_a_role_nobody_serves_says_what_to_do(models):
    with pytest.raises(BadModel, match=r"\[models\.toxicity\]"):
        await models.classify(["a"], role="toxicity")


async def test_on_whose_behalf_is_told(models, worker):
    tenant.set(Tenant("mood", "discord:1"))
    await models.embed(["a"])
    assert (worker.asked[-1]["skill"], worker.asked[-1]["community"]) == ("mood", "discord:1")


async def test_an_endless_conversation_is_refused(models):
    with pytest.raises(TooLarge, match="new one"):
        async for _ in models.generate([Turn(Speaker.PERSON, "x" * 2**18)] * 17):
            pass


async def test_many_calls_of_one_moment_go_in_one_frame(models, worker):
    before = worker.frames
    await asyncio.gather(*(models.embed([text]) for text in MANY))
    assert worker.frames - before <= 3
    assert len(worker.asked) == len(MANY)


async def test_a_worker_of_the_time_before_is_asked_one_by_one(tmp_path, worker):
    del worker.introduction["version"]
    async with joined(tmp_path, worker) as models:
        rows = await asyncio.gather(*(models.embed([text]) for text in MANY[:20]))
        assert np.array_equal(np.concatenate(rows), np.array([row(text) for text in MANY[:20]], np.float32))
        assert worker.frames == 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 99}, "version 99 .* install the same"),
        ({"kind": "failed", "roles": {}, "error": "BadModel", "reason": "No torch."}, "No torch"),
        ({"roles": 5}, "not understood"),
    ],
)
async def test_a_worker_that_cannot_be_used_says_why(tmp_path, worker, change, words):
    worker.introduction |= change
    client = WorkerClient(
        WorkerOptions(), tmp_path, addresses=[worker.address], key=KEY, breaker=Breaker(deaths=1)
    )
    async with client as models:
        with pytest.raises(WorkerUnavailable, match=words):
            await models.ready()


async def test_a_wrong_key_says_what_to_look_at(tmp_path, worker):
    client = WorkerClient(
        WorkerOptions(), tmp_path, addresses=[worker.address], key="wrong", breaker=Breaker(deaths=1)
    )
    async with client as models:
        with pytest.raises(WorkerUnavailable, match=r"worker\.key the same"):
            await models.embed(["a"])
        assert worker.asked == []


async def test_a_worker_that_is_away_is_joined_when_it_comes(tmp_path):
    away = FakeWorker(f"unix:{tmp_path}/later.sock")
    client = WorkerClient(
        WorkerOptions(), tmp_path, addresses=[away.address], breaker=Breaker(deaths=2, rest=0.3)
    )
    async with client as models:
        with pytest.raises(WorkerUnavailable, match="cannot be reached"):
            await models.embed(["a"])
        assert models.state.phase is Phase.FAILED
        async with away.listening():
            await until(lambda: models.state.phase is Phase.READY)
            assert (await models.embed(["a"])).shape == (1, 8)
