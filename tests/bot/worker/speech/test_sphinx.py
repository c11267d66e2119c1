"""The built-in recogniser, in its own process, on real speech where that is there."""

import asyncio
import os
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest

from bot.errors import BadModel
from bot.models import TRANSCRIPTION
from bot.worker.catalogue import SPHINX_PACKAGE, Entry, find_entry, make_engine
from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions
from bot.worker.speech import sphinx
from bot.worker.speech.audio import decode
from bot.worker.speech.opening import RATE

pytest.importorskip("pocketsphinx")
pytest.importorskip("av")

SPEECH = Path(__file__).parents[4] / "shared" / "data" / "speech" / "en_sentences.dev.tar.gz"
needs_speech = pytest.mark.skipif(not SPEECH.is_file(), reason=f"there is no speech at {SPEECH}")

SAID = {"in", "being", "comparatively", "modern"}


@pytest.fixture
def recogniser():
    made = make_engine(find_entry(TRANSCRIPTION, WorkerOptions()), 1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sentences():
    """The same sentence in three containers."""
    with tarfile.open(SPEECH) as archive:
        return [archive.extractfile(f"audio/LJ001-0002.{kind}").read() for kind in ("wav", "flac", "mp3")]


@needs_speech
def test_english_is_understood(recogniser, sentences):
    for sentence in sentences:
        heard = recogniser.hear(decode(sentence, minutes=1))
        assert heard.language == "en"
        assert len(SAID & set(heard.text.split())) >= 3, heard.text


@needs_speech
def test_what_was_said_before_does_not_matter(recogniser, sentences):
    samples = decode(sentences[0], minutes=1)
    first = recogniser.hear(samples)
    recogniser.hear(np.random.default_rng(0).normal(0, 0.2, RATE).astype(np.float32))
    assert recogniser.hear(samples) == first


@pytest.mark.parametrize("length", [0, 1, 100])
def test_next_to_nothing_does_no_harm(recogniser, length):
    """It may make up a word; silent windows are not given to it."""
    for _ in range(2):
        assert len(recogniser.hear(np.zeros(length, np.float32)).text.split()) <= 1


@needs_speech
def test_a_recogniser_that_died_is_made_anew(recogniser, sentences):
    samples = decode(sentences[0], minutes=1)
    first = recogniser.hear(samples)
    recogniser._process.kill()
    recogniser._process.wait()
    assert recogniser.hear(samples) == first


def test_a_window_it_dies_over_is_an_error(recogniser, monkeypatch):
    monkeypatch.setattr(recogniser._process, "poll", lambda: None)
    recogniser._process.kill()
    recogniser._process.wait()
    with pytest.raises(EOFError):
        recogniser.hear(np.zeros(RATE, np.float32))


def test_one_that_does_not_start_is_refused(monkeypatch):
    monkeypatch.setattr(sphinx, "python_command", lambda module: ["false"])
    entry = Entry(
        TRANSCRIPTION, SPHINX_PACKAGE, Path(), "", 0, "bot.worker.speech.sphinx:Sphinx", has_weights=False
    )
    with pytest.raises(BadModel, match="does not start"):
        make_engine(entry, 1)


@needs_speech
async def test_the_built_in_recogniser_behind_the_whole_way(fake_options, run_dir, sentences):
    async with WorkerClient(fake_options(listener=""), run_dir) as models:
        await models.ready()
        transcript = await models.transcribe(sentences[2])
        assert len(SAID & set(transcript.text.split())) >= 3
        assert transcript.seconds == pytest.approx(1.9, abs=0.1)


@needs_speech
async def test_its_process_ends_with_the_worker(fake_options, run_dir, sentences, is_running):
    async with WorkerClient(fake_options(listener=""), run_dir) as models:
        await models.transcribe(sentences[0])
        worker = models.process
        (listener,) = children_of(worker)
        os.kill(worker, signal.SIGKILL)
        async with asyncio.timeout(10):
            while is_running(listener):
                await asyncio.sleep(0.05)


def children_of(process):
    folder = Path(f"/proc/{process}/task")
    return [int(child) for task in folder.iterdir() for child in (task / "children").read_text().split()]
