"""Workers of our own with every role, in processes of their own: what they answer, and what harms them."""

import asyncio
import os
import random
import signal
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from bot.errors import BadInput, ModelError, Uncomputable
from bot.models import Speaker, Turn
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.options import ModelChoice

ENGINES = {
    "sentiment": "Moods",
    "reader": "Finder",
    "reranking": "Nearest",
    "summary": "Writers",
    "translation": "Writers",
    "chat": "Speaker",
}
TWO = ("cpu", "cpu")
# Fewer than a breaker opens at.
DEATHS = 4


@pytest.fixture
def all_roles(fake_options, tmp_path):
    """Options with a fake engine for every role."""

    def make(**fields):
        folder = tmp_path / "model"
        chosen = {role: ModelChoice(folder, engine=f"fake_engines:{name}") for role, name in ENGINES.items()}
        return fake_options(chosen=chosen, **fields)

    return make


def said(text):
    return [Turn(Speaker.PERSON, text)]


def spoken(text):
    """What the fake decoder says to one turn."""
    return "".join(f"{sum(word.encode())} " for word in text.split()) + "1 "


async def whole(pieces):
    return "".join([piece async for piece in pieces])


@pytest.mark.parametrize("devices", [(), TWO])
async def test_other_models_are_served_and_nothing_asked_is_lost(all_roles, run_dir, tmp_path, devices):
    options = all_roles()
    first = {role: choice for role, choice in options.models.items() if role != "sentiment"}
    async with WorkerClient(all_roles(), run_dir, devices=devices) as models:
        await models.renew(first)
        await models.embed(["a"])
        assert models.origin("sentiment") == "built-in"
        before = set(models.processes)
        asked = [asyncio.create_task(models.embed([f"slow {number}"])) for number in range(20)]
        await asyncio.sleep(0.2)
        await models.renew(options.models)
        assert all(len(rows) == 1 for rows in await asyncio.gather(*asked))
        assert not before & set(models.processes)
        assert models.origin("sentiment") == "model"
        assert (await models.classify(["good"]))[0].label in ("good", "bad")
        assert models.models == options.models
        again = set(models.processes)
        await models.renew(dict(options.models))
        assert set(models.processes) == again


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_every_role_is_answered(all_roles, run_dir, fakes, wav):
    async with WorkerClient(all_roles(), run_dir) as models:
        assert models.roles() >= {"embedding", "transcription", *ENGINES}
        assert models.origin("chat") == "model"
        texts = [f"word {number} in a text" for number in range(200)]
        rows = await models.embed(texts)
        assert np.array_equal(rows, [fakes.expected(text) for text in texts])
        labels = await models.classify(["one", "one two three"], explain=True)
        assert [each.of("good") for each in labels] == [0.5, 0.25]
        assert labels[0].words[0].score == 0.5
        spans = await models.extract("37 ?", texts)
        assert spans[37].text == "37"
        assert (spans[37].start, spans[0].text) == (5, "")
        assert await models.rerank("a text", ["a", "b", "text a"]) == [0.5, 0.0, 1.0]
        assert await models.summarize(["abc def"], most_words=7) == ["<7> cba fed"]
        assert await models.translate(["abc"], target="de") == ["<de> cba"]
        with pytest.raises(BadInput, match="Klingon"):
            await models.translate(["abc"], target="tlh")
        assert await whole(models.generate(said("one two three"))) == spoken("one two three")
        assert (await models.transcribe(wav(0.3, seconds=0.5))).text == "3"


async def test_each_worker_reports_what_it_did(all_roles, run_dir):
    async with WorkerClient(all_roles(), run_dir, devices=TWO) as models:
        await until(lambda: models.state.reason.startswith("2 of 2"))
        await models.classify([f"text {number}" for number in range(1000)])
        with pytest.raises(Uncomputable):
            await models.classify(["poison"])

        def told():
            reports = [each for worker in models.workers() for each in worker.roles]
            return [each for each in reports if each.role == "sentiment"]

        await until(
            lambda: sum(each.served for each in told()) >= 1000 and sum(each.failed for each in told())
        )
        first, second = told()
        assert first.served
        assert second.served
        assert first.state == second.state == "loaded"
        assert first.origin == "model"
        assert sum(each.waits[-1][1] for each in told()) >= 1000
        assert first.tokens
        assert [worker.place for worker in models.workers()] == ["cpu 1", "cpu 2"]


async def test_workers_killed_at_random_lose_no_request(all_roles, run_dir, fakes, caplog):
    chance = random.Random(11)
    options = all_roles(deadline_seconds=60)
    async with WorkerClient(options, run_dir, devices=TWO) as models:
        await models.ready()

        async def ask(number):
            await asyncio.sleep(chance.random() * 10)
            text = f"text {number} slow" if number % 50 == 0 else f"text {number}"
            if number % 3 == 0:
                assert np.array_equal((await models.embed([text]))[0], fakes.expected(text))
            elif number % 3 == 1:
                assert (await models.classify([text]))[0].label == "bad"
            else:
                assert await whole(models.generate(said(text))) == spoken(text)

        async def kill():
            for _ in range(DEATHS):
                await asyncio.sleep(1 + chance.random())
                await until(lambda: models.processes)
                os.kill(chance.choice(models.processes), signal.SIGKILL)

        *outcomes, _ = await asyncio.gather(*map(ask, range(1500)), kill(), return_exceptions=True)
        failed = [each for each in outcomes if each is not None]
        assert all(isinstance(each, ModelError) and "3 times" in str(each) for each in failed), failed[:3]
        assert len(failed) < 5
        assert "killed by signal 9" in caplog.text
        assert models.unanswered == 0


async def test_ten_thousand_cancellations_leave_nothing_in_the_worker(all_roles, run_dir, fakes):
    chance = random.Random(5)
    async with WorkerClient(all_roles(), run_dir) as models:
        await models.ready()

        async def ask(number):
            kind = number % 3
            if kind == 0:
                await models.embed([f"text {number}"] * 10)
            elif kind == 1:
                await models.classify([f"text {number}"])
            else:
                async with aclosing(models.generate(said("a b c d e f"))) as pieces:
                    async for _ in pieces:
                        if chance.random() < 0.3:
                            break

        async def storm(count):
            for _ in range(count // 500):
                tasks = [asyncio.create_task(ask(number)) for number in range(500)]
                for task in tasks:
                    asyncio.get_running_loop().call_later(chance.random() * 0.2, task.cancel)
                await asyncio.wait(tasks)

        await storm(2_000)
        before = resident(models.process)
        await storm(10_000)
        assert models.unanswered == 0
        await until(lambda: idle(models))
        assert np.array_equal((await models.embed(["a"]))[0], fakes.expected("a"))
        assert resident(models.process) - before < 16 * 2**20


async def test_a_hung_worker_is_replaced_and_the_other_goes_on(all_roles, run_dir, fakes):
    options = all_roles(silence_seconds=1.5)
    async with WorkerClient(options, run_dir, devices=TWO) as models:
        await until(lambda: len(models.processes) == 2 and models.state.reason.startswith("2 of 2"))
        stopped = models.processes[0]
        os.kill(stopped, signal.SIGSTOP)
        texts = [f"text {number}" for number in range(50)]
        rows = await asyncio.gather(*(models.embed([text]) for text in texts))
        assert np.array_equal(np.concatenate(rows), [fakes.expected(text) for text in texts])
        await until(lambda: stopped not in models.processes and models.state.phase is Phase.READY)


def idle(models):
    """Whether the worker says that nothing waits in it."""
    return models.workers()[0].roles and not any(
        sum(each.queued.values()) + each.queued_tokens for each in models.workers()[0].roles
    )


def resident(process):
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
