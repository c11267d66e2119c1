import importlib.util
import io
import os
import wave
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from bot.worker.options import ModelChoice, WorkerOptions

HERE = Path(__file__).parent


def load_fake_engines(name="fake_engines"):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fakes():
    """The module of fake engines."""
    return load_fake_engines()


@pytest.fixture
def bench(monkeypatch):
    """Roles with fake engines, stepped by hand: `bench("embedding", "chat").load()`."""
    monkeypatch.syspath_prepend(HERE)
    return load_fake_engines("bench").Bench


@pytest.fixture
def fake_options(tmp_path, monkeypatch):
    """Make options whose worker runs fake engines: `fake_options("Words", deadline_seconds=5)`."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").touch()
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(HERE)

    def make(engine="Words", listener="Listener", chosen=MappingProxyType({}), **fields):
        models = {
            "embedding": ModelChoice(folder, engine=f"fake_engines:{engine}"),
            "transcription": ModelChoice(engine=f"fake_engines:{listener}" if listener else "auto"),
        }
        return WorkerOptions(models=models | chosen, **fields)

    return make


@pytest.fixture(autouse=True)
def no_orphans():
    """Fail a test that leaves a process behind."""
    before = children()
    yield
    assert children() <= before


def children():
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        return set()
    found = set()
    for task in tasks.iterdir():
        try:
            found |= set((task / "children").read_text().split())
        except OSError:
            continue
    return found


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"


def is_running(process):
    """Whether the process runs; one that ended and is not collected yet does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture(name="is_running", scope="session")
def is_running_fixture():
    return is_running


def wav(*levels, seconds=1.0, rate=16_000):
    """A WAV file: a tone of each loudness in turn, from 0 to 1, for so many seconds each."""
    moments = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * moments)
    samples = np.concatenate([level * tone for level in levels])
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


@pytest.fixture(name="wav", scope="session")
def wav_fixture():
    return wav
