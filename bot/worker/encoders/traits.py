"""What the files of a checkpoint say about its network, besides the weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadModel

# Where neither the network nor its tokenizer has a limit.
LONGEST = 512
SHORTEST = 16
# transformers writes a number as large as this where a tokenizer has no limit.
ENDLESS = 1_000_000
# They count positions from behind the number of the padding token.
SHIFTED = frozenset({"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta"})
MULTI_LABEL = "multi_label_classification"


@dataclass(frozen=True, slots=True)
class Traits:
    """`kind` is the model type, `filler` the token that pads, `longest` the tokens that it takes at once.

    With `is_independent` each label has a probability of its own. `temperature` divides the logits.
    """

    kind: str
    labels: tuple[str, ...]
    is_independent: bool
    temperature: float
    filler: int
    has_types: bool
    longest: int

    @classmethod
    def of(cls, config: Mapping[str, Any], tokenizer: Mapping[str, Any], most_tokens: int = 0) -> Traits:
        """From the contents of config.json and tokenizer_config.json. Raises BadModel.

        `most_tokens` is what the operator allows, 0 for all that the network takes.
        """
        names = config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
        temperature = float(config.get("temperature") or 1.0)
        if not (math.isfinite(temperature) and temperature > 0):
            raise BadModel(f"The temperature of a model must be over 0, not {temperature}.")
        limit = min(longest(config, tokenizer), most_tokens or ENDLESS)
        if limit < SHORTEST:
            raise BadModel(f"A model that takes {limit} tokens at once is of no use: {SHORTEST} are needed.")
        return cls(
            kind=str(config.get("model_type", "")),
            labels=tuple(name for _, name in sorted((int(key), str(name)) for key, name in names.items())),
            is_independent=config.get("problem_type") == MULTI_LABEL or len(names) == 1,
            temperature=temperature,
            filler=filler(config),
            has_types=(config.get("type_vocab_size") or 0) > 1,
            longest=limit,
        )


def read_traits(folder: Path, most_tokens: int = 0) -> Traits:
    """The traits of a checkpoint in `folder`. Raises BadModel when its config.json cannot be read."""
    config = read_json(folder / "config.json")
    described = folder / "tokenizer_config.json"
    return Traits.of(config, read_json(described) if described.exists() else {}, most_tokens)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises BadModel when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadModel(f"{path} cannot be loaded: it is missing or no JSON.") from None
    if not isinstance(found, dict):
        raise BadModel(f"{path} cannot be loaded: it holds no object.")
    return found


def filler(config: Mapping[str, Any]) -> int:
    """The token that pads: the network's own, else the one that ends a text, else 0."""
    vocabulary = config.get("vocab_size") or ENDLESS
    for name in ("pad_token_id", "eos_token_id"):
        if isinstance(config.get(name), int) and 0 <= config[name] < vocabulary:
            return int(config[name])
    return 0


def longest(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> int:
    """The tokens that a network takes at once."""
    limits = [tokenizer.get("model_max_length") or ENDLESS]
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if isinstance(positions, int) and positions > 0:
        shift = filler(config) + 1 if config.get("model_type") in SHIFTED else 0
        limits.append(positions - shift)
    shortest = int(min(limits))
    return LONGEST if shortest >= ENDLESS else shortest


def pools_first_token(folder: Path) -> bool:
    """Whether the folder asks for the first token's state instead of the mean. Raises BadModel."""
    declared = folder / "1_Pooling" / "config.json"
    if not declared.exists():
        return False
    modes = read_json(declared)
    if modes.get("pooling_mode_mean_tokens") or modes.get("pooling_mode") == "mean":
        return False
    if modes.get("pooling_mode_cls_token") or modes.get("pooling_mode") == "cls":
        return True
    raise BadModel(f"{declared} asks for a pooling other than mean or first token, which is not supported.")
