"""What the graphics card, its memory and the reading of texts would allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from bot.benchmarks.serving.limit import Limit

SIDE = 8192
COPIED = 2**30
TRIES = 20
BYTES = 2
# Reads and writes of a layer for each token, in hidden sizes: what is not fused goes to memory and back.
PASSES = 26


def card_limits(limit: Limit, texts: Sequence[str]) -> dict[str, Any]:
    """Tokens a second at the measured matrix and memory rates; messages a second that can be read.

    Empty without a graphics card.
    """
    if not limit.is_cuda:
        return {}
    lengths = [len(row) for row in limit.tokenizer(list(texts), truncation=True)["input_ids"]]
    length = sum(lengths) / len(lengths)
    matrix, memory = matrix_rate(limit.device), copy_rate(limit.device)
    return {
        "card": torch.cuda.get_device_name(),
        "tokens_per_message": round(length, 1),
        "matrix_tflops": round(matrix / 1e12, 1),
        "memory_tb_s": round(memory / 1e12, 2),
        "matrix_tokens_per_s": round(matrix / work_of(limit.model.config, length)),
        "memory_tokens_per_s": round(memory / traffic_of(limit.model.config)),
        "reading_messages_per_s": round(len(texts) / seconds_of(lambda: limit.tokenizer(list(texts)), 3)),
    }


def work_of(config: Any, length: float) -> float:
    """Floating-point operations for each token of a text of so many."""
    size, inner = config.hidden_size, config.intermediate_size
    weights = 4 * size * size + 2 * size * inner
    return float(config.num_hidden_layers * (2 * weights + 4 * size * length))


def traffic_of(config: Any) -> float:
    """Bytes that each token moves when nothing is fused."""
    return float(config.num_hidden_layers * PASSES * config.hidden_size * BYTES)


def matrix_rate(device: torch.device, side: int = SIDE) -> float:
    """Floating-point operations a second of a product of two square matrices."""
    first, second = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2.0 * side**3 / seconds_of(lambda: first @ second, TRIES)


def copy_rate(device: torch.device, size: int = COPIED) -> float:
    """Bytes read and written a second."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2.0 * size / seconds_of(lambda: target.copy_(source), TRIES)


def seconds_of(action: Callable[[], object], tries: int) -> float:
    """The mean time of an action, after one that is not counted."""
    action()
    settle()
    began = time.perf_counter()
    for _ in range(tries):
        action()
    settle()
    return (time.perf_counter() - began) / tries


def settle() -> None:
    """Wait until the card has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
