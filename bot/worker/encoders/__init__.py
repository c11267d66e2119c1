"""Encoders and what they answer: vectors, labels, answer spans, relevance; by torch or by onnxruntime.

The doors of the catalogue; each raises BadModel when the entry's files are not what they should be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.worker.catalogue import Entry
    from bot.worker.encoders.classifier import Classifier
    from bot.worker.encoders.embedder import Embedder
    from bot.worker.encoders.reader import Reader
    from bot.worker.encoders.reranker import Reranker


def open_embedding(entry: Entry, threads: int) -> Embedder:
    """Vectors of texts."""
    from bot.worker.encoders.embedder import Embedder

    return Embedder(entry, threads)


def open_classification(entry: Entry, threads: int) -> Classifier:
    """Labels of texts."""
    from bot.worker.encoders.classifier import Classifier

    return Classifier(entry, threads)


def open_extraction(entry: Entry, threads: int) -> Reader:
    """Answers in passages."""
    from bot.worker.encoders.reader import Reader

    return Reader(entry, threads)


def open_reranking(entry: Entry, threads: int) -> Reranker:
    """Relevance of passages."""
    from bot.worker.encoders.reranker import Reranker

    return Reranker(entry, threads)
