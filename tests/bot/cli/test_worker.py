"""`parley worker`, as operators start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()", "worker"]
KEY = "a key with more than sixteen characters"


def refused(*arguments: str, **environment: str) -> str:
    """What a command says that must not start."""
    ended = subprocess.run(
        [*PARLEY, *arguments], capture_output=True, timeout=60, text=True, env=os.environ | environment
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    return file


def test_it_does_not_listen_to_strangers(tmp_path: Path, key_file: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    assert "wants a key" in refused("--listen", "tcp:0.0.0.0:0", *data)
    short = refused("--listen", "tcp:0.0.0.0:0", *data, PARLEY_WORKER__KEY="short")
    assert "at least 16 characters" in short
    key_file.chmod(0o644)
    assert "chmod 600" in refused("--listen", "tcp:0.0.0.0:0", "--key-file", str(key_file), *data)
    assert KEY not in refused("--listen", "nonsense", *data, PARLEY_WORKER__KEY=KEY)


def test_several_devices_want_a_choice(tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text('[worker]\ndevices = ["cuda:0", "cuda:1"]\n')
    said = refused("--config", str(config), "--data-dir", str(tmp_path / "data"))
    assert "with --device" in said
    assert "auto, cpu or cuda:N" in refused("--device", "abacus", "--data-dir", str(tmp_path / "data"))


async def test_a_bot_elsewhere_is_served_until_it_is_stopped(tmp_path: Path, key_file: Path) -> None:
    pytest.importorskip("torch")
    arguments = [
        "--listen",
        "tcp:127.0.0.1:0",
        "--key-file",
        str(key_file),
        "--data-dir",
        str(tmp_path / "data"),
    ]
    process = subprocess.Popen(  # noqa: ASYNC220 - its lines are read one by one
        [*PARLEY, *arguments], stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert process.stderr is not None
    try:
        listening = process.stderr.readline()
        place = listening.split("listening on ")[1].split(",")[0]
        async with WorkerClient(WorkerOptions(), tmp_path, addresses=[place], key=KEY) as models:
            rows = await models.embed(["hello", "hello"], deadline=60)
            assert rows.shape[0] == 2
            assert np.allclose(rows[0], rows[1], atol=1e-5)
            assert models.origin("embedding") == "built-in"
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        assert process.wait(20) == 0
        assert "ready; it serves embedding (built-in)" in rest
        assert "stopped." in rest
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
