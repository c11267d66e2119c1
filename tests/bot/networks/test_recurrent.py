"""The recurrent classifier: padding changes nothing, attention is a share of the text, checkpoints load."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from bot.networks import register  # noqa: E402
from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification  # noqa: E402

SHORT, LONG = [5, 6, 7], [9, 8, 7, 6, 5, 4]


def network(cell="gru", **fields):
    torch.manual_seed(3)
    config = RecurrentConfig(
        vocab_size=20, embedding_size=8, hidden_size=6, attention_size=4, cell=cell, num_labels=3, **fields
    )
    return RecurrentForSequenceClassification(config).eval()


def answer(model, rows):
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    with torch.inference_mode():
        return model(input_ids=tokens, attention_mask=mask)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_and_neighbours_change_nothing(cell, layers):
    model = network(cell, layers=layers)
    together = answer(model, [SHORT, LONG])
    alone = answer(model, [SHORT])
    torch.testing.assert_close(together.logits[0], alone.logits[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(together.attentions[0, :3], alone.attentions[0], atol=1e-6, rtol=1e-5)


def test_attention_is_shared_out_among_the_tokens_of_each_text():
    weights = answer(network(), [SHORT, LONG]).attentions
    assert weights.shape == (2, 6)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[0, 3:].tolist() == [0.0, 0.0, 0.0]
    assert (weights[1] > 0).all()


def test_order_matters():
    assert not torch.allclose(answer(network(), [SHORT]).logits, answer(network(), [SHORT[::-1]]).logits)


def test_without_a_mask_padding_is_known_by_its_number():
    model = network()
    with torch.inference_mode():
        unmasked = model(input_ids=torch.tensor([[*SHORT, 0, 0, 0], LONG])).logits
    torch.testing.assert_close(unmasked, answer(model, [SHORT, LONG]).logits)


def test_an_empty_text_has_an_answer():
    with torch.inference_mode():
        logits = network()(input_ids=torch.zeros(1, 4, dtype=torch.long)).logits
    assert torch.isfinite(logits).all()


def test_vectors_instead_of_tokens_give_the_same_answer():
    model = network()
    tokens = torch.tensor([LONG])
    with torch.inference_mode():
        by_vectors = model(inputs_embeds=model.get_input_embeddings()(tokens)).logits
        torch.testing.assert_close(by_vectors, model(input_ids=tokens).logits)
    with pytest.raises(ValueError, match="input_ids or inputs_embeds"):
        model()


def test_labels_give_a_loss_that_learning_lowers():
    model = network(vocab_dropout=0.2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    tokens, labels = torch.tensor([[*SHORT, 0, 0, 0], LONG]), torch.tensor([0, 2])
    losses = []
    for _ in range(40):
        loss = model(input_ids=tokens, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


def test_hidden_tokens_are_only_hidden_while_learning():
    model = network(vocab_dropout=0.5, dropout=0.0)
    first, second = answer(model, [LONG]).logits, answer(model, [LONG]).logits
    assert torch.equal(first, second)
    model.train()
    torch.manual_seed(1)
    assert not torch.allclose(answer(model, [LONG]).logits, first)


def test_transformers_saves_and_loads_it(tmp_path):
    register()
    register()
    model = network("lstm", id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, RecurrentForSequenceClassification)
    assert loaded.config.id2label == {0: "a", 1: "b", 2: "c"}
    torch.testing.assert_close(answer(loaded, [SHORT, LONG]).logits, answer(model, [SHORT, LONG]).logits)


def test_another_cell_is_refused():
    with pytest.raises(ValueError, match="gru, lstm"):
        RecurrentConfig(cell="tanh")
