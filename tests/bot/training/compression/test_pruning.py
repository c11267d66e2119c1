"""Networks with fewer units: the weakest go, and the rest computes as before."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from bot.errors import BadInput
from bot.networks.pooled import PooledConfig, PooledForSequenceClassification
from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification
from bot.training.compression.pruning import prune

SIZES = {"vocab_size": 50, "num_labels": 3, "pad_token_id": 0}
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
TOKENS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
MASK = (TOKENS != 0).long()


def bert():
    return transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES, **BERT))


def pooled():
    encoder = transformers.BertConfig(vocab_size=50, **BERT).to_dict()
    return PooledForSequenceClassification(PooledConfig(encoder=encoder, num_labels=3))


def gpt2():
    config = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=64, **SIZES)
    return transformers.GPT2ForSequenceClassification(config)


def recurrent(layers=2, cell="gru"):
    config = RecurrentConfig(
        embedding_size=12, hidden_size=16, attention_size=8, layers=layers, cell=cell, **SIZES
    )
    return RecurrentForSequenceClassification(config)


def logits(model):
    with torch.inference_mode():
        return model.eval()(input_ids=TOKENS, attention_mask=MASK).logits


@pytest.mark.parametrize("make", [bert, pooled, gpt2])
def test_layers_between_attention_become_narrower(make, tmp_path):
    torch.manual_seed(1)
    model = make()
    before = sum(each.numel() for each in model.parameters())
    smaller, note = prune(model, 0.5)
    assert "in each of 2 feed-forward layers" in note
    assert sum(each.numel() for each in smaller.parameters()) < 0.9 * before
    smaller.save_pretrained(tmp_path)
    again = type(smaller).from_pretrained(tmp_path)
    assert torch.allclose(logits(again), logits(smaller), atol=1e-6)


@pytest.mark.parametrize("make", [bert, gpt2])
def test_units_that_do_nothing_go_first(make):
    torch.manual_seed(1)
    model = make()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("intermediate.dense.weight"):
                weight[::2] = 0
                model.get_parameter(name.replace("weight", "bias"))[::2] = 0
            if name.endswith("mlp.c_fc.weight"):
                weight[:, ::2] = 0
                model.get_parameter(name.replace("weight", "bias"))[::2] = 0
    before = logits(model)
    smaller, _ = prune(model, 0.5)
    assert torch.allclose(logits(smaller), before, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_hidden_units_that_do_nothing_go_first(cell, layers):
    torch.manual_seed(1)
    model = recurrent(layers, cell)
    idle = list(range(0, 16, 2))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.startswith("recurrent."):
                weight.unflatten(0, (-1, 16))[:, idle] = 0  # a unit that is always 0
    before = logits(model)
    smaller, note = prune(model, 0.5)
    assert note.startswith("8 of 16 hidden units")
    assert smaller.config.hidden_size == 8
    assert torch.allclose(logits(smaller), before, atol=1e-5)


def test_a_network_that_cannot_be_narrower_says_so():
    config = transformers.ConvBertConfig(**SIZES, **{**BERT, "intermediate_size": 32})
    model = transformers.ConvBertForSequenceClassification(config)
    same, note = prune(model, 0.3)
    assert "smaller only when it is packed" in note
    zeros = sum(int((each == 0).sum()) for each in same.parameters() if each.dim() == 2)
    assert zeros > 0.25 * sum(each.numel() for each in same.parameters() if each.dim() == 2)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(BadInput, match="above 0 and below 1"):
        prune(recurrent(), share)
