"""Recordings through the whole worker, beside texts."""

import asyncio
import os
import signal
import time

import numpy as np
import pytest

from bot.errors import (
    BadInput,
    BadModel,
    DeadlineExceeded,
    Overloaded,
    TooLarge,
    Uncomputable,
    WorkerUnavailable,
)
from bot.models import Transcript
from bot.worker import catalogue
from bot.worker.client.models import Phase, WorkerClient
from bot.worker.client.process import Breaker
from bot.worker.options import ModelChoice, WorkerOptions

pytest.importorskip("av")

LONG = 12


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def listening(models):
    return models.health.get("roles", {}).get("transcription", {}).get("stalled_seconds", 0) > 0


@pytest.fixture
async def models(fake_options, run_dir):
    async with WorkerClient(fake_options(), run_dir) as client:
        await client.ready()
        yield client


async def test_a_recording_asked_before_the_start_is_answered(fake_options, run_dir, wav):
    async with WorkerClient(fake_options(), run_dir) as models:
        assert await models.transcribe(wav(0.3, seconds=0.5)) == Transcript("3", "en", 0.5)
    with pytest.raises(WorkerUnavailable, match="stopped"):
        await models.transcribe(wav(0.3))


async def test_many_callers_get_their_own_words(models, wav):
    levels = [0.1, 0.2, 0.3, 0.4]
    transcripts = await asyncio.gather(*(models.transcribe(wav(level, seconds=0.2)) for level in levels))
    assert [each.text for each in transcripts] == ["1", "2", "3", "4"]


async def test_a_wrong_file_is_the_senders_fault(models, wav):
    for content, words in ((b"", "empty"), (b"a text", "no recording")):
        with pytest.raises(BadInput, match=words):
            await models.transcribe(content)
    assert (await models.transcribe(wav(0.2))).text == "2"


async def test_limits_are_the_operators(fake_options, run_dir, wav):
    async with WorkerClient(fake_options(speech_minutes=1, speech_mb=2), run_dir) as models:
        with pytest.raises(TooLarge, match="over 2 MiB"):
            await models.transcribe(bytes(2 * 2**20 + 1))
        with pytest.raises(TooLarge, match="over 1 min"):
            await models.transcribe(wav(0.1, seconds=61))


@pytest.mark.parametrize(("level", "words"), [(0.8, "ValueError"), (0.7, "memory")])
async def test_a_recording_that_fails_does_so_alone(models, wav, level, words):
    with pytest.raises(Uncomputable, match=words):
        await models.transcribe(wav(level))
    assert (await models.transcribe(wav(0.2))).text == "2"


async def test_embedding_goes_on_beside_a_recording(models, wav, fakes):
    spoken = asyncio.create_task(models.transcribe(wav(*[0.5] * LONG)))
    await until(lambda: listening(models))
    began = time.monotonic()
    for number in range(50):
        rows = await models.embed([f"text {number}"])
        assert np.array_equal(rows[0], fakes.expected(f"text {number}"))
    assert time.monotonic() - began < 2
    assert not spoken.done()
    assert set((await spoken).text.split()) == {"5"}


async def test_a_deadline_ends_it(models, wav):
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="1 seconds"):
        await models.transcribe(wav(*[0.5] * LONG), deadline=1)
    assert time.monotonic() - began < 2
    assert (await models.transcribe(wav(0.2), deadline=10)).text == "2"


async def test_a_cancelled_recording_makes_room(models, wav):
    spoken = asyncio.create_task(models.transcribe(wav(*[0.5] * 60)))
    await until(lambda: listening(models))
    spoken.cancel()
    await asyncio.wait([spoken])
    began = time.monotonic()
    assert (await models.transcribe(wav(0.2))).text == "2"
    assert time.monotonic() - began < 5


async def test_a_worker_killed_meanwhile_is_replaced_and_the_recording_heard(models, wav):
    spoken = asyncio.create_task(models.transcribe(wav(*[0.5] * 6)))
    await until(lambda: listening(models))
    killed = models.process
    os.kill(killed, signal.SIGKILL)
    assert set((await spoken).text.split()) == {"5"}
    assert models.process != killed


async def test_a_recording_that_kills_workers_is_given_up_alone(models, wav, fakes):
    texts = [f"text {number}" for number in range(5)]
    asked = [
        models.transcribe(wav(0.9)),
        models.transcribe(wav(0.2)),
        *(models.embed([each]) for each in texts),
    ]
    deadly, harmless, *rows = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(deadly, WorkerUnavailable)
    assert "3 times on this recording" in str(deadly)
    assert harmless.text == "2"
    assert np.array_equal(np.concatenate(rows), [fakes.expected(each) for each in texts])


async def test_a_hung_window_is_ended(fake_options, run_dir, wav, fakes):
    options = fake_options(start_timeout_seconds=3)
    async with WorkerClient(options, run_dir) as models:
        await models.ready()
        spoken = asyncio.create_task(models.transcribe(wav(0.6)))
        await until(lambda: models.state.phase is Phase.RESTARTING, 20)
        assert "hung on a recording" in models.state.reason
        assert np.array_equal((await models.embed(["a"]))[0], fakes.expected("a"))
        spoken.cancel()
        await asyncio.wait([spoken])


async def test_too_much_to_keep_is_said_at_once(fake_options, run_dir, wav):
    async with WorkerClient(fake_options(max_queue_mb=1), run_dir) as models:
        await models.ready()
        spoken = asyncio.create_task(models.transcribe(wav(*[0.5] * 20)))
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            await models.transcribe(wav(*[0.1] * 20))
        spoken.cancel()
        await asyncio.wait([spoken])


async def test_recordings_are_heard_although_the_encoder_cannot_be_loaded(fake_options, run_dir, wav):
    async with WorkerClient(fake_options("Needy"), run_dir) as models:
        assert (await models.transcribe(wav(0.2))).text == "2"
        assert models.state.phase is Phase.FAILED
        with pytest.raises(WorkerUnavailable, match="parley\\[models\\]"):
            await models.embed(["a"])
        os.kill(models.process, signal.SIGKILL)
        assert (await models.transcribe(wav(0.3))).text == "3"


async def test_a_recogniser_that_cannot_be_made_leaves_the_encoder(fake_options, run_dir, wav, fakes):
    async with WorkerClient(fake_options(listener="Deaf"), run_dir) as models:
        with pytest.raises(BadModel, match="torch"):
            await models.transcribe(wav(0.2))
        assert np.array_equal((await models.embed(["a"]))[0], fakes.expected("a"))


async def test_without_any_recogniser_the_role_is_not_served(
    fake_options, run_dir, wav, monkeypatch, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(
        "from bot.worker import catalogue\ncatalogue.SPHINX_PACKAGE = 'no_such_package'\n"
    )
    monkeypatch.setattr(catalogue, "SPHINX_PACKAGE", "no_such_package")
    options = fake_options(listener="")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    async with WorkerClient(options, run_dir) as models:
        assert "transcription" not in models.roles()
        with pytest.raises(BadModel, match=r"\[models\.transcription\]"):
            await models.transcribe(wav(0.2))


async def test_a_worker_that_never_lives_fails_recordings_too(fake_options, run_dir, wav):
    breaker = Breaker(deaths=2, rest=60)
    async with WorkerClient(fake_options("Stillborn"), run_dir, breaker=breaker) as models:
        with pytest.raises(WorkerUnavailable, match="died 2 times"):
            await models.transcribe(wav(0.2))


def test_the_options_name_what_can_be_heard(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "SPHINX_PACKAGE", "no_such_package")
    assert "transcription" not in catalogue.served_roles(WorkerOptions())
    assert "transcription" in catalogue.served_roles(WorkerOptions({"transcription": ModelChoice(tmp_path)}))
