"""onnxruntime: the same answers as torch, graphs made once, 8 bits only where they agree and are quicker."""

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from bot.errors import BadModel
from bot.models import Task
from bot.worker.encoders import exporting, open_classification, open_embedding, open_extraction, ready
from bot.worker.encoders.agreement import Verdict, agree, compare, probes
from bot.worker.encoders.ready import choose, key_of, open_ready

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

# Three graphs are made, each of which takes some ten seconds of a free processor.
pytestmark = pytest.mark.timeout(600)

TEXTS = ["the cat sat", "very good !", "bad", "", "the dog was terrible and the cat was great " * 12]
GOOD, BAD = Verdict(1.0, 2.0, is_good=True), Verdict(0.9, 2.0, is_good=False)


@pytest.fixture(scope="module")
def caches(tmp_path_factory, classifier_folder, reader_folder, base):
    """The graphs of three checkpoints; one is made in a process of its own, as the worker does."""
    cache = tmp_path_factory.mktemp("cache")
    place = cache / key_of(classifier_folder, Task.CLASSIFICATION)
    exporting.export_apart(classifier_folder, Task.CLASSIFICATION, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for folder, task in ((reader_folder, Task.EXTRACTION), (base, Task.EMBEDDING)):
            exporting.export(folder, task, cache / key_of(folder, task))
    return cache


@pytest.fixture
def graph_entry(caches, entry_of, tmp_path):
    """An entry that onnxruntime computes, with a copy of the cache."""
    copy = shutil.copytree(caches, tmp_path / "cache")
    return lambda folder, **fields: entry_of(folder, **{"runtime": "onnx", "cache": copy} | fields)


def verdict_is(verdict, monkeypatch):
    monkeypatch.setattr(ready, "compare", lambda *_: verdict)


def test_graphs_say_the_same_as_torch(
    classifier_folder, reader_folder, base, entry_of, graph_entry, monkeypatch
):
    verdict_is(BAD, monkeypatch)
    exact, graph = (open_classification(make(classifier_folder), 1) for make in (entry_of, graph_entry))
    assert graph.device == "onnxruntime float32, cpu, 1 threads"
    assert graph.tokenize(TEXTS) == exact.tokenize(TEXTS)
    for ours, theirs in zip(
        graph.compute(graph.tokenize(TEXTS)), exact.compute(exact.tokenize(TEXTS)), strict=True
    ):
        assert dict(ours.labels) == pytest.approx(dict(theirs.labels), abs=1e-4)

    exact, graph = (open_extraction(make(reader_folder), 1) for make in (entry_of, graph_entry))
    pairs = [("who sat ?", text) for text in TEXTS]
    assert np.allclose(graph.compute(graph.tokenize(pairs)), exact.compute(exact.tokenize(pairs)), atol=1e-4)

    exact, graph = (open_embedding(make(base), 1) for make in (entry_of, graph_entry))
    assert graph.dimensions == exact.dimensions
    vectors = graph.compute(graph.tokenize(TEXTS))
    assert vectors.dtype == np.float32
    assert np.abs(vectors - exact.compute(exact.tokenize(TEXTS))).max() < 1e-4


def test_eight_bits_are_near(base, graph_entry, entry_of, monkeypatch):
    verdict_is(GOOD, monkeypatch)
    quick, exact = open_embedding(graph_entry(base), 1), open_embedding(entry_of(base), 1)
    assert "int8" in quick.device
    cosines = (quick.compute(quick.tokenize(TEXTS)) * exact.compute(exact.tokenize(TEXTS))).sum(1)
    assert 0.9 < cosines.min() < 0.999999


def test_a_verdict_is_kept_and_decides(classifier_folder, graph_entry, monkeypatch):
    entry = graph_entry(classifier_folder)
    verdict_is(GOOD, monkeypatch)
    assert "int8" in open_classification(entry, 1).device
    verdict_is(BAD, monkeypatch)
    assert "int8" in open_classification(entry, 1).device
    kept = entry.cache / key_of(classifier_folder, Task.CLASSIFICATION) / "check.json"
    assert json.loads(kept.read_text()) == {"agreement": 1.0, "speedup": 2.0, "is_good": True}
    kept.write_text("{")
    assert "float32" in open_classification(entry, 1).device


def test_graphs_beside_the_weights_need_no_cache(classifier_folder, caches, entry_of, monkeypatch, tmp_path):
    made = caches / key_of(classifier_folder, Task.CLASSIFICATION)
    folder = shutil.copytree(classifier_folder, tmp_path / "published")
    shutil.copy(made / "model.onnx", folder)
    assert "float32" in open_classification(entry_of(folder, runtime="auto"), 1).device
    shutil.copy(made / "model.int8.onnx", folder)
    verdict_is(GOOD, monkeypatch)
    engine = open_classification(entry_of(folder, runtime="auto"), 1)
    assert "int8" in engine.device
    assert engine.labels == ("negative", "neutral", "positive")
    assert engine.memory == (folder / "model.int8.onnx").stat().st_size
    assert engine.memory < (folder / "model.onnx").stat().st_size


def test_a_real_check_compares_both_on_the_probes(classifier_folder, graph_entry, monkeypatch):
    entry = graph_entry(classifier_folder)
    verdict_is(BAD, monkeypatch)
    exact = open_ready(entry, Task.CLASSIFICATION, 1)
    assert compare(Task.CLASSIFICATION, exact, exact).agreement == 1.0
    windows = [window for each in probes(Task.CLASSIFICATION, exact) for window in each]
    assert len(windows) >= 200
    monkeypatch.undo()
    place = entry.cache / key_of(classifier_folder, Task.CLASSIFICATION)
    (place / "check.json").unlink()
    precision = choose(entry, Task.CLASSIFICATION, 1, place, place)
    verdict = json.loads((place / "check.json").read_text())
    assert 0.5 < verdict["agreement"] <= 1
    assert (precision == "int8") is verdict["is_good"]
    assert verdict["is_good"] is (verdict["agreement"] >= 0.995 and verdict["speedup"] >= 1.05)


@pytest.mark.parametrize(
    ("task", "exact", "quick", "expected"),
    [
        (Task.CLASSIFICATION, [[1, 2, 3], [3, 2, 1]], [[1, 2, 4], [1, 2, 0]], 0.5),
        (Task.CLASSIFICATION, [[1, 2]], [[np.nan, 2]], 0.0),
        (Task.EMBEDDING, [[1, 0], [0, 1]], [[1, 0], [0.6, 0.8]], 0.9),
        (Task.RERANKING, [[0.0], [4.0]], [[0.1], [0.0]], 0.5),
        (Task.EXTRACTION, [[[0, 1], [0, 1]], [[0, 1], [1, 0]]], [[[0, 2], [0, 3]], [[1, 0], [1, 0]]], 0.5),
    ],
)
def test_agreement(task, exact, quick, expected):
    rows = [[np.array(each, dtype=np.float32) for each in rows] for rows in (exact, quick)]
    assert agree(task, *rows) == pytest.approx(expected)


def test_words_are_explained_by_leaving_them_out(classifier_folder, graph_entry, monkeypatch):
    verdict_is(BAD, monkeypatch)
    engine = open_classification(graph_entry(classifier_folder), 1)
    text = "the dogs was terribly bad"
    (judgement,) = engine.compute(engine.tokenize([text]), True)
    words = {text[word.start : word.end]: word.score for word in judgement.words}
    assert list(words) == ["the", "dogs", "was", "terribly", "bad"]
    assert sum(map(abs, words.values())) == pytest.approx(1)

    def log_odds(words):
        chances = engine.compute(engine.tokenize([" ".join(words)]))[0].labels
        return dict(chances)[judgement.labels[0][0]]

    strongest = max(words, key=lambda word: words[word])
    weakest = min(words, key=lambda word: words[word])
    left = [[word for word in text.split() if word != gone] for gone in (strongest, weakest)]
    assert log_odds(left[0]) < log_odds(left[1])
    (long,) = engine.compute(engine.tokenize(["good cat . " * 100]), True)
    assert len(long.words) == 300


def test_auto_takes_torch_now_and_has_the_graphs_made_for_the_next_time(
    classifier_folder, entry_of, monkeypatch, tmp_path
):
    later = []
    monkeypatch.setattr(ready, "export_later", lambda *given: later.append(given))
    assert "torch" in open_classification(entry_of(classifier_folder, runtime="auto"), 1).device
    assert later == []
    entry = entry_of(classifier_folder, runtime="auto", cache=tmp_path)
    assert "torch" in open_classification(entry, 1).device
    place = tmp_path / key_of(classifier_folder, Task.CLASSIFICATION)
    assert later == [(classifier_folder, Task.CLASSIFICATION, place)]


def test_what_is_made_later_is_made_in_a_while(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(exporting, "DELAY_SECONDS", 0.01)

    def fail(*given, niceness):
        assert niceness == 10
        made.append(given)
        raise BadModel("no room")

    monkeypatch.setattr(exporting, "export_apart", fail)
    timer = exporting.export_later(tmp_path, Task.EMBEDDING, tmp_path / "place")
    timer.join(10)
    assert made == [(tmp_path, Task.EMBEDDING, tmp_path / "place")]


def test_with_a_graphics_card_auto_leaves_it_to_torch(classifier_folder, graph_entry, monkeypatch):
    monkeypatch.setattr(ready, "has_graphics_card", lambda: True)
    assert "torch" in open_classification(graph_entry(classifier_folder, runtime="auto"), 1).device


def test_what_onnxruntime_cannot_serve(classifier_folder, base, graph_entry, tmp_path, monkeypatch):
    with pytest.raises(BadModel, match="adapter"):
        open_classification(graph_entry(classifier_folder, adapter=tmp_path), 1)
    with pytest.raises(BadModel, match="put model"):
        open_classification(graph_entry(classifier_folder, cache=None), 1)
    entry = graph_entry(classifier_folder)
    place = entry.cache / key_of(classifier_folder, Task.CLASSIFICATION)
    (place / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(BadModel, match="cannot be loaded"):
        open_classification(entry, 1)
    with pytest.raises(BadModel, match="lack"):
        exporting.export_apart(base, Task.CLASSIFICATION, tmp_path / "headless")
    assert not (tmp_path / "headless").exists()


def test_altered_weights_are_another_model(classifier_folder, tmp_path):
    folder = shutil.copytree(classifier_folder, tmp_path / "copy")
    before = key_of(folder, Task.CLASSIFICATION)
    assert before == key_of(classifier_folder, Task.CLASSIFICATION) != key_of(folder, Task.RERANKING)
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert key_of(folder, Task.CLASSIFICATION) != before


def foreign_graph(path, outputs, inputs=("input_ids", "attention_mask")):
    """A graph as other tools make it: rows of a table for tokens, under these names."""
    make = onnx.helper.make_node
    table = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [make("Gather", ["table", "input_ids"], [outputs[0]])],
        "graph",
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["b", "l"]) for name in inputs],
        [onnx.helper.make_tensor_value_info(outputs[0], onnx.TensorProto.FLOAT, ["b", "l", 8])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return table


def test_states_of_a_graph_of_other_tools_are_pooled(base, entry_of, tmp_path):
    folder = shutil.copytree(base, tmp_path / "foreign")
    table = foreign_graph(folder / "model.onnx", ["last_hidden_state"])
    engine = open_embedding(entry_of(folder, runtime="auto"), 1)
    tokens = engine.tokenize(["the cat", "a very good dog"])
    for vector, each in zip(engine.compute(tokens), tokens, strict=True):
        mean = table[each].mean(0)
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    foreign_graph(folder / "model.onnx", ["last_hidden_state"], ("input_ids", "pixel_values"))
    with pytest.raises(BadModel, match="pixel_values"):
        open_embedding(entry_of(folder, runtime="onnx"), 1)


def test_torch_is_not_imported_for_it(classifier_folder, caches, tmp_path):
    folder = shutil.copytree(classifier_folder, tmp_path / "published")
    shutil.copy(caches / key_of(classifier_folder, Task.CLASSIFICATION) / "model.onnx", folder)
    program = (
        "import sys; from pathlib import Path; from bot.worker.catalogue import Entry\n"
        "from bot.worker.encoders import open_classification\n"
        f"entry = Entry('r', 'n', Path({str(folder)!r}), '', 0, '', runtime='onnx')\n"
        "engine = open_classification(entry, 1)\n"
        "assert engine.compute(engine.tokenize(['the cat']))\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
