"""A classifier of MiniLM's shape with random weights: nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from bot.benchmarks.serving.loads import SEED, SYLLABLES, words

LONGEST = 512
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = 30_522
LABELS = {0: "negative", 1: "neutral", 2: "positive"}


def make_classifier(folder: Path) -> None:
    """Save 6 layers of 384, 12 heads and 22.7 million parameters, the same every time."""
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=LONGEST,
        id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(SEED)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    make_tokenizer(folder)


def make_tokenizer(folder: Path) -> None:
    """A WordPiece tokenizer that knows the words of the loads, in a form that old readers know too."""
    known = dict.fromkeys([*SPECIAL, *words(), *(f"##{each}" for each in SYLLABLES)])
    vocabulary = {piece: number for number, piece in enumerate(known)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True)
    described: dict[str, object] = {f"{name}_token": piece for name, piece in names}
    described |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LONGEST}
    (folder / "tokenizer_config.json").write_text(json.dumps(described), encoding="utf-8")
