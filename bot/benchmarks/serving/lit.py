"""The server of LitServe, whose processes must find its class by name. Imported where LitServe is."""

from __future__ import annotations

import importlib
from typing import Any

from bot.benchmarks.serving.plain import Plain

lit: Any = importlib.import_module("litserve")


class Api(lit.LitAPI):  # type: ignore[misc]
    """One message, or a batch of them."""

    def __init__(self, folder: str, threads: int, size: int, wait: float) -> None:
        super().__init__(max_batch_size=size, batch_timeout=wait if size > 1 else 0.0)
        self.chosen = folder, threads, size

    def setup(self, device: str) -> None:
        """Load the checkpoint."""
        folder, threads, _ = self.chosen
        self.plain = Plain(folder, threads)

    def decode_request(self, request: dict[str, str]) -> str:
        """The text asked about."""
        return request["text"]

    def predict(self, texts: Any) -> Any:
        """A row for each text."""
        return self.plain.classify(texts) if self.chosen[2] > 1 else self.plain.classify([texts])[0]

    def encode_response(self, output: Any) -> Any:
        """As it is."""
        return output
