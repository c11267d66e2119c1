"""Compressed classifiers: what the worker loads, what the report says, what is refused."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from bot.errors import BadInput, BadModel
from bot.training.checkpoints.classifier import Classifier
from bot.training.checkpoints.served import Served
from bot.training.compression.compressing import Wish, compress, task_of

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def rows(tmp_path_factory, write_rows, rows_of):
    return write_rows(tmp_path_factory.mktemp("rows") / "dev.jsonl", rows_of(90, seed=3))


@pytest.fixture(scope="module")
def in_int8(trained, rows, tmp_path_factory):
    """The recurrent classifier as a graph in 8 bits, and the report."""
    out = tmp_path_factory.mktemp("int8") / "out"
    return out, compress(trained, out, Wish("int8"), rows=rows)


def test_a_graph_in_8_bits_says_the_same(in_int8, trained):
    out, found = in_int8
    assert {each.name for each in out.iterdir()} >= {"model.int8.onnx", "config.json", "tokenizer.json"}
    assert not list(out.glob("*.safetensors"))
    assert not (out / "model.onnx").exists()
    assert found.agreement > 0.95
    assert abs(found.after.accuracy - found.before.accuracy) < 0.05
    assert "onnxruntime int8" in found.after.engine
    texts = ["it was great today", "今天 天气 糟糕"]
    labels = Served(out).classify(texts)
    for one, other in zip(labels, Classifier(trained).classify(texts), strict=True):
        assert one.label == other.label
        assert one.probability == pytest.approx(other.probability, abs=0.05)


def test_the_graph_tells_its_attention(in_int8, trained):
    text = "the house was awful"
    (graph,), (torch_s,) = (
        served.engine.compute(served.engine.tokenize([text]), True)
        for served in (Served(in_int8[0]), Served(trained))
    )
    assert [word[:2] for word in graph.words] == [word[:2] for word in torch_s.words]
    assert [word.score for word in graph.words] == pytest.approx(
        [word.score for word in torch_s.words], abs=0.05
    )


def test_the_card_says_what_was_done(in_int8):
    card = (in_int8[0] / "README.md").read_text()
    assert "## Compressed: int8" in card
    assert f"| accuracy | {in_int8[1].before.accuracy} | {in_int8[1].after.accuracy} |" in card


def test_a_graph_is_not_compressed_again_and_looked_into(in_int8, rows, tmp_path):
    with pytest.raises(BadInput, match="compressed before"):
        compress(in_int8[0], tmp_path / "out", Wish("half"), rows=rows)
    with pytest.raises(BadModel):
        Classifier(in_int8[0])


def test_half_the_bits_are_half_the_size(encoder_classifier, rows, tmp_path):
    found = compress(encoder_classifier, tmp_path / "out", Wish("half"), rows=rows)
    weights = [folder / "model.safetensors" for folder in (encoder_classifier, tmp_path / "out")]
    before, after = (file.stat().st_size for file in weights)
    assert after < 0.65 * before
    assert found.agreement > 0.97
    temperature = [json.loads((each.parent / "config.json").read_text())["temperature"] for each in weights]
    assert temperature[0] == temperature[1] == 1.5


def test_a_pruned_network_is_smaller(trained, rows, tmp_path):
    found = compress(trained, tmp_path / "out", Wish("prune", share=0.5), rows=rows)
    assert found.after.bytes < found.before.bytes
    assert "6 of 12 hidden units" in found.notes[0]
    assert Classifier(tmp_path / "out").model.config.hidden_size == 6


def test_a_small_network_learns_from_the_large_one(trained, rows, tmp_path, write_rows, rows_of):
    data = write_rows(tmp_path / "rows.jsonl", rows_of(240, seed=6))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "epochs = 5\nlearning_rate = 0.02\nwarmup = 5\nbatch_tokens = 256\naverage = 0.0\n"
        "[network]\nvocabulary = 400\nembedding = 8\nhidden = 6\nvocab_dropout = 0.0\n"
    )
    wish = Wish("distil", learn=[data], plan=plan)
    found = compress(trained, tmp_path / "out", wish, rows=rows)
    assert found.after.bytes < found.before.bytes
    assert found.after.accuracy > 0.8
    with pytest.raises(BadInput, match="rows to learn from"):
        compress(trained, tmp_path / "other", replace(wish, learn=()), rows=rows)


def test_bad_wishes_are_refused(trained, rows, tmp_path):
    with pytest.raises(BadInput, match=r"no method 'zip'. There are int8, half, prune, distil"):
        compress(trained, tmp_path / "out", Wish("zip"), rows=rows)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        compress(trained, tmp_path / "full", Wish("half"), rows=rows)


def test_the_task_is_told_by_the_labels():
    assert task_of(["positive", "negative", "neutral"]) == "sentiment"
    assert task_of(["toxic", "ok"]) == "toxicity"
    assert task_of(["billing", "refund"]) == "intents"


@pytest.fixture(scope="module")
def encoder_classifier(tmp_path_factory, encoder):
    """A random BERT classifier with three labels and a temperature."""
    import shutil

    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("classifier")
    names = dict(enumerate(("negative", "neutral", "positive")))
    torch.manual_seed(3)
    config = BertConfig.from_pretrained(
        encoder, id2label=names, label2id={name: number for number, name in names.items()}
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    for file in encoder.glob("*token*"):
        shutil.copy(file, folder)
    settings = json.loads((folder / "config.json").read_text()) | {"temperature": 1.5}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder
