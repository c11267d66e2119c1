"""Recurrent networks as graphs: the same numbers as torch, whatever is padded."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import torch

from bot.errors import BadModel
from bot.models import Task
from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification
from bot.worker.checkpoint import check_files, weights_sha256
from bot.worker.encoders import open_classification
from bot.worker.encoders.onnx_network import open_session
from bot.worker.encoders.recurrent_graph import write_recurrent_graph


def network(layers=1, cell="gru"):
    torch.manual_seed(2)
    config = RecurrentConfig(
        vocab_size=40, embedding_size=12, hidden_size=10, attention_size=6, layers=layers, cell=cell,
        num_labels=3,
    )  # fmt: skip
    return RecurrentForSequenceClassification(config).eval()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_logits_and_attention_are_those_of_torch(tmp_path, cell, layers):
    model = network(layers, cell)
    write_recurrent_graph(model, tmp_path / "model.onnx")
    session = open_session(tmp_path / "model.onnx", 1)
    tokens = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 0, 0, 0], [0, 0, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    logits, attention = session.run(None, {"input_ids": tokens.numpy(), "attention_mask": mask.numpy()})
    with torch.inference_mode():
        expected = model(input_ids=tokens, attention_mask=mask)
    assert np.allclose(logits, expected.logits.numpy(), atol=1e-5)
    assert np.allclose(attention, expected.attentions.numpy(), atol=1e-5)


def test_the_worker_loads_a_folder_with_a_graph_alone(tmp_path, save_tokenizer, entry_of):
    model = network()
    model.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    exact = open_classification(entry_of(tmp_path), 1)
    texts = ["the cat sat", "bad", ""]
    expected = exact.compute(exact.tokenize(texts))
    write_recurrent_graph(model, tmp_path / "model.onnx")
    (tmp_path / "model.safetensors").unlink()
    entry = entry_of(tmp_path, sha256=weights_sha256(tmp_path), task=Task.CLASSIFICATION)
    check_files(entry)
    graph = open_classification(entry, 1)
    assert "onnxruntime" in graph.device
    for one, other in zip(graph.compute(graph.tokenize(texts)), expected, strict=True):
        assert dict(one.labels) == pytest.approx(dict(other.labels), abs=1e-5)
    with pytest.raises(BadModel, match="sha256 differs"):
        check_files(entry_of(tmp_path, sha256="0" * 64))
