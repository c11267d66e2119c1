"""A tiny chat model for whole systems: seeded, of a few thousand weights, saying nothing sensible."""

from __future__ import annotations

from pathlib import Path

import pytest

WORDS = (
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "on",
    "and",
    "mat",
    "who",
    "where",
    "was",
    "is",
    "not",
    "good",
    "bad",
)
SPECIAL = ("<pad>", "<unk>")
TEMPLATE = "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a causal model with a chat template. It never ends an answer by itself."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("models") / "tiny-chat"
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=TEMPLATE,
        model_max_length=4096,
    )
    config = transformers.Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        eos_token_id=None,
        pad_token_id=None,
        bos_token_id=None,
        initializer_range=0.4,
    )
    model = transformers.Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
