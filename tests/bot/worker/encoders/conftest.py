"""Tiny checkpoints with seeded weights, made once."""

import json

import pytest

from bot.worker.catalogue import Entry

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

KNOWN = "the a cat dog sat on and mat who where was is not good bad very great terrible . ? ! , 今 天 真 好"
WORDS = KNOWN.split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "##ful", "##ly"]
SHAPE = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.6,  # far from each other, so that answers differ
}
KINDS = {
    "base": transformers.BertModel,
    "classifier": transformers.BertForSequenceClassification,
    "reader": transformers.BertForQuestionAnswering,
}


def write_tokenizer(folder):
    vocabulary = {word: number for number, word in enumerate(VOCABULARY)}
    transformers.BertTokenizer(vocab=vocabulary, model_max_length=64).save_pretrained(folder)


@pytest.fixture(scope="session")
def make_bert(tmp_path_factory):
    """`make_bert("classifier", num_labels=3)`: the folder of a small BERT."""

    def make(kind, seed=0, **fields):
        folder = tmp_path_factory.mktemp(kind)
        torch.manual_seed(seed)
        labels = fields.pop("labels", None)
        if labels:
            fields["id2label"] = dict(enumerate(labels))
            fields["label2id"] = {label: number for number, label in enumerate(labels)}
        temperature = fields.pop("temperature", None)
        KINDS[kind](transformers.BertConfig(**SHAPE | fields)).save_pretrained(folder)
        write_tokenizer(folder)
        if temperature is not None:
            path = folder / "config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"temperature": temperature}))
        return folder

    return make


@pytest.fixture(scope="session")
def save_tokenizer():
    """`save_tokenizer(folder)`: a small WordPiece tokenizer."""
    return write_tokenizer


@pytest.fixture(scope="session")
def base(make_bert):
    return make_bert("base")


@pytest.fixture(scope="session")
def classifier_folder(make_bert):
    return make_bert("classifier", labels=["negative", "neutral", "positive"])


@pytest.fixture(scope="session")
def reader_folder(make_bert):
    return make_bert("reader")


@pytest.fixture(scope="session")
def entry_of():
    """`entry_of(folder, adapter=…)`: an entry of the catalogue."""

    def make(folder, **fields):
        values = {"sha256": "", "max_tokens": 0, "engine": "", "runtime": "torch"} | fields
        return Entry(role="tested", name="tiny", folder=folder, **values)

    return make


@pytest.fixture(scope="session")
def words():
    """The words that the tiny tokenizer knows."""
    return WORDS
