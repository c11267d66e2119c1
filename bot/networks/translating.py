"""Sequence to sequence by recurrent networks: read both ways, write one way, attend in between."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput


class TranslatingConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The shape of a recurrent translator; `hidden_size` is also the width of its word vectors."""

    model_type = "parley_translating"
    is_encoder_decoder = True

    def __init__(
        self,
        *,
        vocab_size: int = 12_000,
        hidden_size: int = 256,
        num_hidden_layers: int = 1,
        dropout: float = 0.1,
        pad_token_id: int = 0,
        decoder_start_token_id: int = 0,
        **others: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.dropout = dropout
        super().__init__(
            **{
                "is_encoder_decoder": True,
                "tie_word_embeddings": True,
                "use_cache": False,
                **others,
                "pad_token_id": pad_token_id,
                "decoder_start_token_id": decoder_start_token_id,
            }
        )


class Reader(nn.Module):
    """A bidirectional GRU; the two directions of a state are added."""

    main_input_name = "input_ids"

    def __init__(self, config: TranslatingConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = nn.GRU(
            config.hidden_size,
            config.hidden_size,
            num_layers=config.num_hidden_layers,
            bidirectional=True,
            batch_first=True,
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> BaseModelOutput:
        """One state for each token, (batch, length, width)."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        lengths = mask.sum(1).clamp(min=1).cpu()
        vectors = self.dropout(self.embedding(input_ids))
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        both, _last = pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=input_ids.shape[1]
        )
        forth, back = both.chunk(2, dim=-1)
        return BaseModelOutput(last_hidden_state=forth + back)


class Writer(nn.Module):
    """A GRU that attends to the reader's states after each word (Luong et al., 2015, section 3.1)."""

    def __init__(self, config: TranslatingConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        width = config.hidden_size
        self.embedding = embedding
        self.dropout = nn.Dropout(config.dropout)
        self.begin = nn.Linear(width, width)
        self.recurrent = nn.GRU(width, width, num_layers=config.num_hidden_layers, batch_first=True)
        self.attend = nn.Linear(width, width, bias=False)
        self.combine = nn.Linear(2 * width, width)

    def forward(self, words: Tensor, read: Tensor, mask: Tensor) -> Tensor:
        """One state for each word, from which the next one follows."""
        places = mask.unsqueeze(-1).to(read.dtype)
        summary = (read * places).sum(1) / places.sum(1).clamp(min=1)
        begin = torch.tanh(self.begin(summary)).unsqueeze(0)
        begin = begin.expand(self.recurrent.num_layers, -1, -1).contiguous()
        states, _ = self.recurrent(self.dropout(self.embedding(words)), begin)
        scores = torch.bmm(self.attend(states), read.transpose(1, 2))
        scores = scores.masked_fill(~mask.bool().unsqueeze(1), torch.finfo(scores.dtype).min)
        seen = torch.bmm(scores.softmax(-1), read)
        combined = torch.tanh(self.combine(torch.cat([states, seen], dim=-1)))
        dropped: Tensor = self.dropout(combined)
        return dropped


class Translating(nn.Module):
    """Reader and writer with one table of word vectors."""

    def __init__(self, config: TranslatingConfig) -> None:
        super().__init__()
        self.shared = nn.Embedding(config.vocab_size, config.hidden_size)
        self.encoder = Reader(config, self.shared)
        self.decoder = Writer(config, self.shared)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        **_: Any,
    ) -> Seq2SeqModelOutput:
        """The writer's states, (batch, words, width)."""
        if decoder_input_ids is None:
            raise ValueError("give decoder_input_ids")
        if encoder_outputs is None:
            encoder_outputs = self.encoder(input_ids, attention_mask)
        read = encoder_outputs.last_hidden_state
        if read is None:
            raise ValueError("encoder_outputs has no states")
        mask = torch.ones(read.shape[:2], device=read.device) if attention_mask is None else attention_mask
        return Seq2SeqModelOutput(
            last_hidden_state=self.decoder(decoder_input_ids, read, mask), encoder_last_hidden_state=read
        )


class TranslatingForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """A translator without a cache: each step reads what was written anew, which short texts bear well."""

    config: TranslatingConfig
    config_class = TranslatingConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _tied_weights_keys = {  # noqa: RUF012 - its kind is transformers' own
        "lm_head.weight": "model.shared.weight",
        "model.encoder.embedding.weight": "model.shared.weight",
        "model.decoder.embedding.weight": "model.shared.weight",
    }

    def __init__(self, config: TranslatingConfig) -> None:
        super().__init__(config)
        self.model = Translating(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_encoder(self, *_: Any, **__: Any) -> nn.Module:
        """What reads."""
        encoder: nn.Module = self.model.encoder
        return encoder

    def get_input_embeddings(self) -> nn.Module:
        """The word vectors."""
        shared: nn.Module = self.model.shared
        return shared

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Put other word vectors in their place."""
        for each, name in (
            (self.model, "shared"),
            (self.model.encoder, "embedding"),
            (self.model.decoder, "embedding"),
        ):
            setattr(each, name, value)

    def get_output_embeddings(self) -> nn.Module:
        """What turns states into words."""
        head: nn.Module = self.lm_head
        return head

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> Seq2SeqLMOutput:
        """Logits of the next word after each; with `labels` (-100 where none) the mean cross-entropy too."""
        if decoder_input_ids is None and labels is not None:
            decoder_input_ids = self._shifted(labels)
        outputs = self.model(input_ids, attention_mask, decoder_input_ids, encoder_outputs)
        logits = self.lm_head(outputs.last_hidden_state)
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return Seq2SeqLMOutput(
            loss=loss, logits=logits, encoder_last_hidden_state=outputs.encoder_last_hidden_state
        )

    def prepare_inputs_for_generation(self, input_ids: Tensor, **others: Any) -> dict[str, Any]:  # type: ignore[override]
        """All words so far, and what was read once."""
        return {
            "decoder_input_ids": input_ids,
            "encoder_outputs": others.get("encoder_outputs"),
            "attention_mask": others.get("attention_mask"),
        }

    def _shifted(self, labels: Tensor) -> Tensor:
        words = labels.new_full(labels.shape, self.config.decoder_start_token_id)
        words[:, 1:] = labels[:, :-1].masked_fill(labels[:, :-1] < 0, self.config.pad_token_id or 0)
        return words
