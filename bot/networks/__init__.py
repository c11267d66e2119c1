"""Networks of our own, in transformers' manner: configured, saved and loaded as any other checkpoint."""

from __future__ import annotations


def register() -> None:
    """Make transformers' Auto classes know our networks. Calling it again does nothing."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

    from bot.networks.pooled import PooledConfig, PooledForSequenceClassification
    from bot.networks.recurrent import RecurrentConfig, RecurrentForSequenceClassification
    from bot.networks.translating import TranslatingConfig, TranslatingForConditionalGeneration

    for config, kind, network in (
        (PooledConfig, AutoModelForSequenceClassification, PooledForSequenceClassification),
        (RecurrentConfig, AutoModelForSequenceClassification, RecurrentForSequenceClassification),
        (TranslatingConfig, AutoModelForSeq2SeqLM, TranslatingForConditionalGeneration),
    ):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        kind.register(config, network, exist_ok=True)


__all__ = ["register"]
