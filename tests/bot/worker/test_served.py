"""All tasks by one worker with real checkpoints, tiny and random, made here."""

import asyncio
import json
import shutil

import numpy as np
import pytest

from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.server.serving import Server
from bot.worker.wire import address as addresses
from bot.worker.wire import frames

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = [
    *("the", "a", "cat", "dog", "sat", "on", "and", "mat", "who", "where", "was"),
    *("is", "not", "good", "bad", "very", "great", "terrible"),
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.6,
}
MARIAN = {
    "vocab_size": 40,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
    "bos_token_id": None,
    "init_std": 0.4,
}
QWEN = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "eos_token_id": 39,
    "pad_token_id": None,
    "bos_token_id": None,
    "initializer_range": 0.2,
}


def save_bert(kind, folder, **fields):
    kind(transformers.BertConfig(**BERT | fields)).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    transformers.BertTokenizer(vocab=vocabulary, model_max_length=64).save_pretrained(folder)


def save_writer(model, folder, **names):
    words = ["<pad>", "</s>", "<unk>", *WORDS]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", **names
    )
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder for each role."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("models")
    labels = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
    save_bert(transformers.BertModel, folder / "embedding")
    save_bert(transformers.BertForSequenceClassification, folder / "sentiment", **labels)
    save_bert(transformers.BertForQuestionAnswering, folder / "reader")
    save_bert(transformers.BertForSequenceClassification, folder / "reranking", num_labels=1)
    tags = {"additional_special_tokens": [">>de<<", ">>fr<<"]}
    save_writer(
        transformers.MarianMTModel(transformers.MarianConfig(**MARIAN)), folder / "translation", **tags
    )
    save_writer(transformers.MarianMTModel(transformers.MarianConfig(**MARIAN)), folder / "summary")
    save_writer(transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**QWEN)), folder / "chat")
    return folder


def choices_of(folder, **changed):
    roles = {each.name: ModelChoice(each, engine="torch") for each in folder.iterdir()}
    return WorkerOptions(models=roles | changed, threads=1)


class Talk:
    """A bot's side of one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.number = 0

    async def ask(self, role, texts, **choices):
        """Values or error, or the rows; with the pieces that came before."""
        self.number += 1
        ask = {"kind": "ask", "id": self.number, "role": role, "texts": texts, "priority": 1, "deadline": 60}
        self.writer.write(frames.encode(ask | {"choices": choices}))
        pieces = []
        while frame := await frames.read(self.reader):
            header, body = frame
            pieces += [each["text"] for each in header.get("pieces", [])]
            if header["kind"] == "answers":
                (answer,) = header["answers"]
                if "shape" in answer:
                    return np.frombuffer(body, dtype="<f4").reshape(answer["shape"])
                return answer.get("values", answer) | ({"pieces": pieces} if pieces else {})
        return None


@pytest.fixture
def serve(tmp_path):
    """`async with serve(options) as talk`."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def serve(options):
        server = Server(options, "key")
        listener, place = await server.listen(f"unix:{tmp_path}/s.sock")
        async with listener:
            await asyncio.wait_for(server.ready(), 60)
            reader, writer = await addresses.connect(place)
            writer.write(frames.encode({"kind": "hello", "key": "key", "version": 1}))
            yield Talk(reader, writer)
            writer.close()
            await asyncio.sleep(0.05)

    return serve


async def test_every_task_is_served(models, serve):
    async with serve(choices_of(models)) as talk:
        rows = await talk.ask("embedding", ["the cat", "a very good dog"])
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
        found = await talk.ask("sentiment", ["a good cat", "terrible"], explain=True)
        for labels in found["labels"]:
            assert {label for label, _ in labels} == {"negative", "positive"}
            assert sum(share for _, share in labels) == pytest.approx(1.0, abs=1e-4)
        assert all(0 <= start < end <= 10 for start, end, _ in found["words"][0])
        found = await talk.ask("reader", ["where was the cat", "the cat sat on a mat", "a dog"])
        assert len(found["spans"]) == 2
        assert all(0 <= start <= end <= 20 and 0 <= share <= 1 for start, end, share in found["spans"])
        found = await talk.ask("reranking", ["good cat", "a good cat", "the dog sat"])
        assert all(0 <= score <= 1 for score in found["scores"])
        found = await talk.ask("translation", ["the cat sat", "a dog"], target="de", source="en")
        assert [type(text) for text in found["texts"]] == [str, str]
        assert (await talk.ask("translation", ["the cat"], target="xx"))["error"] == "BadInput"
        found = await talk.ask("summary", ["the cat sat on the mat and the dog was good"], most_words=4)
        assert len(found["texts"]) == 1
        found = await talk.ask("chat", ["the cat"], speakers=["person"], most_tokens=8)
        assert found["is_cut"] in (True, False)
        assert "".join(found.get("pieces", [])) or not found["is_cut"]


async def test_together_or_alone_the_answers_are_the_same(models, serve):
    texts = [" ".join(WORDS[place : place + length]) for place in range(8) for length in (1, 3, 9)]
    async with serve(choices_of(models)) as talk:
        together = (await talk.ask("sentiment", texts))["labels"]
        for text, labels in zip(texts[::5], together[::5], strict=True):
            (alone,) = (await talk.ask("sentiment", [text]))["labels"]
            assert dict(alone) == pytest.approx(dict(labels), abs=1e-4)


async def test_a_checkpoint_of_another_kind_leaves_the_other_roles(models, serve):
    wrong = {"sentiment": ModelChoice(models / "chat"), "chat": ModelChoice(models / "reader")}
    async with serve(choices_of(models, **wrong)) as talk:
        assert "Qwen2ForCausalLM" in (await talk.ask("sentiment", ["a"]))["reason"]
        answer = await talk.ask("chat", ["a"], speakers=["person"])
        assert "causal language model" in answer["reason"]
        assert (await talk.ask("embedding", ["a"])).shape == (1, 32)


@pytest.mark.parametrize("damage", ["truncated", "huge header", "pickle", "sha256"])
async def test_damaged_weights_are_refused_and_nothing_of_them_runs(models, serve, tmp_path, damage):
    folder = tmp_path / "damaged"
    shutil.copytree(models / "sentiment", folder)
    weights, canary = folder / "model.safetensors", tmp_path / "canary"
    sha256 = ""
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "huge header":
        weights.write_bytes((2**40).to_bytes(8, "little") + weights.read_bytes()[8:])
    elif damage == "pickle":
        weights.unlink()
        code = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
        (folder / "pytorch_model.bin").write_bytes(code)
    else:
        sha256 = "0" * 64
    choice = ModelChoice(folder, engine="torch", sha256=sha256)
    async with serve(choices_of(models, sentiment=choice)) as talk:
        answer = await talk.ask("sentiment", ["a"])
        assert answer["error"] == "BadModel", answer
        assert str(folder) in answer["reason"]
        assert (await talk.ask("embedding", ["a"])).shape == (1, 32)
    assert not canary.exists()


async def test_a_vocabulary_larger_than_the_model_fails_texts_alone(models, serve, tmp_path):
    folder = tmp_path / "sentiment"
    shutil.copytree(models / "sentiment", folder)
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["vocab"]["zebra"] = 5000
    file.write_text(json.dumps(tokenizer))
    async with serve(choices_of(models, sentiment=ModelChoice(folder, engine="torch"))) as talk:
        answer = await talk.ask("sentiment", ["the zebra"])
        assert answer["error"] in ("Uncomputable", "BadModel")
        if answer["error"] == "Uncomputable":
            assert "labels" in await talk.ask("sentiment", ["the cat"])


async def test_nearness_ranks_when_there_is_no_reranker(models, serve):
    options = choices_of(models, reranking=ModelChoice())
    async with serve(options) as talk:
        scores = (await talk.ask("reranking", ["a good cat", "a good cat", "terrible"]))["scores"]
        assert scores[0] == pytest.approx(1.0, abs=1e-4)
        assert scores[1] < scores[0]
        assert (await talk.ask("reranking", ["a question alone"]))["error"] == "BadInput"
