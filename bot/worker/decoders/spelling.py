"""Turn tokens into text as they come, without ever splitting a character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
# What an unfinished character is spelt as: at most one such mark for each byte it has so far.
MOST_UNFINISHED = 3


class Speller:
    """The text of one answer. All its pieces joined are the text of all its tokens.

    At `stop` the text ends before it, and `is_stopped` says so.
    """

    def __init__(self, tokenizer: Any, stop: str = "") -> None:
        self.is_stopped = False
        self._decode = backend_of(tokenizer).decode
        self._stop = stop
        self._held = ""
        # The newest tokens, spelt together with a few before: how one is spelt may depend on those.
        self._tokens: list[int] = []
        self._context = 0
        self._shown = ""

    def add(self, token: int) -> str:
        """The text that one more token makes certain; empty while a character is unfinished."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        marks = len(text) - len(text.rstrip(UNFINISHED))
        if marks and not text.startswith(self._shown):
            return ""
        piece = text[len(self._shown) : len(text) - min(marks, MOST_UNFINISHED)]
        self._shown += piece
        if piece and not marks:
            self._tokens = self._tokens[self._context :]
            self._context = len(self._tokens)
            self._shown = self._decode(self._tokens)
        return self._before_stop(piece)

    def rest(self) -> str:
        """What is left at the end; half a character is left out."""
        text = self._decode(self._tokens)[len(self._shown) :].rstrip(UNFINISHED)
        text = self._before_stop(text)
        return text if self.is_stopped else text + self._held

    def _before_stop(self, text: str) -> str:
        """The text up to the stop; what may be the beginning of one is held back."""
        if not self._stop or self.is_stopped:
            return "" if self.is_stopped else text
        text = self._held + text
        end = text.find(self._stop)
        self.is_stopped = end >= 0
        if not self.is_stopped:
            end = len(text) - overlap(text, self._stop)
        self._held = "" if self.is_stopped else text[end:]
        return text[:end]


def overlap(text: str, stop: str) -> int:
    """How many letters at the end of `text` could begin `stop`."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(stop[:size])), 0)


def backend_of(tokenizer: Any) -> Any:
    """The part of a tokenizer that decodes fastest; special tokens are left out."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend or Slow(tokenizer)


class Slow:
    """A tokenizer without a backend of its own, as if it had one."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        spaced = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(spaced)
