"""A new version: copied, so that a deleted source does no harm, and noted."""

import hashlib
import json
import shutil

import pytest

from bot.catalogue.adding import Addition, add
from bot.catalogue.registry import Registry
from bot.errors import BadInput


def test_a_version_outlives_its_source(registry, checkpoint):
    folder = checkpoint()
    (folder / "README.md").write_text("---\nlicense: mit\nlanguage: [en, zh]\n---\n")
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    version = add(registry, Addition("sentiment", str(folder), "mood-2"))
    shutil.rmtree(folder)
    assert registry.read().version("mood-2") == version
    registry.check_files(version)
    assert (version.weights, version.licence, version.languages) == (weights, "mit", ("en", "zh"))
    assert (version.task, version.state, version.revision) == ("classification", "candidate", "")
    assert version.bytes > 0


def test_what_is_said_goes_before_the_card(registry, checkpoint):
    folder = checkpoint()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    said = Addition("sentiment", str(folder), "a", licence="our own", languages=["de"])
    version = add(registry, said)
    assert (version.licence, version.languages) == ("our own", ("de",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is no name"),
        ("../a", "is no name"),
        ("built-in", "something else"),
        ("toxicity", "something else"),
    ],
)
def test_a_name_is_a_name(registry, checkpoint, name, words):
    with pytest.raises(BadInput, match=words):
        add(registry, Addition("sentiment", str(checkpoint()), name))
    assert not registry.folder.exists()


def test_a_role_is_no_path(registry, checkpoint):
    with pytest.raises(BadInput, match="is no role"):
        add(registry, Addition("../up", str(checkpoint()), "a", task="classification"))


def test_a_name_in_use_is_refused_and_the_first_stays(registry, added, checkpoint):
    first = added("a")
    with pytest.raises(BadInput, match="in use"):
        add(registry, Addition("toxicity", str(checkpoint()), "a"))
    assert registry.read().version("a") == first
    registry.check_files(first)


def test_what_was_left_of_an_interrupted_command_is_no_hindrance(registry, added):
    left = registry.folder / "sentiment" / "a"
    left.mkdir(parents=True)
    (left / "half").touch()
    version = added("a")
    assert not (left / "half").exists()
    registry.check_files(version)


def test_when_it_cannot_be_noted_its_copy_goes(registry, checkpoint, monkeypatch):
    def full(_self, _change):
        raise BadInput("the disk is full")

    monkeypatch.setattr(Registry, "change", full)
    with pytest.raises(BadInput, match="full"):
        add(registry, Addition("sentiment", str(checkpoint()), "a"))
    assert not list((registry.folder / "sentiment").iterdir())


def test_a_name_of_a_hub_is_not_asked_for_unless_told(registry):
    with pytest.raises(BadInput, match=r"no folder owner/model.*--download"):
        add(registry, Addition("sentiment", "owner/model@main", "a"))


def test_an_adapter_has_the_sum_of_its_weights_beside_it(registry, tmp_path, write_weights):
    folder = tmp_path / "adapter"
    folder.mkdir()
    write_weights(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "all-MiniLM-L6-v2"}))
    version = add(registry, Addition("reader", str(folder), "reader-2"))
    assert version.is_adapter
    assert (registry.folder_of(version) / "sha256").read_text().split()[0] == version.weights


def test_weights_in_several_files_have_one_sum(registry, checkpoint, write_weights):
    folder = checkpoint()
    (folder / "model.safetensors").unlink()
    for number in (1, 2):
        write_weights(folder / f"model-0000{number}-of-00002.safetensors", fill=number)
    (folder / "model.safetensors.index.json").write_text("{}")
    version = add(registry, Addition("sentiment", str(folder), "a"))
    assert len(version.weights) == 64
    assert "model-00002-of-00002.safetensors" in version.files
