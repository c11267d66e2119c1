"""The register on disk: whole or not at all, changed by one process at a time."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.catalogue import writing
from bot.catalogue.registry import Registry
from bot.errors import BadInput, BadModel


def test_without_a_file_there_is_nothing_and_nothing_is_made(registry):
    assert registry.read().versions == {}
    assert registry.stamp() is None
    assert not registry.folder.exists()


def test_changes_are_seen_by_others(registry, added):
    added("a")
    before = registry.stamp()
    registry.change(lambda register: register.with_live("a"))
    assert registry.stamp() != before
    assert Registry(registry.folder).read().live("sentiment").name == "a"


def test_a_change_that_fails_changes_nothing(registry, added):
    added("a")
    before = registry.stamp()
    with pytest.raises(BadInput):
        registry.change(lambda register: register.with_live("b"))
    assert registry.stamp() == before


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 9, "versions": []}', "\x00"])
def test_a_damaged_file_is_told_with_what_to_do(registry, text):
    registry.folder.mkdir(parents=True)
    (registry.folder / "registry.json").write_text(text)
    with pytest.raises(BadInput, match=r"registry\.json cannot be understood.*backup"):
        registry.read()


def test_files_that_are_not_what_was_added_are_found(registry, added):
    version = added("a")
    registry.check_files(version)
    file = registry.folder_of(version) / "config.json"
    whole = file.read_text()
    file.write_text(whole + " ")
    with pytest.raises(BadModel, match=r"config\.json is not what was added"):
        registry.check_files(version)
    assert not registry.is_whole(version)
    file.unlink()
    with pytest.raises(BadModel, match=r"config\.json is missing"):
        registry.check_files(version)
    file.write_text(whole)
    assert registry.is_whole(version)


def test_several_processes_change_it_and_no_change_is_lost(registry, added):
    for name in "abcd":
        added(name)
    code = (
        "import sys; from pathlib import Path; from bot.catalogue.registry import Registry\n"
        "registry = Registry(Path(sys.argv[1]))\n"
        "for _ in range(5):\n"
        "    registry.change(lambda each: each.with_figures(sys.argv[2], 'rows', {'n': 1}))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, registry.folder, name]) for name in "abcd"]
    assert [each.wait(60) for each in running] == [0, 0, 0, 0]
    assert len(registry.read().history) == 4 + 4 * 5


def test_who_does_not_get_the_lock_is_told(registry, added, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    added("a")
    monkeypatch.setattr(writing, "LOCK_SECONDS", 0.1)
    with (registry.folder / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BadInput, match="another command is changing it"):
            registry.change(lambda register: register.with_shadow("a"))
    assert registry.read().shadow("sentiment") is None


def test_a_full_disk_leaves_the_old_register(registry, added, monkeypatch):
    added("a")
    before = (registry.folder / "registry.json").read_bytes()

    def full(_number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="the disk is full"):
        registry.change(lambda register: register.with_live("a"))
    assert (registry.folder / "registry.json").read_bytes() == before
    assert not list(registry.folder.glob("*.new"))
    assert json.loads(before)["lines"] == {}


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        Registry(Path(tmp_path / "file" / "models")).change(lambda register: register)
