"""`parley evaluate transcription`, in its own process, on a folder of one recording."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

for needed in ("av", "jiwer", "pocketsphinx"):
    pytest.importorskip(needed)

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()", "evaluate", "transcription", "--data"]
# Hearing needs no encoder, and none is loaded.
NO_ENCODER = {"PARLEY_MODELS__EMBEDDING__FOLDER": "/nowhere"}


def evaluate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PARLEY, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | NO_ENCODER | environment,
    )


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Two seconds of silence in which three words are said to be."""
    with wave.open(str(tmp_path / "silence.wav"), "wb") as written:
        written.setparams((1, 2, 16_000, 0, "NONE", ""))
        written.writeframes(bytes(64_000))
    row = {"file": "silence.wav", "text": "Nobody says this."}
    (tmp_path / "metadata.jsonl").write_text(f"{json.dumps(row)}\n")
    return str(tmp_path)


def test_figures_as_json(folder: str) -> None:
    ended = evaluate(folder, "--json")
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    assert set(figures) == {"wer", "n", "seconds", "audio_seconds", "real_time_factor"}
    assert (figures["wer"], figures["n"], figures["audio_seconds"]) == (1.0, 1, 2.0)


def test_a_recording_over_the_limit_of_the_settings_is_told(folder: str) -> None:
    long = Path(folder) / "silence.wav"
    with wave.open(str(long), "wb") as written:
        written.setparams((1, 2, 8_000, 0, "NONE", ""))
        written.writeframes(bytes(61 * 16_000))
    ended = evaluate(folder, PARLEY_WORKER__SPEECH_MINUTES="1")
    assert ended.returncode == 2
    assert "parley: The recording is over 1 min." in ended.stderr


def test_a_model_that_is_not_there_is_named(folder: str) -> None:
    ended = evaluate(folder, PARLEY_MODELS__TRANSCRIPTION__FOLDER="/no/such/model")
    assert ended.returncode == 1
    assert "Set folder in [models.transcription]" in ended.stderr
    assert "Traceback" not in ended.stderr
