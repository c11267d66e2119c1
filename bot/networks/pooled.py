"""Any encoder of sentences, the mean of its states, labels: for encoders whose first token means nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class PooledConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """An encoder's own configuration, as a dictionary with its `model_type`, and the head's dropout.

    With `normalize` the head sees vectors of unit length, as those of the embedding model are.
    """

    model_type = "parley_pooled"

    def __init__(
        self,
        *,
        encoder: dict[str, Any] | None = None,
        dropout: float = 0.1,
        normalize: bool = False,
        pad_token_id: int = 0,
        **others: Any,
    ) -> None:
        self.encoder = encoder or {"model_type": "bert"}
        self.dropout = dropout
        self.normalize = normalize
        super().__init__(**others)
        self.pad_token_id = pad_token_id


class PooledForSequenceClassification(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A classifier on the mean of a text's last hidden states (Reimers and Gurevych, 2019)."""

    config: PooledConfig
    config_class = PooledConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    _supports_sdpa = True  # its encoder does

    def __init__(self, config: PooledConfig) -> None:
        super().__init__(config)
        inner = dict(config.encoder)
        settings = AutoConfig.for_model(inner.pop("model_type"), **inner)
        self.encoder = AutoModel.from_config(settings)  # type: ignore[no-untyped-call]
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(int(self.encoder.config.hidden_size), int(config.num_labels or 2))
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """The encoder's token vectors."""
        vectors: nn.Module = self.encoder.get_input_embeddings()
        return vectors

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Logits of each label."""
        mean = self.meaning(input_ids, attention_mask, inputs_embeds=inputs_embeds)
        logits = self.classifier(self.dropout(mean))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def meaning(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """What the head goes by: one vector of each text."""
        given = {"input_ids": input_ids} if inputs_embeds is None else {"inputs_embeds": inputs_embeds}
        states = self.encoder(**given, attention_mask=attention_mask)[0]
        if attention_mask is None:
            attention_mask = torch.ones(states.shape[:2], device=states.device)
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        mean: Tensor = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return nn.functional.normalize(mean, dim=1) if self.config.normalize else mean
