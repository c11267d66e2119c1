import sys
import time

import numpy as np
import pytest

from bot.errors import BadInput, BadModel, TooLarge
from bot.worker.speech import audio
from bot.worker.speech.audio import FRAME, decode, is_silent, windows
from bot.worker.speech.opening import RATE

av = pytest.importorskip("av")


def child(code):
    """A stand-in for the process that opens recordings."""
    return lambda module, *arguments: [sys.executable, "-c", code, *arguments]


def test_a_recording_becomes_samples(wav):
    samples = decode(wav(0.5, seconds=2, rate=8_000), minutes=1)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(2 * RATE, abs=50)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.02)


def test_what_cannot_be_heard_is_the_senders_fault(wav):
    with pytest.raises(BadInput, match="no recording"):
        decode(b"a text", minutes=1)
    with pytest.raises(TooLarge, match="over 1 min"):
        decode(wav(0.5, seconds=61), minutes=1)


def test_a_missing_library_is_the_operators(monkeypatch, wav):
    code = "import sys; sys.modules['av'] = None\nimport bot.worker.speech.opening as d; sys.exit(d.main())"
    monkeypatch.setattr(audio, "python_command", child(code))
    with pytest.raises(BadModel, match=r"install parley\[speech\]"):
        decode(wav(0.5), minutes=1)


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.abort()",
        "import bot.worker.speech.opening as d; d.CPU_SECONDS = 1\ndef decode(*_):\n  while True: pass\n"
        "d.decode = decode; d.main()",
    ],
    ids=["crash", "time"],
)
def test_a_decoder_that_dies_over_a_file_harms_nobody(monkeypatch, wav, code):
    monkeypatch.setattr(audio, "python_command", child(code))
    with pytest.raises(BadInput, match="within the limits"):
        decode(wav(0.5), minutes=1)


def test_memory_is_limited(monkeypatch, wav):
    code = "from bot.worker.speech import opening as o; o.decode = lambda *_: bytes(2**30); exit(o.main())"
    monkeypatch.setattr(audio, "python_command", child(code))
    with pytest.raises(BadInput, match="too much memory"):
        decode(wav(0.5), minutes=1)


def test_a_decoder_that_waits_for_ever_is_ended(monkeypatch, wav):
    monkeypatch.setattr(audio, "python_command", child("import time; time.sleep(60)"))
    monkeypatch.setattr(audio, "WALL_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(BadInput, match="within the limits"):
        decode(wav(0.5), minutes=1)
    assert time.monotonic() - began < 10


def test_it_knows_no_secret_and_stands_in_an_empty_folder(monkeypatch, wav):
    monkeypatch.setenv("SLACK_TOKEN", "secret")
    code = "import os; os.write(1, b'\\x01\\x00' * (len(os.listdir()) + ('SLACK_TOKEN' in os.environ) + 1))"
    monkeypatch.setattr(audio, "python_command", child(code))
    assert len(decode(wav(0.5), minutes=1)) == 1


def test_windows_hold_every_sample_and_end_in_quiet():
    loud, quiet = np.full(9 * RATE, 0.5, np.float32), np.zeros(RATE, np.float32)
    samples = np.concatenate([loud, quiet] * 3)
    cut = list(windows(samples, 12.0))
    assert np.array_equal(np.concatenate(cut), samples)
    assert len(cut) == 3
    for each in cut[:-1]:
        assert len(each) <= 12 * RATE
        assert not each[-FRAME // 4 :].any(), "it is cut where nothing is said"


@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME + 1, 12 * RATE])
def test_a_short_recording_is_one_window(length):
    (only,) = windows(np.ones(length, np.float32), 12.0)
    assert len(only) == length


def test_silence_is_known():
    assert is_silent(np.zeros(0, np.float32))
    assert is_silent(np.full(RATE, 5e-4, np.float32))
    word = np.zeros(20 * RATE, np.float32)
    word[RATE : RATE + FRAME] = 0.01
    assert not is_silent(word)
