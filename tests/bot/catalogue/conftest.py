"""Small folders that look like checkpoints, and a catalogue of its own for each test."""

import json

import pytest

from bot.catalogue.adding import Addition, add
from bot.catalogue.registry import Registry


def write_weights(file, *, fill=0):
    """A whole file of safetensors with one tensor of two numbers."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes([fill] * 8))


@pytest.fixture
def checkpoint(tmp_path):
    """Make a folder: `checkpoint("mine", architecture="BertForSequenceClassification", fill=1)`."""

    def make(name="mine", *, architecture="RecurrentForSequenceClassification", fill=0, **config):
        folder = tmp_path / name
        folder.mkdir()
        write_weights(folder / "model.safetensors", fill=fill)
        (folder / "config.json").write_text(json.dumps({"architectures": [architecture], **config}))
        (folder / "tokenizer.json").write_text("{}")
        return folder

    return make


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "data" / "models")


@pytest.fixture
def added(registry, checkpoint):
    """Add a version: `added("mood-2")`."""

    def make(name, role="sentiment", **said):
        folder = checkpoint(f"source of {name}", fill=len(registry.read().versions))
        return add(registry, Addition(role, str(folder), name, **said))

    return make


@pytest.fixture(name="write_weights", scope="session")
def write_weights_fixture():
    return write_weights
