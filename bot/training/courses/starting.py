"""What a classifier starts from: a network of random weights, or a checkpoint with a new head."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from bot.errors import BadInput
from bot.networks.pooled import PooledConfig, PooledForSequenceClassification
from bot.networks.recurrent import CELLS, RecurrentConfig, RecurrentForSequenceClassification
from bot.training.checkpoints.choosing import WEIGHTS
from bot.training.checkpoints.classifier import load_checkpoint
from bot.training.rows.subwords import learn_subwords, wrap

TRANSFORMER = "transformer"
OWN = (RecurrentForSequenceClassification, PooledForSequenceClassification)
ARCHITECTURES = (*CELLS, TRANSFORMER)


def new_classifier(
    architecture: str, labels: Sequence[str], network: Mapping[str, Any], *, texts: Sequence[str], seed: int
) -> tuple[Any, Any]:
    """A model and its tokenizer: `gru`, `lstm` or `transformer` from nothing, or a checkpoint's folder.

    From nothing, the vocabulary is learnt from `texts`; without any it is that of the built-in model of
    sentiment, which knows English and Chinese. Raises BadInput for another word, BadModel for a
    folder that holds no checkpoint.
    """
    torch.manual_seed(seed)
    names = {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    if architecture in ARCHITECTURES:
        tokenizer = _vocabulary(texts, network["vocabulary"])
        builder = _transformer if architecture == TRANSFORMER else _recurrent
        return builder(architecture, tokenizer, network, names), tokenizer
    if not Path(architecture).is_dir():
        raise BadInput(
            f"The architecture must be {', '.join(ARCHITECTURES)} or the folder of a checkpoint, not "
            f"{architecture!r}."
        )
    model, tokenizer = load_checkpoint(
        Path(architecture), num_labels=len(labels), ignore_mismatched_sizes=True, **names
    )
    if isinstance(model, OWN) and _labels_of(Path(architecture)) != len(labels):
        model.classifier.reset_parameters()  # what was loaded in its place is no number anyone chose
    if means_sentences(Path(architecture)):
        model = _pooled(model, names)
    return (with_lora(model, network["lora"]) if network["lora"] else model), tokenizer


def _vocabulary(texts: Sequence[str], size: int) -> Any:
    if texts:
        return learn_subwords(texts, size=size, folded=True)
    return wrap(Tokenizer.from_file(str(WEIGHTS / "sentiment" / "tokenizer.json")))


def _labels_of(folder: Path) -> int:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return len(config.get("id2label") or (0, 1))


def with_lora(model: Any, rank: int) -> Any:
    """The model with low-rank layers beside its own, which stay as they are (Hu et al., 2021)."""
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers.pytorch_utils import Conv1D

    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=rank,
            lora_alpha=2 * rank,
            lora_dropout=0.05,
            target_modules="all-linear",
            fan_in_fan_out=any(isinstance(each, Conv1D) for each in model.modules()),
        ),
    )


def means_sentences(folder: Path) -> bool:
    """Whether a folder's encoder was made for the mean of its states: its first token was never trained."""
    declared = folder / "1_Pooling" / "config.json"
    return declared.exists() and bool(json.loads(declared.read_text()).get("pooling_mode_mean_tokens"))


def _pooled(model: Any, names: Mapping[str, Any]) -> Any:
    encoder = model.base_model
    pooled = PooledForSequenceClassification(
        PooledConfig(encoder=encoder.config.to_dict(), pad_token_id=encoder.config.pad_token_id, **names)
    )
    pooled.encoder.load_state_dict(encoder.state_dict())
    return pooled


def _recurrent(cell: str, tokenizer: Any, network: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    return RecurrentForSequenceClassification(
        RecurrentConfig(
            vocab_size=len(tokenizer),
            embedding_size=network["embedding"],
            hidden_size=network["hidden"],
            layers=network["layers"],
            cell=cell,
            dropout=network["dropout"],
            vocab_dropout=network["vocab_dropout"],
            pad_token_id=tokenizer.pad_token_id,
            **names,
        )
    )


def _transformer(_: str, tokenizer: Any, network: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=2 * network["hidden"],
            num_hidden_layers=2 * network["layers"],
            num_attention_heads=4,
            intermediate_size=8 * network["hidden"],
            hidden_dropout_prob=network["dropout"] / 2,
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.pad_token_id,
            **names,
        )
    )
