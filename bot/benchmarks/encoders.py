"""How fast encoders compute: torch beside onnxruntime in both precisions, and whether they agree."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from bot.benchmarks.core import WORDS
from bot.models import EMBEDDING, Task
from bot.worker.catalogue import Entry, find_entry
from bot.worker.encoders.agreement import agree, compare, probes
from bot.worker.encoders.exporting import export_apart
from bot.worker.encoders.network import Network
from bot.worker.encoders.onnx_network import EXACT, QUICK, OnnxNetwork
from bot.worker.encoders.torch_network import TorchNetwork
from bot.worker.encoders.windows import Window
from bot.worker.options import WorkerOptions

SEED = 7
TEXTS = 160
ALONE = 60
ROUNDS = 3
MOST_WORDS = 300
LABELS = {"0": "negative", "1": "neutral", "2": "positive"}


def measure_encoders(
    task: Task = Task.EMBEDDING, *, threads: int = 1, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Messages per CPU-second of each engine on the built-in encoder, with lengths as in a chat.

    `alone` computes them one by one, as at low load; `together` in batches of like lengths, as at full
    load. `int8_gain` are 8 bits over torch; `chosen` is what the worker would take on this machine. A
    classifier has a random head on the same encoder. Raises BadModel when a package is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        entry = find_entry(EMBEDDING, WorkerOptions())
        if task is Task.CLASSIFICATION:
            entry = with_random_head(entry, Path(folder) / "classifier")
        progress("making the graphs")
        graphs = Path(folder) / "graphs"
        export_apart(entry.folder, task, graphs)
        networks: dict[str, Network] = {
            "torch": TorchNetwork(entry, task, threads),
            EXACT: OnnxNetwork(graphs, task, threads, EXACT),
            QUICK: OnnxNetwork(graphs, task, threads, QUICK),
        }
        progress("measuring")
        return {"texts": TEXTS, "threads": threads, **rates(networks), **agreements(task, networks)}


def rates(networks: dict[str, Network]) -> dict[str, Any]:
    """The best of some rounds; engines take turns, so that a busy moment of the machine spoils no one."""
    windows = [window for (window, *_) in networks["torch"].tokens.texts(chat_texts())]
    alone = dict.fromkeys(networks, 0.0)
    together = dict.fromkeys(networks, 0.0)
    for _ in range(ROUNDS):
        for name, network in networks.items():
            alone[name] = max(alone[name], rate([[window] for window in windows[:ALONE]], network))
            together[name] = max(together[name], rate([windows], network))
    found = {"alone_per_cpu_s": alone, "together_per_cpu_s": together}
    gains = {kind: round(speeds[QUICK] / speeds["torch"], 3) for kind, speeds in found.items()}
    rounded = {
        kind: {name: round(speed, 1) for name, speed in speeds.items()} for kind, speeds in found.items()
    }
    return {**rounded, "int8_gain": {kind.removesuffix("_per_cpu_s"): gain for kind, gain in gains.items()}}


def rate(batches: Sequence[Sequence[Window]], network: Network) -> float:
    """Windows per second of CPU time."""
    began = time.process_time()
    for batch in batches:
        network.run(batch)
    return sum(map(len, batches)) / (time.process_time() - began)


def agreements(task: Task, networks: dict[str, Network]) -> dict[str, Any]:
    """How far the graphs agree with torch on the probes, and what the worker would take."""
    windows = [window for each in probes(task, networks["torch"]) for window in each]
    expected = networks["torch"].run(windows)
    verdict = compare(task, networks[EXACT], networks[QUICK])
    return {
        "agreement": {
            name: round(agree(task, expected, networks[name].run(windows)), 5) for name in (EXACT, QUICK)
        },
        "chosen": QUICK if verdict.is_good else EXACT,
    }


def chat_texts() -> list[str]:
    """Texts as long as messages are: lognormal, 10 words in the middle, 300 at most."""
    rng = random.Random(SEED)  # noqa: S311 - the same texts every time
    lengths = [max(1, min(MOST_WORDS, round(rng.lognormvariate(np.log(10), 1.0)))) for _ in range(TEXTS)]
    return [" ".join(rng.choices(WORDS, k=length)) for length in lengths]


def with_random_head(entry: Entry, folder: Path) -> Entry:
    """A classifier with the encoder of `entry` and a seeded random head, written to `folder`."""
    folder.mkdir()
    for path in entry.folder.glob("*token*"):
        shutil.copy(path, folder)
    config = json.loads((entry.folder / "config.json").read_text(encoding="utf-8"))
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "id2label": LABELS,
        "label2id": {name: int(number) for number, name in LABELS.items()},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {
        f"bert.{name}": tensor for name, tensor in load_file(entry.folder / "model.safetensors").items()
    }
    random_head = np.random.default_rng(SEED).standard_normal((len(LABELS), config["hidden_size"]))
    weights["classifier.weight"] = random_head.astype(np.float32)
    weights["classifier.bias"] = np.zeros(len(LABELS), dtype=np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return Entry(entry.role, "classifier", folder, "", 0, "")
