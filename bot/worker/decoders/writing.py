"""One answer while it is written: its tokens so far, its text, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import ModelError, Uncomputable
from bot.worker.decoders.sampling import FAILED
from bot.worker.decoders.spelling import Speller

NOT_FINITE = "The model's numbers for this answer are not finite."


@dataclass(frozen=True, slots=True)
class Piece:
    """What an answer gained in a step. The last one tells whether it was cut, or why it failed."""

    number: int
    text: str
    is_last: bool = False
    is_cut: bool = False
    error: ModelError | None = None


class Answer:
    """The answer to a prompt, of at most `most_tokens`; `ends` are the tokens that end one."""

    def __init__(
        self,
        number: int,
        prompt: list[int],
        *,
        most_tokens: int,
        temperature: float,
        ends: frozenset[int],
        speller: Speller,
    ) -> None:
        self.number = number
        self.temperature = temperature
        self.is_done = False
        self.tokens = list(prompt)
        self.most_length = len(prompt) + most_tokens
        self._ends = ends
        self._speller = speller

    @property
    def length(self) -> int:
        """Tokens of the prompt and of what is written."""
        return len(self.tokens)

    def write(self, token: int) -> Piece | None:
        """Go on with a token; None when that makes no new text certain."""
        if token == FAILED:
            return self.fail(Uncomputable(NOT_FINITE))
        if token in self._ends:
            return self._last("")
        self.tokens.append(token)
        text = self._speller.add(token)
        is_cut = self.length >= self.most_length
        if self._speller.is_stopped or is_cut:
            return self._last(text, is_cut=not self._speller.is_stopped)
        return Piece(self.number, text) if text else None

    def fail(self, error: ModelError) -> Piece:
        """End without an answer, or in the middle of it."""
        self.is_done = True
        return Piece(self.number, "", is_last=True, error=error)

    def _last(self, text: str, is_cut: bool = False) -> Piece:
        self.is_done = True
        return Piece(self.number, text + self._speller.rest(), is_last=True, is_cut=is_cut)
