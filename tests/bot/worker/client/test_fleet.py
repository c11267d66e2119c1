"""Several workers as one: who is asked, and what happens when one goes, comes, or is unlike the rest."""

import asyncio
import gc
import random
import resource
import sys
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import numpy as np
import pytest

from bot.errors import ModelError, Overloaded, WorkerUnavailable
from bot.message import Priority
from bot.models import Speaker, Turn
from bot.worker.client.calls import Call
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.client.process import Breaker
from bot.worker.client.stream import Stream
from bot.worker.options import WorkerOptions
from tests.bot.worker.fake_worker import FakeWorker, row

TEXTS = [f"text {number}" for number in range(200)]


def fakes(tmp_path, count=3, **options):
    return [FakeWorker(f"unix:{tmp_path}/{number}.sock", **options) for number in range(count)]


@asynccontextmanager
async def fleet(tmp_path, workers, *, breaker=None, **options):
    """A client of these workers, all of them up."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker.listening())
        client = WorkerClient(
            WorkerOptions(**options),
            tmp_path / "run",
            addresses=[worker.address for worker in workers],
            breaker=breaker,
        )
        models = await stack.enter_async_context(client)
        await until(lambda: all(each.phase == "ready" for each in models.workers()))
        yield models


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def asked(workers):
    return [len(worker.asked) for worker in workers]


def check(rows, texts):
    assert np.array_equal(rows, np.array([row(text) for text in texts], np.float32))


async def test_calls_go_to_whoever_has_the_fewest_tokens_to_do(tmp_path):
    workers = fakes(tmp_path)
    async with fleet(tmp_path, workers) as models:
        for worker in workers:
            worker.go.clear()
        long = asyncio.create_task(models.embed(["x" * 8000]))
        await asyncio.sleep(0)
        short = [asyncio.create_task(models.embed([text])) for text in TEXTS]
        await until(lambda: sum(asked(workers)) == 201)
        assert sorted(asked(workers)) == [1, 100, 100]
        for worker in workers:
            worker.go.set()
        await asyncio.gather(long, *short)


async def test_a_role_goes_to_those_that_serve_it(tmp_path):
    workers = [
        FakeWorker(f"unix:{tmp_path}/a.sock", roles=("embedding",)),
        FakeWorker(f"unix:{tmp_path}/b.sock", roles=("sentiment", "chat")),
    ]
    async with fleet(tmp_path, workers) as models:
        assert models.roles() == {"embedding", "sentiment", "chat"}
        await models.classify(["good"])
        check(await models.embed(["a"]), ["a"])
        assert [[ask["role"] for ask in worker.asked] for worker in workers] == [["embedding"], ["sentiment"]]
        assert "2 of 2 model workers are ready" in models.status()


async def test_a_conversation_stays_with_one_worker_until_it_goes(tmp_path):
    workers = fakes(tmp_path)
    async with fleet(tmp_path, workers) as models:

        async def say(conversation, turns):
            said = [Turn(Speaker.PERSON, f"{conversation} turn {number}") for number in range(turns)]
            return [piece async for piece in models.generate(said)]

        for conversation in range(30):
            for turns in (2, 3, 4):
                await say(conversation, turns)
        owners = [{ask["texts"][0].split()[0] for ask in worker.asked} for worker in workers]
        assert sum(map(len, owners)) == 30
        assert all(owners)
        await workers[0].die()
        workers[0].is_leaving = True
        for worker in workers:
            worker.asked.clear()
        for conversation in range(30):
            await say(conversation, 5)
        for before, worker in list(zip(owners, workers, strict=True))[1:]:
            assert before <= {ask["texts"][0].split()[0] for ask in worker.asked}


async def test_what_a_dead_worker_had_goes_to_the_others_at_once(tmp_path):
    workers = fakes(tmp_path)
    async with fleet(tmp_path, workers, breaker=Breaker(deaths=1, rest=60)) as models:
        workers[0].go.clear()
        calls = [asyncio.create_task(models.embed([text])) for text in TEXTS]
        await until(lambda: sum(asked(workers)) == 200)
        stuck = [call for call in calls if not call.done()]
        assert stuck
        await workers[0].die()
        async with asyncio.timeout(2):
            check(np.concatenate(await asyncio.gather(*calls)), TEXTS)
        assert "2 of 3 model workers are ready" in models.status()
        assert "was lost" in models.status()


async def test_what_waits_for_workers_that_are_away_goes_to_the_first_that_comes(tmp_path):
    workers = fakes(tmp_path, 2)
    addresses = [worker.address for worker in workers]
    async with WorkerClient(WorkerOptions(), tmp_path, addresses=addresses) as models:
        calls = [asyncio.create_task(models.embed([text])) for text in TEXTS[:10]]
        await asyncio.sleep(0.05)
        async with workers[1].listening():
            check(np.concatenate(await asyncio.gather(*calls)), TEXTS[:10])
            assert asked(workers) == [0, 10]


async def test_a_worker_that_leaves_ends_what_it_has_and_gets_nothing_new(tmp_path):
    workers = fakes(tmp_path, 2)
    async with fleet(tmp_path, workers) as models:
        for worker in workers:
            worker.go.clear()
        calls = [asyncio.create_task(models.embed([text])) for text in TEXTS[:20]]
        await until(lambda: sum(asked(workers)) == 20)
        workers[0].leave()
        await until(lambda: "about to stop" in models.status())
        more = [asyncio.create_task(models.embed([text])) for text in TEXTS[20:40]]
        await asyncio.sleep(0.05)
        assert asked(workers) == [10, 30]
        for worker in workers:
            worker.go.set()
        check(np.concatenate(await asyncio.gather(*calls, *more)), TEXTS[:40])


async def test_what_a_leaving_worker_refuses_is_asked_of_another(tmp_path):
    workers = fakes(tmp_path, 2)
    async with fleet(tmp_path, workers) as models:
        workers[0].is_leaving = True
        calls = [models.embed([text]) for text in TEXTS[:20]]
        check(np.concatenate(await asyncio.gather(*calls)), TEXTS[:20])
        assert asked(workers) == [0, 20]


async def test_vectors_of_another_encoder_are_not_used(tmp_path):
    workers = fakes(tmp_path, 2)
    workers[1].introduction["model"] = "another"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(workers[0].listening())
        addresses = [worker.address for worker in workers]
        models = await stack.enter_async_context(WorkerClient(WorkerOptions(), tmp_path, addresses=addresses))
        await models.ready()
        await stack.enter_async_context(workers[1].listening())
        await until(lambda: all(each.phase == "ready" for each in models.workers()))
        await asyncio.gather(*(models.embed([text]) for text in TEXTS[:20]))
        assert asked(workers) == [20, 0]
        await asyncio.gather(*(models.classify([text]) for text in TEXTS[:20]))
        assert all(asked(workers)[1:])


async def test_a_call_that_kills_workers_is_given_up_and_the_others_are_answered(tmp_path):
    workers = fakes(tmp_path, 2)

    def deadly(worker):
        answer = worker._answer

        async def fatal(writer, asks, body):
            if any("die" in ask["texts"] for ask in asks):
                writer.transport.abort()
                return
            await answer(writer, asks, body)

        worker._answer = fatal

    for worker in workers:
        deadly(worker)
    async with fleet(tmp_path, workers) as models:
        texts = [*TEXTS[:10], "die", *TEXTS[10:20]]
        outcomes = await asyncio.gather(*(models.embed([text]) for text in texts), return_exceptions=True)
        error = outcomes.pop(10)
        assert isinstance(error, WorkerUnavailable)
        assert "3 times" in str(error)
        check(np.concatenate(outcomes), TEXTS[:20])


async def test_all_away_is_said_with_every_reason(tmp_path):
    workers = fakes(tmp_path, 2)
    async with fleet(tmp_path, workers, breaker=Breaker(deaths=1, rest=60)) as models:
        for worker in workers:
            await worker.die()
        await until(lambda: models.state.phase is Phase.FAILED)
        with pytest.raises(WorkerUnavailable, match=r"0\.sock.*1\.sock"):
            await models.embed(["a"])


async def test_too_much_to_keep_is_said_at_once(tmp_path):
    workers = fakes(tmp_path, 2)
    async with fleet(tmp_path, workers, max_queue_items=10) as models:
        for worker in workers:
            worker.go.clear()
        waiting = [asyncio.create_task(models.embed([text] * 5)) for text in TEXTS[:4]]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await models.embed(["a"])
        for worker in workers:
            worker.go.set()
        await asyncio.gather(*waiting)


async def test_a_worker_that_hangs_is_left(tmp_path):
    workers = fakes(tmp_path, 2)
    async with fleet(tmp_path, workers, deadline_seconds=5, breaker=Breaker(deaths=1, rest=60)) as models:
        workers[0].go.clear()
        calls = [asyncio.create_task(models.embed([text])) for text in TEXTS[:20]]
        workers[0].health = {"stalled_seconds": 6.0}
        check(np.concatenate(await asyncio.gather(*calls)), TEXTS[:20])
        assert "hung on a batch for 6 seconds" in models.status()


async def test_random_deaths_lose_no_request(tmp_path):
    workers = fakes(tmp_path)
    chance = random.Random(7)
    for worker in workers:
        worker.pause = 0.003
    async with fleet(tmp_path, workers, deadline_seconds=30, breaker=Breaker(deaths=10**6)) as models:
        done = 0

        async def ask(number):
            nonlocal done
            await asyncio.sleep(chance.random() * 2)
            text = f"text {number}"
            if number % 3 == 0:
                check(await models.embed([text]), [text])
            elif number % 3 == 1:
                assert (await models.classify([text]))[0].label == "negative"
            else:
                said = [piece async for piece in models.generate([Turn(Speaker.PERSON, text)])]
                assert "".join(said) == f"{text} "
            done += 1

        async def kill():
            while done < 3000:
                await asyncio.sleep(chance.random() * 0.4)
                await chance.choice(workers).die()

        killing = asyncio.create_task(kill())
        outcomes = await asyncio.gather(*map(ask, range(3000)), return_exceptions=True)
        killing.cancel()
        failed = [each for each in outcomes if each is not None]
        assert all(isinstance(each, ModelError) and "3 times" in str(each) for each in failed), failed[:3]
        assert len(failed) < 30
        await until(lambda: models.unanswered == 0)


async def test_ten_thousand_cancellations_leave_nothing_behind(tmp_path):
    workers = fakes(tmp_path, 2)
    chance = random.Random(3)
    for worker in workers:
        worker.pause = 0.002
    earlier = remains()
    async with fleet(tmp_path, workers, max_queue_items=10**6) as models:

        async def ask(number):
            kind = number % 4
            if kind == 0:
                await models.embed([f"text {number}"], priority=Priority.BACKGROUND)
            elif kind == 1:
                await models.classify([f"text {number}"] * 100)
            elif kind == 2:
                await models.transcribe(b"RIFF" * 10)
            else:
                async with aclosing(models.generate([Turn(Speaker.PERSON, "a b c d")])) as pieces:
                    async for _ in pieces:
                        if chance.random() < 0.5:
                            break

        async def storm(count):
            for _ in range(count // 500):
                tasks = [asyncio.create_task(ask(number)) for number in range(500)]
                for task in tasks:
                    asyncio.get_running_loop().call_later(chance.random() * 0.02, task.cancel)
                await asyncio.wait(tasks)
            for worker in workers:
                worker.asked.clear()

        await storm(10_000)
        before = memory()
        await storm(10_000)
        await until(lambda: models.unanswered == 0)
        assert memory() - before < 16 * 2**20
        await until(lambda: remains() <= earlier)
        check(await models.embed(["a"]), ["a"])


def memory():
    """Most bytes this process had."""
    gc.collect()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def remains():
    """Calls and streams this process still holds, by identity: another test may have left some."""
    gc.collect()
    return {id(each) for each in gc.get_objects() if type(each) in (Call, Stream)}
