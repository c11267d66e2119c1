"""A tiny chat model for whole systems, and a real server of it that speaks the OpenAI protocol."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

SERVER_SECONDS = 180.0

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
    """The folder of a causal model with a chat template: seeded, senseless, and it never ends."""
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


class ModelServer:
    """`transformers serve` with one model, in a process of its own, and no way to the network's hub."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.model = str(model)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._log = folder / "serve.log"
        (folder / "hub").mkdir()
        program = str(Path(sys.executable).with_name("transformers"))
        place = ("--host", "127.0.0.1", "--port", str(self.port))
        quiet = {"HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "serve", self.model, "--device", "cpu", *place],
                env=os.environ | quiet,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.2)
        raise AssertionError(f"transformers serve did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def model_server(tiny_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A real server of big models, with a tiny one; it may be killed."""
    if find_spec("openai") is None:
        pytest.skip("transformers serve is not complete: pip install 'transformers[serving]'")
    server = ModelServer(tiny_chat, tmp_path_factory.mktemp("serve"))
    try:
        server.wait()
        yield server
    finally:
        server.kill()
