"""BERTScore is what Zhang et al. define, whatever texts are computed together."""

import json
import shutil

import pytest
import torch

from bot.errors import BadInput, BadModel
from bot.training.measures.bertscore import BertScore, Match, best, match

TEXTS = ["the train was great today", "we hate the broken house", "it was very lovely", "天气糟糕"]


@pytest.fixture(scope="module")
def bertscore(encoder):
    return BertScore(encoder)


def figures(measure, text, *references):
    (found,) = measure.score([text], [list(references)])
    return [found[f"bertscore_{name}"] for name in ("precision", "recall", "f1")]


def test_a_case_worked_out_by_hand():
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    reference = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    precision, recall = (1.0 + 0.8) / 2, (1.0 + 0.8 + 0.0) / 3
    expected = (precision, recall, 2 * precision * recall / (precision + recall))
    assert match(text, reference) == pytest.approx(expected)
    assert match(text, torch.zeros(0, 2)) == Match(0.0, 0.0, 0.0)
    assert match(text, -text[:1]).f1 == 0.0


def test_fixed_vectors_of_words_are_matched_one_by_one(encoder):
    """Words without context: those alike have cosine 1, two of width 4 have the cosine of their vectors."""
    measure = BertScore(encoder, layer=0)
    tokenizer, model = measure._checkpoint.tokenizer, measure._checkpoint.model
    with torch.no_grad():
        for each in model.embeddings.parameters():
            each.zero_()
        model.embeddings.LayerNorm.weight.fill_(1.0)
        table = {"great": (1, -1, 0, 0), "awful": (1, 0, -1, 0), "train": (0, 0, 1, -1)}
        for word, vector in table.items():
            (number,) = tokenizer(word, add_special_tokens=False)["input_ids"]
            model.embeddings.word_embeddings.weight[number, :4] = torch.tensor(vector, dtype=torch.float)
    assert figures(measure, "great train", "awful train") == pytest.approx([0.75, 0.75, 0.75], abs=1e-3)
    assert figures(measure, "great", "awful train") == pytest.approx([0.5, 0.25, 1 / 3], abs=1e-3)


def test_identical_texts_have_one_and_others_less(bertscore):
    for text in TEXTS:
        assert figures(bertscore, text, text) == pytest.approx([1.0, 1.0, 1.0], abs=1e-5)
    assert all(value < 0.999 for value in figures(bertscore, TEXTS[0], TEXTS[1]))


def test_exchanged_texts_exchange_precision_and_recall(bertscore):
    precision, recall, f1 = figures(bertscore, TEXTS[0], TEXTS[2])
    assert figures(bertscore, TEXTS[2], TEXTS[0]) == pytest.approx([recall, precision, f1], abs=1e-6)
    assert precision != pytest.approx(recall, abs=1e-4)


def test_neither_padding_nor_the_order_of_a_batch_changes_a_score(bertscore):
    long = " ".join(["the house was very lovely and we hate it"] * 4)
    references = [[long], [TEXTS[0]], [TEXTS[3]], [TEXTS[1]]]
    alone = [bertscore.score([text], [golds])[0] for text, golds in zip(TEXTS, references, strict=True)]
    together = bertscore.score(TEXTS, references)
    backwards = bertscore.score(TEXTS[::-1], references[::-1])[::-1]
    for single, batch, other in zip(alone, together, backwards, strict=True):
        assert batch == pytest.approx(single, abs=1e-5)
        assert other == pytest.approx(single, abs=1e-5)


def test_special_tokens_are_left_out(bertscore):
    (vectors,) = bertscore.vectors([TEXTS[0]]).values()
    tokenizer = bertscore._checkpoint.tokenizer
    assert len(vectors) == len(tokenizer(TEXTS[0], add_special_tokens=False)["input_ids"])
    assert len(vectors) < len(tokenizer(TEXTS[0])["input_ids"])
    assert figures(bertscore, "", TEXTS[0]) == [0.0, 0.0, 0.0]


def test_of_several_references_the_best_counts_for_each(bertscore):
    each = [Match(*figures(bertscore, TEXTS[0], gold)) for gold in TEXTS[1:3]]
    found = figures(bertscore, TEXTS[0], *TEXTS[1:3])
    assert found == pytest.approx(list(best(each).values()), abs=1e-6)
    assert found == pytest.approx([max(values) for values in zip(*each, strict=True)], abs=1e-6)


def test_layers_differ_and_the_last_is_taken_unless_another_is_asked_for(encoder, bertscore):
    assert bertscore.layer == 2
    first, last = (figures(BertScore(encoder, layer=layer), *TEXTS[:2]) for layer in (1, 2))
    assert last == pytest.approx(figures(bertscore, *TEXTS[:2]))
    assert first != pytest.approx(last, abs=1e-4)
    with pytest.raises(BadInput, match=r"--bertscore-layer 3: .*layers 0 to 2"):
        BertScore(encoder, layer=3)


def test_a_decoder_without_a_token_that_pads_is_taken(decoder):
    measure = BertScore(decoder)
    alone = measure.score(TEXTS[:1], [[TEXTS[1]]])[0]
    assert measure.score(TEXTS, [[TEXTS[1]]] * 4)[0] == pytest.approx(alone, abs=1e-5)


def test_texts_longer_than_the_model_are_told(bertscore):
    long = "train " * 70
    with pytest.raises(BadInput, match=r"reads 64 tokens, and a text has 71 \('train train"):
        bertscore.score(["the"], [[long]])
    with pytest.raises(BadInput, match="reads 64 tokens"):
        bertscore.check([long])


def test_folders_that_are_no_checkpoints_are_told(encoder, tmp_path):
    with pytest.raises(BadModel, match="no model folder"):
        BertScore(tmp_path / "nowhere")
    with pytest.raises(BadModel, match=r"holds no config\.json"):
        BertScore(tmp_path)
    pickled = tmp_path / "pickled"
    shutil.copytree(encoder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(BadModel, match=r"no \*\.safetensors"):
        BertScore(pickled)
    cut = tmp_path / "cut"
    shutil.copytree(encoder, cut)
    config = json.loads((cut / "config.json").read_text())
    (cut / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(BadModel, match="lack 16 tensors"):
        BertScore(cut)


def test_a_model_that_computes_no_numbers_is_told(encoder):
    measure = BertScore(encoder)
    with torch.no_grad():
        measure._checkpoint.model.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(BadModel, match="numbers that are none"):
        measure.score(["the"], [["train"]])
