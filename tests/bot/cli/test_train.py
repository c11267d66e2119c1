"""`parley train` and `parley evaluate translation`, each in a process, on small networks."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sacrebleu")

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
WORDS = {"red": "rot", "small": "klein", "cat": "Katze", "dog": "Hund"}
PLAN = """
learning_rate = 0.005
warmup = 10
batch_tokens = 300
average = 0.9
save_seconds = 3600.0
[network]
vocabulary = 330
width = 32
inner = 64
heads = 2
encoder_layers = 1
sampled = 0
validated = 4
examined = 4
"""


def parley(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PARLEY, *arguments], capture_output=True, text=True, timeout=200, check=False, env=ENVIRONMENT
    )


def complaint(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("parley: ")]
    return line


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    chance = random.Random(1)
    file = tmp_path / "rows.jsonl"
    with file.open("w") as written:
        for _ in range(120):
            said = [chance.choice(list(WORDS)) for _ in range(3)]
            row = {"src": " ".join(said), "tgt": " ".join(WORDS[word] for word in said)}
            written.write(json.dumps(row | {"src_lang": "en", "tgt_lang": "de", "source": "made up"}) + "\n")
    return file


@pytest.fixture
def command(tmp_path: Path, rows: Path) -> list[str]:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    named = {"--data": rows, "--dev": rows, "--out": tmp_path / "out", "--plan": plan}
    options = [str(each) for pair in named.items() for each in pair]
    return ["train", "translation", "--arch", "gru", *options]


@pytest.mark.timeout(600)
def test_a_run_is_made_measured_and_described(tmp_path: Path, command: list[str], rows: Path) -> None:
    ended = parley(*command, "--epochs", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    assert {"bleu", "en-de", "de-en", "loss", "steps", "out"} <= set(figures)
    assert "epoch" in ended.stderr
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"parley {' '.join(command)} --epochs 2 --json" in card
    assert "made up" in card
    measured = parley(
        "evaluate",
        "translation",
        "--data",
        str(rows),
        "--model",
        str(tmp_path / "out"),
        "--limit",
        "5",
        "--json",
    )
    assert measured.returncode == 0, measured.stderr
    scores = json.loads(measured.stdout)
    assert {"bleu", "chrf", "signature", "n", "seconds", "directions"} == set(scores)
    assert (scores["n"], scores["directions"]["en-de"]["n"]) == (5, 5)


@pytest.mark.timeout(600)
def test_an_interrupted_run_goes_on(tmp_path: Path, command: list[str]) -> None:
    running = subprocess.Popen(
        [*PARLEY, *command, "--epochs", "500"], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert running.stderr is not None
    said = ""
    while not said.startswith("step "):
        said = running.stderr.readline()
        assert running.poll() is None, said
    running.send_signal(signal.SIGINT)
    rest = running.stderr.read()
    running.stderr.close()
    assert running.wait(60) == 130, rest
    assert "The same command goes on." in rest
    assert "Traceback" not in rest
    again = parley(*command, "--epochs", "1")
    assert again.returncode == 0, again.stderr
    assert "Going on after" in again.stderr
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_malformed_rows_and_unknown_tasks_are_said_in_one_line(command: list[str], rows: Path) -> None:
    assert "no task 'poetry'" in complaint(parley("train", "poetry", *command[2:]))
    with rows.open("a") as written:
        written.write('{"src": "cat"}\n')
    assert "rows.jsonl, line 121" in complaint(parley(*command))


def test_texts_from_slack_are_refused(command: list[str], rows: Path) -> None:
    rows.write_text(rows.read_text().replace("made up", "Slack export"))
    assert "Discord and Slack" in complaint(parley(*command))


def test_weights_for_others_need_a_licence(command: list[str]) -> None:
    assert "not stated" in complaint(parley(*command, "--shared"))


def test_a_folder_without_a_model_is_said(rows: Path) -> None:
    ended = parley("evaluate", "translation", "--data", str(rows), "--model", "/nowhere")
    assert "/nowhere" in ended.stderr
    assert ended.returncode in {1, 2}
    assert "Traceback" not in ended.stderr
