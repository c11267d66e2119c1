"""Embedding, a recurrent network in both directions, attention over its states, labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The shape of a recurrent classifier. `cell` is gru or lstm; `hidden_size` counts one direction.

    `vocab_dropout` is the share of tokens that are hidden whole while it learns.
    """

    model_type = "parley_recurrent"

    def __init__(
        self,
        *,
        vocab_size: int = 16_000,
        embedding_size: int = 128,
        hidden_size: int = 128,
        layers: int = 1,
        attention_size: int = 64,
        cell: str = "gru",
        dropout: float = 0.3,
        vocab_dropout: float = 0.1,
        pad_token_id: int = 0,
        **others: Any,
    ) -> None:
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {cell!r}")
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.layers = layers
        self.attention_size = attention_size
        self.cell = cell
        self.dropout = dropout
        self.vocab_dropout = vocab_dropout
        super().__init__(**others)
        self.pad_token_id = pad_token_id


class AdditiveAttention(nn.Module):
    """One weight for each state of a sequence: softmax(v · tanh(W h)) (Bahdanau et al., 2015)."""

    def __init__(self, width: int, attention_size: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, attention_size)
        self.score = nn.Linear(attention_size, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Weights of shape (batch, length) that sum to 1; 0 where `mask` is False."""
        scores: Tensor = self.score(torch.tanh(self.inner(states))).squeeze(-1)
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return scores.softmax(-1) * mask


class RecurrentForSequenceClassification(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A classifier that reads both ways and says by its attention which tokens it went by.

    `attentions` of what it returns is one tensor, (batch, length). Texts of different lengths are
    padded at the end; padding changes nothing.
    """

    config: RecurrentConfig
    config_class = RecurrentConfig
    main_input_name = "input_ids"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(
            config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
        )
        self.recurrent = CELLS[config.cell](
            config.embedding_size,
            config.hidden_size,
            num_layers=config.layers,
            bidirectional=True,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        width = 2 * config.hidden_size
        self.attention = AdditiveAttention(width, config.attention_size)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * width, int(config.num_labels or 2))
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """The token vectors."""
        return self.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Put other token vectors in their place."""
        self.embedding = value  # type: ignore[assignment]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
            if module.padding_idx is not None:
                nn.init.zeros_(module.weight[module.padding_idx])

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Logits of each label, and the weight of each token."""
        vectors = self._vectors(input_ids) if inputs_embeds is None else inputs_embeds
        mask = self._mask(vectors, input_ids, attention_mask)
        states = self._states(self.dropout(vectors), mask)
        weights = self.attention(states, mask)
        meant = torch.bmm(weights.unsqueeze(1), states).squeeze(1)
        loudest = states.masked_fill(~mask.unsqueeze(-1), -1.0).amax(1)
        logits = self.classifier(self.dropout(torch.cat([meant, loudest], dim=1)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits, attentions=weights)

    def _vectors(self, tokens: Tensor | None) -> Tensor:
        if tokens is None:
            raise ValueError("give input_ids or inputs_embeds")
        vectors: Tensor = self.embedding(tokens)
        if not self.training or not self.config.vocab_dropout:
            return vectors
        kept = torch.rand(tokens.shape, device=tokens.device) >= self.config.vocab_dropout
        return vectors * kept.unsqueeze(-1)

    def _mask(self, vectors: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Which places hold a token; the first of each row counts always, so that none is empty."""
        if mask is None and tokens is not None:
            mask = tokens != self.config.pad_token_id
        places = torch.ones(vectors.shape[:2], device=vectors.device) if mask is None else mask
        places = places.bool().clone()
        places[:, 0] = True
        return places

    def _states(self, vectors: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=vectors.shape[1]
        )
        return states
