"""A fast tokenizer that cuts texts, and passages beside a question, into windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bot.errors import BadModel
from bot.worker.encoders.traits import Traits
from bot.worker.encoders.windows import Window

# What is read of a text at most: an endless one must not hold up the others. Its beginning is read.
MOST_TOKENS = 4096
LONGEST_TOKEN = 32


class Tokens:
    """Windows of single texts follow each other; those of passages overlap by a quarter."""

    def __init__(self, tokenizer: Any, traits: Traits) -> None:
        self._tokenizer = tokenizer
        self._longest = traits.longest
        self._most_windows = max(1, MOST_TOKENS // traits.longest)
        self._most_characters = LONGEST_TOKEN * self._most_windows * traits.longest
        self._truncation: dict[str, Any] | None = None
        self._tokenizer.no_padding()
        self._truncate()

    def beginnings(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, cut to one window."""
        self._truncate()
        return [encoded.ids for encoded in self._tokenizer.encode_batch_fast(self._cut(texts))]

    def texts(self, texts: Sequence[str]) -> list[tuple[Window, ...]]:
        """The windows of each text, without spans."""
        self._truncate()
        encodings = self._tokenizer.encode_batch_fast(self._cut(texts))
        return [tuple(Window(each.ids) for each in self._parts(encoding)) for encoding in encodings]

    def spelled(self, texts: Sequence[str]) -> list[tuple[Window, ...]]:
        """The windows of each text, with spans."""
        self._truncate()
        encodings = self._tokenizer.encode_batch(self._cut(texts))
        return [
            tuple(Window(each.ids, (), spans(each, 0)) for each in self._parts(encoding))
            for encoding in encodings
        ]

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[Window, ...]]:
        """The windows of each passage, each with its question before it and with the passage's spans.

        At most the first half of a window is the question's.
        """
        questions = {question: self._first_half(question) for question in {each for each, _ in pairs}}
        passages = self._cut([passage for _, passage in pairs])
        asked = [
            (questions[question], passage) for (question, _), passage in zip(pairs, passages, strict=True)
        ]
        self._truncate(stride=self._longest // 4, strategy="only_second")
        return [
            tuple(Window(each.ids, each.type_ids, spans(each, 1)) for each in self._parts(encoding))
            for encoding in self._tokenizer.encode_batch(asked)
        ]

    def dump(self) -> str:
        """The contents of a tokenizer.json that makes the same tokens."""
        return str(self._tokenizer.to_str())

    def _first_half(self, question: str) -> str:
        self._tokenizer.no_truncation()
        self._truncation = None
        question = self._cut([question])[0]
        ends = [end for _, end in self._tokenizer.encode(question, add_special_tokens=False).offsets]
        most = max(1, self._longest // 2)
        return question[: ends[most - 1]] if len(ends) > most else question

    def _truncate(self, **choices: Any) -> None:
        """Set only what is to change: a tokenizer that another thread reads cannot be changed."""
        if choices != self._truncation:
            self._tokenizer.enable_truncation(self._longest, **choices)
            self._truncation = choices

    def _cut(self, texts: Sequence[str]) -> list[str]:
        return [text[: self._most_characters] for text in texts]

    def _parts(self, encoding: Any) -> list[Any]:
        return [encoding, *encoding.overflowing][: self._most_windows]


def spans(encoding: Any, sequence: int) -> list[tuple[int, int] | None]:
    """The characters of each token of a sequence of an encoding; None for tokens of none or of another."""
    return [
        span if number == sequence else None
        for span, number in zip(encoding.offsets, encoding.sequence_ids, strict=True)
    ]


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer in `tokenizer.json`. Raises BadModel."""
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # noqa: BLE001 - a wall: the library raises Exception itself
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
        raise BadModel(f"The tokenizer in {folder} cannot be loaded: {reason}") from None
