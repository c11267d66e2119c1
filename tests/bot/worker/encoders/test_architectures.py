"""Checkpoints of other kinds: without types of tokens, with shifted positions, causal, our own network."""

import pytest

from bot.networks import register
from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification
from bot.worker.encoders import open_classification

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LABELS = {0: "negative", 1: "neutral", 2: "positive"}
TEXTS = ["the cat sat", "very good !", "bad", "the dog was terrible and the cat was great " * 3, ""]
SMALL = {"vocab_size": 34, "id2label": LABELS, "label2id": {name: n for n, name in LABELS.items()}}
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def distilbert():
    config = transformers.DistilBertConfig(dim=32, n_layers=2, n_heads=2, hidden_dim=64, **SMALL)
    return transformers.DistilBertForSequenceClassification(config)


def roberta():
    config = transformers.RobertaConfig(
        max_position_embeddings=40, type_vocab_size=1, pad_token_id=0, **SMALL | BERT
    )
    return transformers.RobertaForSequenceClassification(config)


def gpt2():
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, n_positions=64, pad_token_id=None, **SMALL
    )
    return transformers.GPT2ForSequenceClassification(config)


def recurrent():
    register()
    return RecurrentForSequenceClassification(RecurrentConfig(embedding_size=16, hidden_size=16, **SMALL))


@pytest.fixture(scope="module", params=[distilbert, roberta, gpt2, recurrent], ids=lambda make: make.__name__)
def folder(request, tmp_path_factory, save_tokenizer):
    return written(request.param, tmp_path_factory.mktemp(request.param.__name__), save_tokenizer)


def written(make, folder, save_tokenizer):
    torch.manual_seed(0)
    make().save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def engine(folder, entry_of):
    return open_classification(entry_of(folder), 1)


def test_it_says_what_the_network_says(folder, engine):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    members = engine.tokenize(TEXTS)
    for member, judgement in zip(members, engine.compute(members), strict=True):
        if len(member.windows) > 1:
            continue
        with torch.inference_mode():
            expected = model(torch.tensor([member.windows[0].tokens])).logits[0].softmax(-1)
        by_label = dict(judgement.labels)
        assert [by_label[name] for name in LABELS.values()] == pytest.approx(expected.tolist(), abs=1e-5)


def test_it_explains_whole_words(engine):
    text = "the cats was terribly bad"
    (judgement,) = engine.compute(engine.tokenize([text]), True)
    assert [text[start:end] for start, end, _ in judgement.words] == text.split()
    assert sum(abs(score) for *_, score in judgement.words) == pytest.approx(1)


def test_our_own_network_shows_its_attention(tmp_path, save_tokenizer, entry_of):
    folder = written(recurrent, tmp_path, save_tokenizer)
    engine = open_classification(entry_of(folder), 1)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    (member,) = engine.tokenize(["the cat was bad"])
    with torch.inference_mode():
        attention = model(torch.tensor([member.windows[0].tokens])).attentions[0][1:-1]
    (judgement,) = engine.compute([member], True)
    expected = attention / attention.sum()
    assert [word.score for word in judgement.words] == pytest.approx(expected.tolist(), abs=1e-5)


def test_positions_that_are_shifted_leave_fewer_tokens(folder, engine):
    kind = engine.network.traits.kind
    assert engine.network.traits.longest == {"roberta": 39}.get(kind, 64)
    (member,) = engine.tokenize(["good " * 300])
    assert engine.compute([member])[0].labels


def test_types_of_tokens_are_given_to_networks_that_know_them(engine, classifier_folder, entry_of):
    assert not engine.network.traits.has_types
    assert open_classification(entry_of(classifier_folder), 1).network.traits.has_types
