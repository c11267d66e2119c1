"""What is taken, and what is refused before anything of it is loaded."""

import json

import pytest

from bot.catalogue import source
from bot.catalogue.source import copy, look_at, task_for
from bot.errors import BadInput, BadModel


def test_of_a_folder_of_the_lab_the_checkpoint_is_taken_and_the_state_is_not(checkpoint):
    folder = checkpoint()
    (folder / "last").mkdir()
    (folder / "last" / "state.pt").touch()
    (folder / "README.md").touch()
    (folder / "curves.svg").touch()
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    found = look_at(folder, "sentiment", "classification")
    assert set(found.paths) == {
        "1_Pooling/config.json",
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    assert not found.is_adapter
    assert found.bytes == sum((folder / path).stat().st_size for path in found.paths)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "x.PKL", "a.pth", "head.joblib"])
def test_a_pickle_is_refused_even_beside_safetensors(checkpoint, name):
    folder = checkpoint()
    (folder / name).touch()
    with pytest.raises(BadModel, match=f"{name}: such a file can run code"):
        look_at(folder, "sentiment", "classification")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_its_own_is_refused(checkpoint, name):
    folder = checkpoint()
    (folder / name).write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Mine"}}))
    with pytest.raises(BadModel, match=r"auto_map.*never run"):
        look_at(folder, "sentiment", "classification")


def test_another_kind_and_missing_parts_are_refused(checkpoint, tmp_path):
    with pytest.raises(BadModel, match="does not serve sentiment"):
        look_at(checkpoint("chat", architecture="GPT2LMHeadModel"), "sentiment", "classification")
    with pytest.raises(BadModel, match="no model folder"):
        look_at(tmp_path / "nowhere", "sentiment", "classification")
    folder = checkpoint()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BadModel, match="no tokenizer"):
        look_at(folder, "sentiment", "classification")
    (folder / "config.json").unlink()
    with pytest.raises(BadModel, match=r"no config\.json"):
        look_at(folder, "sentiment", "classification")
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    (folder / "config.json").write_text("{}")
    with pytest.raises(BadModel, match=r"no model\.safetensors"):
        look_at(folder, "sentiment", "classification")
    (folder / "other.safetensors").unlink()
    with pytest.raises(BadModel, match="safetensors"):
        look_at(folder, "sentiment", "classification")


@pytest.mark.parametrize(
    "content",
    [b"", b"weights", b"\xff" * 20, (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}"],
)
def test_weights_that_are_none_are_refused(checkpoint, content):
    folder = checkpoint()
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(BadModel, match="no whole file of safetensors"):
        look_at(folder, "sentiment", "classification")


def test_weights_that_are_cut_off_are_refused(checkpoint):
    folder = checkpoint()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BadModel, match="Get it anew"):
        look_at(folder, "sentiment", "classification")


def test_an_adapter_is_taken_when_it_builds_on_the_built_in_encoder(tmp_path, write_weights):
    write_weights(tmp_path / "adapter_model.safetensors")
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": "all-MiniLM-L6-v2"}))
    assert look_at(tmp_path, "reader", "extraction").is_adapter
    file.write_text(json.dumps({"base_model_name_or_path": "another"}))
    with pytest.raises(BadModel, match=r"an adapter for another.*\[models\.reader\]"):
        look_at(tmp_path, "reader", "extraction")


def test_roles_of_an_operators_own_say_their_task():
    assert task_for("sentiment", "") == "classification"
    assert task_for("spam", "classification") == "classification"
    with pytest.raises(BadInput, match="--task, one of embedding, classification"):
        task_for("spam", "")
    with pytest.raises(BadInput, match="sentiment is a role of classification, not of embedding"):
        task_for("sentiment", "embedding")


def test_a_copy_is_whole_or_not_there(checkpoint, tmp_path, monkeypatch):
    found = look_at(checkpoint(), "sentiment", "classification")
    target = tmp_path / "models" / "sentiment" / "a"
    sums = copy(found, target)
    assert sums.keys() == set(found.paths)
    assert (target / "config.json").read_bytes() == (found.folder / "config.json").read_bytes()

    def full(*_paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(source.shutil, "copyfile", full)
    with pytest.raises(BadInput, match="the disk is full"):
        copy(found, target.with_name("b"))
    assert [each.name for each in target.parent.iterdir()] == ["a"]


def test_without_room_nothing_is_begun(checkpoint, tmp_path, monkeypatch):
    found = look_at(checkpoint(), "sentiment", "classification")
    monkeypatch.setattr(source, "ROOM", 1e15)
    with pytest.raises(BadInput, match="MB of disk are needed"):
        copy(found, tmp_path / "models" / "a")
    assert list((tmp_path / "models").iterdir()) == []
