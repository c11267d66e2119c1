"""Learn a language from unlabelled text: a small GPT-2, to be fine-tuned later on what labels there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from bot.errors import BadInput, BadModel
from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.rows.data import numbered_rows
from bot.training.rows.subwords import learn_subwords

HELD_OUT = 0.02
NEW = "gpt2"
PLAN = Plan(
    epochs=3,
    learning_rate=1e-3,
    schedule="cosine",
    warmup=200,
    batch_tokens=4096,
    validations=4,
    patience=4,
    weight_decay=0.1,
    beta2=0.95,
    network={
        "vocabulary": 12_000,
        "width": 256,
        "layers": 4,
        "heads": 4,
        "dropout": 0.1,
        "block": 256,
        "validated": 200,
    },
)


def default_plan(request: Request) -> Plan:
    """The plan of a GPT-2 of about 6 million parameters."""
    return PLAN


def study(request: Request, plan: Plan) -> LanguageStudy:
    """A language model of the rows' texts: a new GPT-2, or a causal checkpoint that learns on."""
    if unknown := set(plan.network) - set(PLAN.network):
        raise BadInput(f"The plan's network has no {min(unknown)!r}; it has {', '.join(PLAN.network)}.")
    texts = read_texts(request.data)
    if request.development:
        development = read_texts(request.development)
    else:
        held_out = max(1, round(HELD_OUT * len(texts)))
        order = np.random.default_rng(plan.seed).permutation(len(texts))
        development = [texts[each] for each in order[:held_out]]
        texts = [texts[each] for each in order[held_out:]]
    if not texts:
        raise BadInput("One text is too little to learn from and to measure on: give more, or --dev.")
    return LanguageStudy(texts, development, plan, architecture=request.architecture or NEW)


def read_texts(files: Sequence[Path]) -> list[str]:
    """The texts of all files' rows. Raises BadInput with file and line."""
    texts = []
    for file in files:
        for place, row in numbered_rows(file):
            if not isinstance(row.get("text"), str) or not row["text"].strip():
                raise BadInput(f"{place}: 'text' must be a text that is not empty.")
            texts.append(row["text"])
    return texts


class Blocks(Sequence[torch.Tensor]):
    """One long row of tokens as batches of equally long blocks, (blocks, block), in random order."""

    def __init__(
        self, tokens: NDArray[np.int32], *, block: int, together: int, random: np.random.Generator | None
    ) -> None:
        whole = max(1, len(tokens) // block)
        self._blocks = tokens[: whole * block].reshape(whole, -1)
        self._together = together
        self._order = np.arange(whole) if random is None else random.permutation(whole)

    def __len__(self) -> int:
        return -(-len(self._order) // self._together)

    def __getitem__(self, place: int) -> torch.Tensor:  # type: ignore[override]
        if not 0 <= place < len(self):
            raise IndexError(place)
        chosen = self._order[place * self._together : (place + 1) * self._together]
        return torch.from_numpy(self._blocks[chosen].astype(np.int64))


class LanguageStudy:
    """Guess each token from those before it. Its score is the perplexity of the development texts.

    `bits_per_character` is the same loss in a unit that does not depend on the vocabulary.
    """

    score = "-perplexity"

    def __init__(
        self, train: Sequence[str], development: Sequence[str], plan: Plan, *, architecture: str = NEW
    ) -> None:
        self._plan, self._network = plan, plan.network
        torch.manual_seed(plan.seed)
        self.model: Any
        self.model, self.tokenizer = _start(architecture, train, plan)
        self._train = self._tokens(train)
        self._development = self._tokens(development)
        self._characters = sum(len(text) for text in development) / len(self._development)

    def batches(self, epoch: int) -> Blocks:
        """All blocks once."""
        return self._blocks(self._train, np.random.default_rng((self._plan.seed, epoch)))

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """Cross-entropy, mean over the tokens."""
        words = batch.to(self.model.device)
        loss: torch.Tensor = self.model(input_ids=words, labels=words, use_cache=False).loss
        return loss

    def validate(self) -> dict[str, float]:
        """Perplexity and bits per character of the first development blocks."""
        blocks = self._blocks(self._development, None)
        most = max(1, self._network["validated"] // self._together)
        losses = [float(self.loss(blocks[place])) for place in range(min(most, len(blocks)))]
        mean = sum(losses) / len(losses)
        return {
            "perplexity": round(math.exp(min(mean, 50.0)), 3),
            "bits_per_character": round(mean / math.log(2) / self._characters, 4),
        }

    def save(self, folder: Path) -> None:
        """The network in single precision, to be fine-tuned from, with its tokenizer."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @property
    def _together(self) -> int:
        return int(max(1, self._plan.batch_tokens // self._network["block"]))

    def _blocks(self, tokens: NDArray[np.int32], random: np.random.Generator | None) -> Blocks:
        return Blocks(tokens, block=self._network["block"], together=self._together, random=random)

    def _tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """All texts one after the other, each with the end's token after it."""
        end = self.tokenizer.eos_token_id
        rows = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return np.fromiter((token for row in rows for token in [*row, end]), np.int32)


def _start(architecture: str, texts: Sequence[str], plan: Plan) -> tuple[Any, Any]:
    if architecture == NEW:
        tokenizer = learn_subwords(texts, size=plan.network["vocabulary"])
        return GPT2LMHeadModel(_gpt2(tokenizer, plan)), tokenizer
    if not Path(architecture).is_dir():
        raise BadInput(
            f"The architecture is {NEW} or the folder of a causal checkpoint, not {architecture!r}."
        )
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            architecture, use_safetensors=True, dtype=torch.float32, **safe
        )
        return model, AutoTokenizer.from_pretrained(architecture, **safe)
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadModel(f"The model in {architecture} cannot be loaded: {reason[:300]}") from None


def _gpt2(tokenizer: Any, plan: Plan) -> GPT2Config:
    sizes = plan.network
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=max(256, sizes["block"]),
        n_embd=sizes["width"],
        n_layer=sizes["layers"],
        n_head=sizes["heads"],
        resid_pdrop=sizes["dropout"],
        embd_pdrop=sizes["dropout"],
        attn_pdrop=0.0,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
