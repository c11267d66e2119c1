"""A version is removed as a whole, or it is still there; nothing that is in use goes."""

import os
import shutil

import pytest

from bot.catalogue.agreement import Agreement, Agreements
from bot.catalogue.removing import check, remove
from bot.errors import BadInput
from bot.models import Task


def left(registry):
    """The files below the folder of the catalogue, without those that are its own."""
    own = ("registry.json", ".lock", "agreements.json")
    files = sorted(each for each in registry.folder.rglob("*") if each.is_file())
    return [str(each.relative_to(registry.folder)) for each in files if each.name not in own]


@pytest.fixture
def dies(monkeypatch):
    """Let the process end where a function of shutil or pathlib is called."""

    def at(owner, name):
        def end(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(owner, name, end)

    return at


def test_a_candidate_goes_with_its_files_and_the_history_keeps_a_line(registry, added):
    added("a")
    kept = added("b")
    remove(registry, "sentiment", "a")
    register = registry.read()
    assert set(register.versions) == {"b"}
    step = register.history[-1]
    assert (step.action, step.role, step.name, step.before) == ("remove", "sentiment", "a", "candidate")
    assert step.who
    assert registry.is_whole(kept)
    assert {each.split("/")[1] for each in left(registry)} == {"b"}


def test_what_is_live_or_a_shadow_stays_and_the_way_out_is_told(registry, added):
    added("a")
    added("b")
    registry.change(lambda register: register.with_live("a").with_shadow("b"))
    before = (registry.folder / "registry.json").read_bytes(), left(registry)
    with pytest.raises(BadInput, match=r"a is live in sentiment.*parley models rollback sentiment"):
        remove(registry, "sentiment", "a")
    with pytest.raises(BadInput, match=r"b is the shadow of sentiment.*parley models shadow b --off"):
        remove(registry, "sentiment", "b")
    assert ((registry.folder / "registry.json").read_bytes(), left(registry)) == before
    registry.change(lambda register: register.without_shadow("b"))
    remove(registry, "sentiment", "b")
    assert set(registry.read().versions) == {"a"}


def test_unknown_versions_and_those_of_other_roles_are_told(registry, added):
    added("a")
    with pytest.raises(BadInput, match=r"no version 'z'.*There is: a"):
        remove(registry, "sentiment", "z")
    with pytest.raises(BadInput, match="a is a version of sentiment, not of toxicity"):
        check(registry, "toxicity", "a")
    with pytest.raises(BadInput, match=r"no version '\.\.'"):
        remove(registry, "..", "..")
    assert registry.folder_of(registry.read().version("a")).is_dir()


def test_the_way_back_passes_over_what_was_removed(registry, added):
    for name in "abc":
        added(name)
    for name in "abac":
        registry.change(lambda register, name=name: register.with_live(name))
    remove(registry, "sentiment", "b")
    assert registry.read().lines["sentiment"] == ("a", "c")
    back = registry.change(lambda register: register.rolled_back("sentiment", registry.is_whole))
    assert back.live("sentiment").name == "a"
    built_in = registry.change(lambda register: register.rolled_back("sentiment", registry.is_whole))
    assert built_in.live("sentiment") is None
    assert built_in.history[-1].name == "built-in"


def test_a_name_is_free_again_and_begins_anew(registry, added, checkpoint):
    added("a")
    registry.change(lambda register: register.with_live("a"))
    registry.change(lambda register: register.rolled_back("sentiment", registry.is_whole))
    Agreements(registry.folder).add({"a": Agreement("built-in", 7), "b": Agreement("built-in", 1)})
    remove(registry, "sentiment", "a")
    assert set(Agreements(registry.folder).read()) == {"b"}
    shutil.rmtree(registry.folder.parents[1] / "source of a")
    again = added("a")
    assert registry.is_whole(again)
    shadowed = registry.change(lambda register: register.with_shadow("a"))
    assert shadowed.without_shadow("a").versions["a"].state == "candidate"


@pytest.mark.parametrize("place", ["before the register", "before the folder", "amid the files"])
def test_a_crash_leaves_a_valid_catalogue_and_the_second_time_finishes(
    registry, added, dies, monkeypatch, place
):
    added("a")
    kept = added("b")
    match place:
        case "before the register":
            dies(os, "fsync")
        case "before the folder":
            dies(type(registry.folder), "rename")
        case "amid the files":
            dies(shutil, "rmtree")
    with pytest.raises(KeyboardInterrupt):
        remove(registry, "sentiment", "a")
    monkeypatch.undo()
    register = registry.read()
    assert all(registry.is_whole(each) for each in register.versions.values())
    assert ("a" in register.versions) == (place == "before the register")
    remove(registry, "sentiment", "a")
    assert registry.is_whole(kept)
    assert {each.split("/")[1] for each in left(registry)} == {"b"}
    assert [step.action for step in registry.read().history] == ["add", "add", "remove"]
    with pytest.raises(BadInput, match="no version 'a'"):
        remove(registry, "sentiment", "a")


def test_a_name_may_be_added_again_where_a_crash_left_its_files(registry, added, dies, monkeypatch):
    added("a")
    dies(shutil, "rmtree")
    with pytest.raises(KeyboardInterrupt):
        remove(registry, "sentiment", "a")
    monkeypatch.undo()
    shutil.rmtree(registry.folder.parents[1] / "source of a")
    again = added("a")
    assert registry.is_whole(again)
    remove(registry, "sentiment", "a")
    assert left(registry) == []


def test_files_that_cannot_be_deleted_are_told(registry, added, monkeypatch):
    version = added("a")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(BadInput, match=r"no longer in the catalogue.*\.gone-a: Permission denied"):
        remove(registry, "sentiment", "a")
    monkeypatch.undo()
    assert not registry.folder_of(version).exists()
    remove(registry, "sentiment", "a")
    assert left(registry) == []


def test_the_form_for_onnxruntime_goes_too(registry, added):
    pytest.importorskip("onnxruntime")
    from bot.worker.encoders.ready import key_of

    version, other = added("a"), added("b")
    keys = [key_of(registry.folder_of(each), Task(each.task)) for each in (version, other)]
    graphs = [registry.folder / key for key in keys]
    for each in graphs:
        each.mkdir()
        (each / "model.onnx").write_bytes(b"1")
    remove(registry, "sentiment", "a")
    assert [each.exists() for each in graphs] == [False, True]
