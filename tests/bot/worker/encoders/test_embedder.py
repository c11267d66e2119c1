"""Vectors: any batch, any pooling that is declared, and no half-loaded model."""

import json
import shutil

import numpy as np
import pytest

from bot.errors import BadModel
from bot.worker.encoders.embedder import Embedder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = ["the cat sat", "a dog", "", "the cat and the dog sat on the mat " * 60, "unknown zebra", "mat"]


@pytest.fixture
def copy(base, tmp_path):
    return shutil.copytree(base, tmp_path / "copy")


def embedder_of(folder, entry_of):
    return Embedder(entry_of(folder), 1)


def states(folder, tokens):
    with torch.inference_mode():
        return transformers.AutoModel.from_pretrained(folder)(torch.tensor(tokens)).last_hidden_state


def test_rows_have_unit_length_and_do_not_depend_on_their_neighbours(base, entry_of):
    engine = embedder_of(base, entry_of)
    tokens = engine.tokenize(TEXTS)
    assert max(map(len, tokens)) == 64
    together = engine.compute(tokens)
    assert together.shape == (len(TEXTS), engine.dimensions) == (6, 32)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([engine.compute([each]) for each in tokens])
    assert np.abs(together - alone).max() < 1e-4


def test_it_is_the_mean_of_the_last_hidden_states(base, entry_of):
    engine = embedder_of(base, entry_of)
    tokens = engine.tokenize(["the cat sat"])
    expected = torch.nn.functional.normalize(states(base, tokens).mean(1), dim=1).numpy()
    assert np.allclose(engine.compute(tokens), expected, atol=1e-5)


@pytest.mark.parametrize("modes", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_a_folder_may_ask_for_the_first_token_instead(copy, entry_of, modes):
    plain = embedder_of(copy, entry_of)
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    first = embedder_of(copy, entry_of)
    tokens = plain.tokenize(["the cat sat"])
    expected = torch.nn.functional.normalize(states(copy, tokens)[:, 0], dim=1).numpy()
    assert np.allclose(first.compute(tokens), expected, atol=1e-5)
    assert not np.allclose(plain.compute(tokens), expected, atol=1e-2)


def test_another_pooling_is_refused_rather_than_replaced(copy, entry_of):
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(BadModel, match="pooling"):
        embedder_of(copy, entry_of)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_without_a_part_is_refused(copy, entry_of, name):
    (copy / name).unlink()
    with pytest.raises(BadModel, match="cannot be loaded"):
        embedder_of(copy, entry_of)


def test_broken_weights_are_refused(copy, entry_of):
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadModel, match="cannot be loaded"):
        embedder_of(copy, entry_of)


def test_weights_that_lack_a_layer_are_refused(copy, entry_of):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(BadModel, match="lack"):
        embedder_of(copy, entry_of)


def test_an_operator_may_ask_for_shorter_texts_but_not_for_none(base, entry_of):
    engine = Embedder(entry_of(base, max_tokens=20), 1)
    assert max(map(len, engine.tokenize(TEXTS))) == 20
    with pytest.raises(BadModel, match="of no use"):
        Embedder(entry_of(base, max_tokens=4), 1)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_full_device_is_a_memory_error(base, entry_of, monkeypatch, error):
    engine = embedder_of(base, entry_of)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(engine.network, "answering", fail)
    with pytest.raises(MemoryError):
        engine.compute([[1]])
