"""What the model itself can do: offline, tokens known, sorted by length, in the best batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers

CPU_BUDGETS = (256, 384, 512, 1024)
CUDA_BUDGETS = (4096, 16_384, 65_536)
SAMPLE = 96
LONGEST_TRIES = 3


class Limit:
    """The checkpoint in this process, on `threads` threads or the graphics card."""

    def __init__(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        self.is_cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.is_cuda else "cpu")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        kind = transformers.AutoModelForSequenceClassification
        numbers = torch.bfloat16 if self.is_cuda else torch.float32
        self.model = kind.from_pretrained(folder, dtype=numbers, attn_implementation="sdpa")
        self.model.to(self.device).eval()
        self._budgets: dict[str, int] = {}

    def drain(self, mix: str, texts: Sequence[str]) -> dict[str, Any]:
        """Messages per CPU-second and per second, with the budget that is best for this mix."""
        rows = self._rows(texts)
        budget = self.budget(mix, texts)
        began, clock = time.process_time(), time.perf_counter()
        self._compute(batches(rows, budget))
        cpu_seconds, seconds = time.process_time() - began, time.perf_counter() - clock
        return {
            "messages": len(rows),
            "errors": 0,
            "throughput": round(len(rows) / seconds, 1),
            "tokens_per_s": round(sum(map(len, rows)) / seconds),
            "per_cpu_s": round(len(rows) / cpu_seconds, 1),
            "padding": round(efficiency(batches(rows, budget)), 3),
            "budget": budget,
            "longest_batch_ms": self.longest_batch(rows, budget),
        }

    def budget(self, mix: str, texts: Sequence[str]) -> int:
        """The best budget of padded tokens for texts of a mix, found once."""
        if mix not in self._budgets:
            rows = self._rows(texts[:SAMPLE])
            budgets = CUDA_BUDGETS if self.is_cuda else CPU_BUDGETS
            self._compute(batches(rows, budgets[-1])[:2])
            self._budgets[mix] = min(budgets, key=lambda each: self._seconds(rows, each))
        return self._budgets[mix]

    def longest_batch(self, rows: Sequence[Sequence[int]], budget: int) -> float:
        """Milliseconds for the longest of the batches: the median of some tries."""
        longest = max(batches(rows, budget), key=lambda batch: (len(batch[-1]) * len(batch), len(batch[-1])))
        times = []
        for _ in range(LONGEST_TRIES):
            began = time.perf_counter()
            self._compute([longest])
            times.append(time.perf_counter() - began)
        return round(1000 * median(times), 2)

    def direct(self, text: str) -> str:
        """One text as whoever has the model at hand computes it."""
        with torch.inference_mode():
            logits = self.model(**self.tokenizer(text, return_tensors="pt", truncation=True).to(self.device))
        return str(self.model.config.id2label[int(logits.logits.argmax())])

    def _rows(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = self.tokenizer(list(texts), truncation=True)["input_ids"]
        return rows

    def _seconds(self, rows: Sequence[Sequence[int]], budget: int) -> float:
        began = time.process_time(), time.perf_counter()
        self._compute(batches(rows, budget))
        return time.perf_counter() - began[1] if self.is_cuda else time.process_time() - began[0]

    @torch.inference_mode()
    def _compute(self, groups: Sequence[Sequence[Sequence[int]]]) -> None:
        for rows in groups:
            longest = len(rows[-1])
            tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
            mask = None if len(rows[0]) == longest else (tokens != 0).long().to(self.device)
            self.model(input_ids=tokens.to(self.device), attention_mask=mask).logits.float().cpu()


def batches(rows: Sequence[Sequence[int]], budget: int) -> list[list[Sequence[int]]]:
    """Rows by length, in batches of at most `budget` tokens with their padding."""
    ordered = sorted(rows, key=len)
    starts, count = [0], 0
    for place, row in enumerate(ordered):
        if count and (count + 1) * len(row) > budget:
            starts.append(place)
            count = 0
        count += 1
    return [ordered[start:end] for start, end in pairwise([*starts, len(ordered)])]


def efficiency(groups: Sequence[Sequence[Sequence[int]]]) -> float:
    """The share of computed tokens that is no padding."""
    padded = sum(len(rows[-1]) * len(rows) for rows in groups)
    return sum(len(row) for rows in groups for row in rows) / padded
