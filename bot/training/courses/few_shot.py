"""Classifiers from a few examples of each label: a linear head on an encoder that stays as it is."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

from bot.errors import BadInput, BadModel
from bot.evaluation.calibration import best_temperature, expected_calibration_error, softmax
from bot.evaluation.classification import confusion_of, macro_f1
from bot.examples import fit
from bot.networks.pooled import PooledConfig, PooledForSequenceClassification
from bot.training.checkpoints.classifier import be_quiet, longest_text, tokens_of
from bot.training.courses import FEW_SHOT
from bot.training.courses.classification import ADAPTER, write_temperature
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Progress, Report, Row
from bot.training.loop.request import Request
from bot.training.loop.state import make_folder, save_best, write_json
from bot.training.rows.data import Example, label_names, read_examples
from bot.training.rows.labels import LABELLINGS
from bot.training.rows.lessons import in_batches, pad
from bot.worker.catalogue import ITS_BASE, built_in_encoder
from bot.worker.checkpoint import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.evaluation.calibration import Floats, Numbers

NETWORK: Mapping[str, Any] = {"shots": 8, "encoder": "", "most_tokens": 0}
"""What a plan may say under `network`: the examples of each label that are learnt from (0: all), the folder
of an encoder instead of the built-in one, and how many tokens of a text are read (0: all it takes)."""
BUDGET = 2048
# Rows that are not learnt from measure the head, so many of them at most.
MOST_MEASURED = 2000
FOLDS = 4


def default_plan(_: Request) -> Plan:
    """Eight examples of each label, on the built-in encoder."""
    return Plan(network=NETWORK)


def study(request: Request, plan: Plan) -> FewShot:
    """Read the rows, choose the examples, load the encoder. Raises BadInput and BadModel."""
    if unknown := set(plan.network) - set(NETWORK):
        raise BadInput(f"{FEW_SHOT} has no {min(unknown)!r}; its plan's network has {', '.join(NETWORK)}.")
    if plan.privacy or request.teacher or request.sayings:
        raise BadInput(f"{FEW_SHOT} learns from examples alone: no teacher, no sayings, no privacy.")
    labelling = LABELLINGS[request.task]
    rows = read_examples(request.data, labelling)
    labels = label_names(rows, labelling)
    examples, others = drawn(rows, plan.network["shots"], seed=plan.seed)
    development = read_examples(request.development, labelling) if request.development else others
    if unknown := {name for each in development for name in each.labels} - set(labels):
        raise BadInput(f"The development rows have a label that no training row has: {min(unknown)!r}.")
    torch.set_num_threads(plan.threads)
    return FewShot(*open_encoder(plan, labels), labels, examples, development, plan)


def drawn(rows: Sequence[Example], shots: int, *, seed: int) -> tuple[list[Example], list[Example]]:
    """So many examples of each label by the seed (0: all), and some of the other rows to measure on."""
    chance = random.Random(seed)  # noqa: S311 - a choice, no secret
    mixed = list(rows)
    chance.shuffle(mixed)
    taken: dict[str, list[Example]] = defaultdict(list)
    others: list[Example] = []
    for each in mixed:
        own = taken[each.labels[0]]
        is_full = shots and len(own) >= shots
        (others if is_full else own).append(each)
    return [each for label in sorted(taken) for each in taken[label]], others[:MOST_MEASURED]


def open_encoder(plan: Plan, labels: Sequence[str]) -> tuple[Any, Any, str]:
    """An encoder with an empty head, its tokenizer, and what it is called. Raises BadModel."""
    own = plan.network["encoder"]
    name, folder = (own, Path(own)) if own else built_in_encoder()[:2]
    be_quiet()
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **safe)
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadModel(f"The encoder in {folder} cannot be loaded: {reason[:300]}") from None
    config = PooledConfig(
        encoder=encoder.config.to_dict(),
        dropout=0.0,
        normalize=True,
        pad_token_id=encoder.config.pad_token_id or 0,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = PooledForSequenceClassification(config)
    model.encoder.load_state_dict(encoder.state_dict())
    model.train(mode=False)
    return model, tokenizer, name


class FewShot:
    """A head of which each label has a few examples, by the same regression as `bot.examples`.

    Its checkpoint is whole; the folder `adapter` in it has the head alone, for a worker whose other
    roles share the encoder.
    """

    score = "macro_f1"

    def __init__(
        self,
        model: PooledForSequenceClassification,
        tokenizer: Any,
        encoder: str,
        labels: Sequence[str],
        examples: Sequence[Example],
        development: Sequence[Example],
        plan: Plan,
    ) -> None:
        self.model = model
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._labels = labels
        self._examples = examples
        self._development = development
        self._most = plan.network["most_tokens"] or longest_text(model, tokenizer)

    def learn(self, out: Path, progress: Progress) -> Report:
        """Fit the head, measure it, and write the checkpoint. Raises BadInput for too few examples."""
        begun = time.monotonic()
        progress.say(f"{len(self._examples)} examples of {len(self._labels)} labels.")
        make_folder(out, sum(each.numel() for each in self.model.parameters()))
        vectors, gold = self._vectors(self._examples), self._gold(self._examples)
        logits, asked = self._measured(vectors, gold)
        head = fit(vectors, gold, labels=len(self._labels))
        with torch.no_grad():
            self.model.classifier.weight.copy_(torch.from_numpy(head.T))
            self.model.classifier.bias.zero_()
        temperature = best_temperature(logits, asked)
        save_best(out, lambda folder: self._save(folder, temperature))
        seconds = round(time.monotonic() - begun, 1)
        row = Row(1.0, 1, surprise(vectors @ head, gold), figures_of(logits, asked), seconds)
        write_json(out / "history.json", [{"epoch": 1.0, "step": 1, "metrics": dict(row.metrics)}])
        progress.row(row, is_best=True)
        return Report((row,), row, 1, seconds, stopped_early=False)

    def _measured(self, vectors: Floats, gold: NDArray[np.int_]) -> tuple[Floats, NDArray[np.int_]]:
        """Logits of rows that the head that gives them has not seen, and their labels."""
        if self._development:
            head = fit(vectors, gold, labels=len(self._labels))
            return self._vectors(self._development) @ head, self._gold(self._development)
        return crossed(vectors, gold, labels=len(self._labels)), gold

    def _gold(self, examples: Sequence[Example]) -> NDArray[np.int_]:
        return np.array([self._labels.index(each.labels[0]) for each in examples], dtype=np.int_)

    @torch.inference_mode()
    def _vectors(self, examples: Sequence[Example]) -> Floats:
        tokens = tokens_of(self._tokenizer, [each.text for each in examples], self._most)
        rows: Any = np.zeros((len(tokens), int(self.model.encoder.config.hidden_size)), dtype=np.float32)
        for batch in in_batches([len(each) for each in tokens], range(len(tokens)), BUDGET):
            padded, mask = pad([tokens[row] for row in batch], self.model.config.pad_token_id or 0)
            rows[batch] = self.model.meaning(padded, mask).numpy()
        return np.asarray(rows)

    def _save(self, folder: Path, temperature: float) -> None:
        self.model.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)
        write_temperature(folder / "config.json", temperature)
        adapter = folder / ADAPTER
        adapter.mkdir()
        (adapter / "config.json").write_bytes((folder / "config.json").read_bytes())
        head = {
            f"base_model.model.classifier.{name}": tensor.contiguous()
            for name, tensor in self.model.classifier.state_dict().items()
        }
        save_file(head, adapter / ADAPTER_WEIGHTS)
        settings = {ITS_BASE: self._encoder, "modules_to_save": ["classifier"], "peft_type": "LORA"}
        (adapter / ADAPTER_CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def crossed(vectors: Floats, gold: NDArray[np.int_], *, labels: int) -> Floats:
    """Logits of each example by a head that was fitted without it and its fold (cross-validation).

    Raises BadInput when a label has a single example.
    """
    least = int(np.bincount(gold, minlength=labels).min())
    if least < 2:
        raise BadInput("At least two examples of each label are needed, or rows of their own to measure on.")
    places = np.zeros(len(gold), dtype=int)
    for label in range(labels):
        own = np.flatnonzero(gold == label)
        places[own] = np.arange(len(own)) % min(FOLDS, least)
    logits: Any = np.zeros((len(gold), labels), dtype=np.float32)
    for fold in range(places.max() + 1):
        kept = places != fold
        logits[~kept] = vectors[~kept] @ fit(vectors[kept], gold[kept], labels=labels)
    return np.asarray(logits)


def figures_of(logits: Floats, gold: Numbers) -> dict[str, float]:
    """Accuracy, macro-F1 and calibration error."""
    answers = logits.argmax(1)
    figures = {
        "accuracy": float((answers == gold).mean()),
        "macro_f1": macro_f1(confusion_of(gold, answers, logits.shape[1])),
        "ece": expected_calibration_error(softmax(logits), gold),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def surprise(logits: Floats, gold: Numbers) -> float:
    """The mean cross entropy."""
    chances = softmax(logits)[np.arange(len(gold)), gold]
    return round(float(-np.log(chances.clip(min=1e-12)).mean()), 4)
