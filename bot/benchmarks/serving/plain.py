"""The checkpoint as peers are given it: a tokenizer, a network, and a batch in the order it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# (label, tokens of the text, tokens of its padded row)
Row = tuple[str, int, int]


class Plain:
    """Transformers by the book, on the graphics card when there is one."""

    def __init__(self, folder: str, threads: int) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        self._torch = torch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        kind = transformers.AutoModelForSequenceClassification
        self._model: Any = kind.from_pretrained(folder).to(device).eval()
        if device == "cuda":
            self._model = self._model.to(torch.bfloat16)

    def classify(self, texts: Sequence[str]) -> list[Row]:
        """One batch."""
        given = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        lengths = given["attention_mask"].sum(1).tolist()
        with self._torch.inference_mode():
            found = self._model(**given.to(self._model.device)).logits.argmax(-1).tolist()
        names = self._model.config.id2label
        longest = max(lengths)
        return [(names[best], length, longest) for best, length in zip(found, lengths, strict=True)]

    def length(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._tokenizer(text, truncation=True)["input_ids"])
