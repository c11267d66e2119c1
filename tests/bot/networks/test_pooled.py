"""The classifier on the mean of an encoder's states."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from bot.networks import register  # noqa: E402
from bot.networks.pooled import PooledConfig, PooledForSequenceClassification  # noqa: E402


@pytest.fixture
def network():
    torch.manual_seed(2)
    encoder = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    return PooledForSequenceClassification(PooledConfig(encoder=encoder.to_dict(), num_labels=3)).eval()


def test_padding_changes_nothing(network):
    tokens = torch.tensor([[5, 6, 7, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    with torch.inference_mode():
        padded = network(input_ids=tokens, attention_mask=mask).logits
        torch.testing.assert_close(padded, network(input_ids=tokens[:, :3]).logits, atol=1e-6, rtol=1e-5)


def test_it_is_the_mean_of_the_states(network):
    tokens = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        states = network.encoder(input_ids=tokens)[0]
        torch.testing.assert_close(network(input_ids=tokens).logits, network.classifier(states.mean(1)))
        vectors = network.get_input_embeddings()(tokens)
        torch.testing.assert_close(network(inputs_embeds=vectors).logits, network(input_ids=tokens).logits)


def test_labels_give_a_loss(network):
    loss = network(input_ids=torch.tensor([[5, 6, 7]]), labels=torch.tensor([1])).loss
    loss.backward()
    assert network.classifier.weight.grad.abs().sum() > 0


def test_transformers_saves_and_loads_it(network, tmp_path):
    register()
    network.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        torch.testing.assert_close(loaded(input_ids=tokens).logits, network(input_ids=tokens).logits)
