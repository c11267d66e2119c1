"""Rows, and a small classifier that was trained on them by the lab's own loop."""

import json
import random
from importlib.util import find_spec

import pytest

# Where no torch is installed there is no lab.
collect_ignore_glob = [] if find_spec("torch") and find_spec("transformers") else ["test_*.py"]

GOOD, BAD = (
    ("great", "happy", "lovely", "thanks", "高兴", "漂亮"),
    ("awful", "broken", "angry", "hate", "糟糕", "难过"),
)
OTHERS = ("the", "train", "house", "it", "was", "today", "and", "very", "we", "天气", "今天")


def rows_of(count, *, seed=1, labels=("negative", "neutral", "positive")):
    """Texts of a few words whose label follows from the words good and bad."""
    chance = random.Random(seed)
    deciding = {"negative": BAD, "positive": GOOD, "neutral": OTHERS, "toxic": BAD, "ok": GOOD}
    rows = []
    for number in range(count):
        label = labels[number % len(labels)]
        words = [*chance.choices(OTHERS, k=4), chance.choice(deciding[label])]
        chance.shuffle(words)
        rows.append({"text": " ".join(words), "label": label, "lang": "en"})
    return rows


def write_rows(path, rows):
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
    return path


@pytest.fixture(name="rows_of", scope="session")
def rows_of_fixture():
    return rows_of


@pytest.fixture(name="write_rows", scope="session")
def write_rows_fixture():
    return write_rows


@pytest.fixture(scope="session")
def small_plan():
    """How a network learns so few rows in a second or two."""
    from bot.training.courses.classifiers import FROM_NOTHING

    network = {"vocabulary": 600, "embedding": 16, "hidden": 12, "dropout": 0.1, "vocab_dropout": 0.0}
    changes = {"epochs": 6, "learning_rate": 0.02, "warmup": 5, "batch_tokens": 256, "average": 0.0}
    return FROM_NOTHING.changed({**changes, "network": network})


@pytest.fixture(scope="session")
def trained(tmp_path_factory, small_plan):
    """The folder of a recurrent sentiment classifier."""
    from bot.training.courses.classifiers import study
    from bot.training.loop.progress import Silent
    from bot.training.loop.request import Request
    from bot.training.loop.run import train

    folder = tmp_path_factory.mktemp("trained")
    data = write_rows(folder / "rows.jsonl", rows_of(300))
    development = write_rows(folder / "dev.jsonl", rows_of(60, seed=2))
    request = Request("sentiment", [data], folder / "model", development=[development], architecture="gru")
    train(study(request, small_plan), small_plan, request.out, progress=Silent())
    return request.out


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """A folder with a BERT-like encoder of random weights, and its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    from bot.training.rows.subwords import learn_subwords

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = learn_subwords([row["text"] for row in rows_of(300)], size=600, folded=True)
    torch.manual_seed(1)
    BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def decoder(tmp_path_factory, encoder):
    """A folder with a GPT-2-like decoder of random weights, whose tokenizer has no padding."""
    import torch
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("decoder")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(encoder / "tokenizer.json"), eos_token="</s>")
    torch.manual_seed(1)
    GPT2Model(
        GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
