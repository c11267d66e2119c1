"""LoRA adapters and heads on one shared base: each as if it were merged, and the base in memory once."""

import gc
import json
import shutil
import threading
import weakref

import numpy as np
import pytest

from bot.errors import BadModel
from bot.worker.encoders.classifier import Classifier
from bot.worker.encoders.embedder import Embedder
from bot.worker.encoders.reader import Reader
from bot.worker.memory import bytes_of, parts_of

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
safetensors = pytest.importorskip("safetensors.torch")

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

TEXTS = ["the cat sat", "a very bad dog", "good", "the mat was great and the dog was not"]
LABELS = ["negative", "neutral", "positive"]


def adapter_of(folder, base, kind, *, seed, **fields):
    """A random adapter in peft's own layout, and the folder of the same network with it merged."""
    torch.manual_seed(seed)
    labels = (
        {"num_labels": 3, "id2label": dict(enumerate(LABELS))}
        if kind is not peft.TaskType.QUESTION_ANS
        else {}
    )
    classes = {
        peft.TaskType.SEQ_CLS: transformers.AutoModelForSequenceClassification,
        peft.TaskType.QUESTION_ANS: transformers.AutoModelForQuestionAnswering,
        peft.TaskType.FEATURE_EXTRACTION: transformers.AutoModel,
    }
    network = classes[kind].from_pretrained(base, **labels)
    settings = {"r": 4, "lora_alpha": 16, "target_modules": ["query", "value"], "lora_dropout": 0.0} | fields
    adapted = peft.get_peft_model(network, peft.LoraConfig(task_type=kind, **settings))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(folder / "adapter")
    network.config.save_pretrained(folder / "adapter")
    merged = adapted.merge_and_unload()
    merged.save_pretrained(folder / "merged")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base / name, folder / "merged")
    return folder / "adapter", folder / "merged"


@pytest.fixture
def adapted_entry(entry_of):
    """An entry with an adapter."""
    return lambda base, adapter: entry_of(base, adapter=adapter)


def likeness(left, right):
    for first, second in zip(left, right, strict=True):
        assert dict(first.labels) == pytest.approx(dict(second.labels), abs=1e-5)
        assert [word[:2] for word in first.words] == [word[:2] for word in second.words]
        assert [word.score for word in first.words] == pytest.approx(
            [word.score for word in second.words], abs=1e-3
        )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"use_rslora": True, "bias": "all"},
        {"alpha_pattern": {"0.attention.self.query": 3}, "rank_pattern": {"value": 2}},
        {"target_modules": ["query", "dense"], "modules_to_save": ["classifier", "pooler"]},
    ],
)
def test_an_adapter_is_as_good_as_merged(base, entry_of, adapted_entry, tmp_path, fields):
    adapter, merged = adapter_of(tmp_path, base, peft.TaskType.SEQ_CLS, seed=1, **fields)
    engine = Classifier(adapted_entry(base, adapter), 1)
    alone = Classifier(entry_of(merged), 1)
    assert engine.labels == tuple(LABELS)
    tokens = engine.tokenize(TEXTS)
    likeness(engine.compute(tokens), alone.compute(tokens))
    likeness(engine.compute(tokens, True), alone.compute(tokens, True))


def test_roles_share_their_base_and_do_not_disturb_each_other(base, entry_of, adapted_entry, tmp_path):
    first, first_merged = adapter_of(tmp_path / "1", base, peft.TaskType.SEQ_CLS, seed=1)
    second, second_merged = adapter_of(tmp_path / "2", base, peft.TaskType.SEQ_CLS, seed=2)
    third, third_merged = adapter_of(tmp_path / "3", base, peft.TaskType.QUESTION_ANS, seed=3)
    fourth, fourth_merged = adapter_of(tmp_path / "4", base, peft.TaskType.FEATURE_EXTRACTION, seed=4)
    plain = Embedder(entry_of(base), 1)
    before = plain.compute(plain.tokenize(TEXTS))
    engines = [
        plain,
        Classifier(adapted_entry(base, first), 1),
        Classifier(adapted_entry(base, second), 1),
        Reader(adapted_entry(base, third), 1),
        Embedder(adapted_entry(base, fourth), 1),
    ]
    tokens = engines[1].tokenize(TEXTS)
    for engine, merged in ((engines[1], first_merged), (engines[2], second_merged)):
        likeness(engine.compute(tokens), Classifier(entry_of(merged), 1).compute(tokens))
    asked = engines[3].tokenize([("who sat ?", text) for text in TEXTS])
    expected = Reader(entry_of(third_merged), 1).compute(asked)
    assert np.allclose(engines[3].compute(asked), expected, atol=1e-5)
    expected = Embedder(entry_of(fourth_merged), 1).compute(plain.tokenize(TEXTS))
    changed = engines[4].compute(plain.tokenize(TEXTS))
    assert np.allclose(changed, expected, atol=1e-5)
    assert not np.allclose(changed, before, atol=1e-3)
    assert (plain.compute(plain.tokenize(TEXTS)) == before).all()

    base_bytes = bytes_of([parts_of(plain)])
    together = bytes_of([parts_of(engine) for engine in engines])
    assert base_bytes < together < 1.5 * base_bytes
    assert all(bytes_of([parts_of(engine)]) > base_bytes for engine in engines[1:])


def test_two_threads_with_two_adapters_do_not_mix_them_up(base, adapted_entry, tmp_path):
    engines = [
        Classifier(
            adapted_entry(base, adapter_of(tmp_path / str(seed), base, peft.TaskType.SEQ_CLS, seed=seed)[0]),
            1,
        )
        for seed in (1, 2)
    ]
    tokens = engines[0].tokenize(TEXTS)
    expected = [engine.compute(tokens) for engine in engines]
    wrong = []

    def work(place):
        found = [engines[place].compute(tokens) for _ in range(30)]
        wrong.extend(place for each in found if each != expected[place])

    threads = [threading.Thread(target=work, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_unloaded_adapter_leaves_nothing_behind_and_the_last_role_takes_the_base_along(
    base, entry_of, adapted_entry, tmp_path
):
    adapter, _ = adapter_of(tmp_path, base, peft.TaskType.SEQ_CLS, seed=1)
    plain = Embedder(entry_of(base), 1)
    trunk = weakref.ref(plain.network.answering.network)
    engine = Classifier(adapted_entry(base, adapter), 1)
    assert sum(len(module._forward_hooks) for module in trunk().modules()) == 4
    del engine
    gc.collect()
    assert sum(len(module._forward_hooks) for module in trunk().modules()) == 0
    del plain
    gc.collect()
    assert trunk() is None


def test_a_head_alone_needs_no_settings_of_an_adapter(
    base, classifier_folder, entry_of, adapted_entry, tmp_path
):
    """The weights of a head beside a base that lacks one; its labels are in a config.json of its own."""
    weights = safetensors.load_file(classifier_folder / "model.safetensors")
    head = {name: tensor for name, tensor in weights.items() if name.startswith("classifier.")}
    safetensors.save_file(head, tmp_path / "adapter_model.safetensors")
    shutil.copy(classifier_folder / "config.json", tmp_path)
    engine = Classifier(adapted_entry(classifier_folder, tmp_path), 1)
    alone = Classifier(entry_of(classifier_folder), 1)
    tokens = engine.tokenize(TEXTS)
    likeness(engine.compute(tokens), alone.compute(tokens))


def test_labels_are_counted_where_the_adapter_does_not_name_them(base, adapted_entry, tmp_path):
    adapter, _ = adapter_of(tmp_path, base, peft.TaskType.SEQ_CLS, seed=1)
    (adapter / "config.json").unlink()
    engine = Classifier(adapted_entry(base, adapter), 1)
    assert engine.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_a_base_that_was_published_without_its_pooler_is_not_made_up(base, adapted_entry, tmp_path):
    adapter, _ = adapter_of(tmp_path, base, peft.TaskType.SEQ_CLS, seed=1)
    folder = shutil.copytree(base, tmp_path / "without")
    weights = safetensors.load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    safetensors.save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadModel, match="pooler"):
        Classifier(adapted_entry(folder, adapter), 1)


def test_what_cannot_be_hung_on_the_base_is_refused(base, make_bert, adapted_entry, tmp_path):
    adapter, _ = adapter_of(tmp_path / "1", base, peft.TaskType.SEQ_CLS, seed=1)
    smaller = make_bert("base", num_hidden_layers=1)
    with pytest.raises(BadModel, match="another model"):
        Classifier(adapted_entry(smaller, adapter), 1)

    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(settings | {"use_dora": True}))
    with pytest.raises(BadModel, match="plain LoRA"):
        Classifier(adapted_entry(base, adapter), 1)

    (adapter / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadModel, match="cannot be loaded"):
        Classifier(adapted_entry(base, adapter), 1)

    headless, _ = adapter_of(tmp_path / "2", base, peft.TaskType.FEATURE_EXTRACTION, seed=1)
    with pytest.raises(BadModel, match="head"):
        Reader(adapted_entry(base, headless), 1)
