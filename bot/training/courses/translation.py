"""Learn to translate: one small transformer for all directions, told the language by a tag."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from bot.errors import BadInput
from bot.evaluation.translations import score
from bot.networks.translating import TranslatingConfig, TranslatingForConditionalGeneration
from bot.training.checkpoints.translator import MOST_TOKENS, Translator, tag, tokens_of, translations
from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.rows.batches import Batches, Pairs
from bot.training.rows.sentences import Translated, directions, read_translated
from bot.training.rows.subwords import learn_subwords

PLAN = Plan(
    epochs=2,
    learning_rate=2e-3,
    schedule="inverse_sqrt",
    warmup=1000,
    cooldown=0.2,
    batch_tokens=3000,
    validations=8,
    patience=12,
    average=0.9995,
    weight_decay=0.0,
    threads=1,
    network={
        "vocabulary": 12_000,
        "width": 256,
        "inner": 768,
        "heads": 4,
        "encoder_layers": 3,
        "decoder_layers": 1,
        "dropout": 0.0,
        "smoothing": 0.1,
        "longest": 64,
        "balance": 0.7,
        "sampled": 2000,
        "beams": 4,
        "validated": 200,
        "examined": 1000,
    },
)


TRANSFORMER, RECURRENT = "transformer", "gru"


def default_plan(request: Request) -> Plan:
    """The plan of the built-in model, whose sizes one CPU core can train in hours."""
    return PLAN


def study(request: Request, plan: Plan) -> TranslationStudy:
    """A network that translates between the languages of the rows, both ways."""
    if not request.development:
        raise BadInput("Learning to translate needs rows to measure on: name a file of them by --dev.")
    if unknown := set(plan.network) - set(PLAN.network):
        raise BadInput(f"The plan's network has no {min(unknown)!r}; it has {', '.join(PLAN.network)}.")
    return TranslationStudy(
        read_translated(request.data),
        read_translated(request.development),
        plan,
        architecture=request.architecture or TRANSFORMER,
    )


def repeats(sizes: Mapping[str, int], balance: float) -> dict[str, int]:
    """How often each direction is seen in an epoch: small ones more often, fully even at balance 1."""
    largest = max(sizes.values())
    return {name: round((largest / size) ** balance) for name, size in sizes.items()}


class TranslationStudy:
    """A network from nothing, on pairs of sentences. Its score is the mean BLEU of all directions.

    The softmax of a training step is over the batch's own words and `sampled` others, corrected for how
    many they stand for (Jean et al., 2015, On Using Very Large Target Vocabulary); 0 takes all words.
    """

    score = "bleu"

    def __init__(
        self,
        train: Sequence[Translated],
        dev: Sequence[Translated],
        plan: Plan,
        *,
        architecture: str = TRANSFORMER,
    ) -> None:
        self._plan = plan
        self._network = plan.network
        by_direction = directions(train)
        self.tokenizer = _tokenizer(by_direction, plan)
        torch.manual_seed(plan.seed)
        self.model: Any = _network(architecture, self.tokenizer, plan.network)
        self.model.generation_config.update(max_new_tokens=MOST_TOKENS, num_beams=plan.network["beams"])
        self._pairs = self._encoded(by_direction)
        self._dev = directions(dev)

    def batches(self, epoch: int) -> Batches:
        """All pairs, the small directions repeated, neighbours in length together."""
        return Batches(
            self._pairs,
            budget=self._plan.batch_tokens,
            padding=self.tokenizer.pad_token_id,
            random=np.random.default_rng((self._plan.seed, epoch)),
        )

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy with smoothed labels, mean over the target's tokens."""
        source, target = (each.to(self.model.device) for each in batch)
        pad = self.tokenizer.pad_token_id
        shifted = torch.full_like(target, pad)
        shifted[:, 1:] = target[:, :-1]
        states = self.model.model(
            input_ids=source,
            attention_mask=(source != pad).long(),
            decoder_input_ids=shifted,
            use_cache=False,
        ).last_hidden_state
        real = target != pad
        return self._cross_entropy(states[real], target[real])

    def validate(self) -> dict[str, float]:
        """BLEU of greedy translations of some development rows of each direction, and their mean."""
        return _measured(self.model, self.tokenizer, self._dev, self._network["validated"])

    def examine(self, folder: Path) -> dict[str, float]:
        """BLEU of the kept checkpoint's greedy translations of up to `examined` rows of each direction."""
        kept = Translator(folder, threads=self._plan.threads)
        figures = _measured(kept.model, kept.tokenizer, self._dev, self._network["examined"])
        return {f"{name} of the kept checkpoint": value for name, value in figures.items()}

    def save(self, folder: Path) -> None:
        """The network in half precision with its tokenizer."""
        # A copy keeps tied tables tied, so that each is written once.
        copy.deepcopy(self.model).half().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _cross_entropy(self, states: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        table = self.model.get_output_embeddings().weight
        smoothing = self._network["smoothing"]
        if not self._network["sampled"]:
            logits = torch.nn.functional.linear(states, table)
            return torch.nn.functional.cross_entropy(logits, words, label_smoothing=smoothing)
        own, positions = torch.unique(words, return_inverse=True)
        others = torch.randperm(len(table), device=words.device)[: self._network["sampled"]]
        others = others[~torch.isin(others, own)]
        logits = torch.nn.functional.linear(states, table[torch.cat([own, others])])
        standing_for = (len(table) - len(own)) / max(1, len(others))
        correction = logits.new_zeros(logits.shape[1])
        correction[len(own) :] = np.log(standing_for)
        return torch.nn.functional.cross_entropy(logits + correction, positions, label_smoothing=smoothing)

    def _encoded(self, by_direction: Mapping[str, list[Translated]]) -> Pairs:
        longest = self._network["longest"]
        often = repeats({name: len(rows) for name, rows in by_direction.items()}, self._network["balance"])
        parts = [
            Pairs.of(
                tokens_of(self.tokenizer, [f"{tag(row.target_language)} {row.source}" for row in rows]),
                tokens_of(self.tokenizer, [row.target for row in rows]),
            )
            .within(longest)
            .repeated(often[name])
            for name, rows in by_direction.items()
        ]
        return Pairs.joined(parts)


def _measured(
    model: Any, tokenizer: Any, dev: Mapping[str, Sequence[Translated]], most: int
) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, rows in dev.items():
        # Spread over the file: files of sentences often go from short ones to long ones.
        chosen, language = rows[:: -(-len(rows) // most)], rows[0].target_language
        texts = translations(model, tokenizer, [row.source for row in chosen], language)
        scores[name] = score(texts, [row.target for row in chosen], language).bleu
    return {"bleu": round(sum(scores.values()) / len(scores), 2), **scores}


def _tokenizer(by_direction: Mapping[str, list[Translated]], plan: Plan) -> PreTrainedTokenizerFast:
    often = repeats({name: len(rows) for name, rows in by_direction.items()}, plan.network["balance"])
    languages = sorted({name.partition("-")[2] for name in by_direction})
    texts = (row.target for name, rows in by_direction.items() for _ in range(often[name]) for row in rows)
    return learn_subwords(texts, size=plan.network["vocabulary"], tags=[tag(each) for each in languages])


def _network(architecture: str, tokenizer: PreTrainedTokenizerFast, sizes: Mapping[str, Any]) -> Any:
    special = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
    }
    if architecture == TRANSFORMER:
        return MarianMTModel(_marian(sizes, special))
    if architecture == RECURRENT:
        return TranslatingForConditionalGeneration(
            TranslatingConfig(
                hidden_size=sizes["width"],
                num_hidden_layers=sizes["encoder_layers"],
                dropout=sizes["dropout"],
                **special,
            )
        )
    raise BadInput(f"A translator's architecture is {TRANSFORMER} or {RECURRENT}, not {architecture!r}.")


def _marian(sizes: Mapping[str, Any], special: Mapping[str, Any]) -> MarianConfig:
    return MarianConfig(
        d_model=sizes["width"],
        encoder_layers=sizes["encoder_layers"],
        decoder_layers=sizes["decoder_layers"],
        encoder_attention_heads=sizes["heads"],
        decoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["inner"],
        decoder_ffn_dim=sizes["inner"],
        activation_function="relu",
        dropout=sizes["dropout"],
        attention_dropout=0.0,
        activation_dropout=0.0,
        max_position_embeddings=512,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        forced_eos_token_id=None,
        **special,
    )
