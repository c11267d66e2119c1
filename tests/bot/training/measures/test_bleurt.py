"""BLEURT asks a model with one output about (reference, text), whatever pairs are computed together."""

import json

import pytest
import torch

from bot.errors import BadInput, BadModel
from bot.training.measures.bleurt import Bleurt

TEXTS = ["the train was great today", "we hate the broken house", "it was very lovely", "天气糟糕"]


@pytest.fixture(scope="module")
def headed(tmp_path_factory, encoder):
    """Make a folder of an encoder with a head of so many outputs, whose tokenizer tells halves apart."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    ends = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("<s>", "</s>")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=ends
    )

    def make(outputs):
        folder = tmp_path_factory.mktemp(f"outputs-{outputs}")
        torch.manual_seed(3)
        network = BertForSequenceClassification.from_pretrained(encoder, num_labels=outputs)
        torch.nn.init.normal_(network.classifier.weight, std=1.0)
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def bleurt(headed):
    return Bleurt(headed(1))


def score(measure, text, *references):
    (found,) = measure.score([text], [list(references)])
    return found["bleurt"]


def test_the_score_is_the_output_for_the_reference_and_then_the_text(bleurt):
    """As transformers itself computes the pair, halves and all."""
    checkpoint = bleurt._checkpoint
    with torch.inference_mode():
        inputs = checkpoint.tokenizer(TEXTS[1], TEXTS[0], return_tensors="pt")
        halves = torch.tensor([checkpoint.encode([TEXTS[1]], [TEXTS[0]])[0].halves])
        assert set(halves[0].tolist()) == {0, 1}
        asked = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        expected = float(checkpoint.model(**asked, token_type_ids=halves).logits)
    assert score(bleurt, TEXTS[0], TEXTS[1]) == pytest.approx(expected, abs=1e-6)
    assert score(bleurt, TEXTS[1], TEXTS[0]) != pytest.approx(expected, abs=1e-4)


def test_neither_padding_nor_the_order_of_a_batch_changes_a_score(bleurt):
    references = [[" ".join(TEXTS[:3])], [TEXTS[0]], [TEXTS[3]], [TEXTS[1]]]
    alone = [score(bleurt, text, *golds) for text, golds in zip(TEXTS, references, strict=True)]
    together = [each["bleurt"] for each in bleurt.score(TEXTS, references)]
    backwards = [each["bleurt"] for each in bleurt.score(TEXTS[::-1], references[::-1])][::-1]
    assert together == pytest.approx(alone, abs=1e-5)
    assert backwards == pytest.approx(alone, abs=1e-5)
    assert len({round(each, 3) for each in alone}) == 4


def test_of_several_references_the_best_counts(bleurt):
    each = [score(bleurt, TEXTS[0], gold) for gold in TEXTS[1:]]
    assert score(bleurt, TEXTS[0], *TEXTS[1:]) == pytest.approx(max(each), abs=1e-5)
    many = bleurt.score(TEXTS[:2], [TEXTS[1:], TEXTS[:1]])
    assert many[1]["bleurt"] == pytest.approx(score(bleurt, TEXTS[1], TEXTS[0]), abs=1e-5)


def test_a_head_with_more_outputs_and_a_model_without_one_are_told(headed, encoder, tmp_path):
    with pytest.raises(BadModel, match="has 3 outputs, and BLEURT has one"):
        Bleurt(headed(3))
    with pytest.raises(
        BadModel, match=r"holds a BertModel\. BLEURT is a checkpoint for sequence classification"
    ):
        Bleurt(encoder)
    with pytest.raises(BadModel, match="no model folder"):
        Bleurt(tmp_path / "nowhere")


def test_a_folder_whose_weights_have_no_head_is_told(headed, encoder):
    folder = headed(1)
    (folder / "model.safetensors").write_bytes((encoder / "model.safetensors").read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": None}))
    with pytest.raises(BadModel, match=r"lack .* tensors, such as classifier"):
        Bleurt(folder)


def test_pairs_longer_than_the_model_are_told(bleurt):
    half = "train " * 40
    bleurt.check([half])
    with pytest.raises(BadInput, match="reads 64 tokens, and a text has 8"):
        bleurt.score([half], [[half]])
    with pytest.raises(BadInput, match="reads 64 tokens"):
        bleurt.check(["train " * 70])
