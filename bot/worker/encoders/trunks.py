"""Checkpoints as torch networks; a base that several roles build on is loaded once."""

from __future__ import annotations

import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
)

from bot.errors import BadModel
from bot.models import Task
from bot.networks import register
from bot.worker.catalogue import Entry
from bot.worker.encoders.adapters import Adapter, adapt, read_weights
from bot.worker.encoders.traits import read_json
from bot.worker.loading import first_line, load_model, load_part

CLASSES = {
    Task.EMBEDDING: AutoModel,
    Task.CLASSIFICATION: AutoModelForSequenceClassification,
    Task.RERANKING: AutoModelForSequenceClassification,
    Task.EXTRACTION: AutoModelForQuestionAnswering,
}

_trunks: weakref.WeakValueDictionary[Path, nn.Module] = weakref.WeakValueDictionary()
_loading = threading.Lock()


def load_trunk(entry: Entry, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The base in the entry's folder, the same one for all who ask while one of them keeps it.

    Raises BadModel.
    """
    place = entry.folder.resolve()
    with _loading:
        trunk = _trunks.get(place)
        if trunk is None:
            loaded = load_model(AutoModel, entry, dtype, unneeded=("pooler",), attn_implementation="sdpa")
            trunk = _trunks[place] = loaded.to(device).eval().requires_grad_(False)
        return trunk


def load_network(
    entry: Entry, task: Task, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Adapter | None]:
    """The network of a task, and the adapter to use when it computes. Raises BadModel."""
    register()
    if entry.adapter:
        return build_on_trunk(entry, entry.adapter, task, device, dtype)
    if task is Task.EMBEDDING:
        return load_trunk(entry, device, dtype), None
    model = load_model(CLASSES[task], entry, dtype, **attention_of(entry))
    return model.to(device).eval().requires_grad_(False), None


def described_in(entry: Entry) -> Path:
    """The folder whose config.json describes the network: the adapter's, where it has one of its own."""
    adapter = entry.adapter
    return adapter if adapter and (adapter / "config.json").exists() else entry.folder


def attention_of(entry: Entry) -> dict[str, str]:
    """The choice of the quick attention, which a network without attention heads does not know."""
    kind = read_json(entry.folder / "config.json").get("model_type", "")
    return {} if str(kind).startswith("parley_recurrent") else {"attn_implementation": "sdpa"}


def build_on_trunk(
    entry: Entry, folder: Path, task: Task, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Adapter]:
    """A head of its own on the shared base, and the adapter that changes the base for it alone."""
    weights = read_weights(folder)
    trunk = load_trunk(entry, device, dtype)
    if task is Task.EMBEDDING:
        return trunk, adapt(trunk, weights, folder)
    network = blank_network(entry, folder, task, weights, dtype)
    prefix = network.base_model_prefix + "."
    own = {name.removeprefix(prefix): weights[name] for name in weights if not in_head(name, network)}
    check_pooler(network.base_model, own, entry)
    adapter = adapt(trunk, own, folder)
    setattr(network, network.base_model_prefix, trunk)
    fill_head(network, {name: weights[name] for name in weights if in_head(name, network)}, entry)
    return network.to(device).eval().requires_grad_(False), adapter


def check_pooler(base: Any, weights: dict[str, Tensor], entry: Entry) -> None:
    """Raise BadModel when the network needs a layer that an encoder may be published without."""
    pooler = getattr(base, "pooler", None)
    names = {f"pooler.{name}" for name in pooler.state_dict()} if pooler is not None else set()
    lacking = names - weights.keys()
    with_prefix = {f"{base.base_model_prefix}.{name}" for name in lacking}
    if len(stored(entry.folder, lacking | with_prefix)) < len(lacking):
        raise BadModel(f"The adapter of {entry.folder} builds on its pooler, which has no weights there.")


def in_head(name: str, network: Any) -> bool:
    """Whether a tensor is of the network's head, not of its base."""
    first = name.split(".")[0]
    return first != network.base_model_prefix and first in dict(network.named_children())


def blank_network(
    entry: Entry, folder: Path, task: Task, weights: dict[str, Tensor], dtype: torch.dtype
) -> Any:
    """The network of a task without any weights. Its labels are the adapter's own where it has some."""
    config = load_part(AutoConfig, replace(entry, folder=described_in(entry)))
    if described_in(entry) != folder:
        sizes = [len(each) for name, each in weights.items() if each.dim() == 2 and "lora_" not in name]
        config.num_labels = min(sizes, default=config.num_labels)
    try:
        with torch.device("meta"):
            kind: Any = CLASSES[task]
            return kind.from_config(config, attn_implementation="sdpa", dtype=dtype)
    except ValueError as error:
        raise BadModel(f"The model in {entry.folder} cannot be used here: {first_line(error)}") from None


def fill_head(network: Any, weights: dict[str, Tensor], entry: Entry) -> None:
    """Give the head its weights: the adapter's, else those that lie beside the base. Raises BadModel."""
    wanted = {name: each for name, each in network.state_dict().items() if each.is_meta}
    weights = stored(entry.folder, wanted.keys() - weights.keys()) | weights
    lacking = sorted(name for name in wanted if name not in weights)
    if lacking:
        raise BadModel(
            f"Neither {entry.folder} nor its adapter has the head's weights, such as {lacking[0]}."
        )
    wrong = [name for name, each in wanted.items() if weights[name].shape != each.shape]
    if wrong:
        raise BadModel(f"The head's weights in {wrong[0]} are of another shape than its labels ask for.")
    cast = {name: weights[name].to(each.dtype) for name, each in wanted.items()}
    network.load_state_dict(cast, strict=False, assign=True)


def stored(folder: Path, names: set[str]) -> dict[str, Tensor]:
    """Those tensors of a checkpoint that have one of the names."""
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")) if names else []:
        with safe_open(path, framework="pt") as file:
            found |= {name: file.get_tensor(name) for name in names & set(file.keys())}
    return found
