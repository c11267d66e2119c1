"""Questions with passages and the places of their answers, cut into the windows that a network reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.training.rows.data import numbered_rows

OVERLAP = 4
"""Windows of a long passage share one token in so many."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, a passage, and the characters of each right answer in it; none when it is not there."""

    text: str
    passage: str
    answers: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A window as a lesson. `first` and `last` are the answer's tokens, 0 when it is not in the window.

    `spans` are the characters of the passage's tokens, from the token `begins` on.
    """

    question: int
    tokens: Sequence[int]
    types: Sequence[int]
    begins: int
    spans: Sequence[tuple[int, int]]
    first: int
    last: int


def read_questions(files: Sequence[Path]) -> list[Question]:
    """The rows of all files: question, context, answers, answer_starts (characters). Raises BadInput."""
    return [_question(row, place) for file in files for place, row in numbered_rows(file)]


def windows_of(questions: Sequence[Question], tokenizer: Any, longest: int) -> list[Read]:
    """The windows of every passage behind its question, in order; a question takes at most half a window."""
    cut = tokenizer([each.text for each in questions], truncation=True, max_length=longest // 2)
    asked = [
        question.text[: _end(cut, number, len(question.text))] for number, question in enumerate(questions)
    ]
    encoded = tokenizer(
        asked,
        [each.passage for each in questions],
        truncation="only_second",
        max_length=longest,
        stride=longest // OVERLAP,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    owners = encoded["overflow_to_sample_mapping"]
    return [_read(encoded, window, owner, questions[owner]) for window, owner in enumerate(owners)]


def _question(row: Mapping[str, Any], place: str) -> Question:
    for name in ("question", "context"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise BadInput(f"{place}: {name!r} must be a text that is not empty.")
    answers, starts = row.get("answers"), row.get("answer_starts")
    if not isinstance(answers, list) or not isinstance(starts, list) or len(answers) != len(starts):
        raise BadInput(f"{place}: 'answers' and 'answer_starts' must be lists of the same length.")
    found = tuple(_place(row["context"], *pair, place) for pair in zip(answers, starts, strict=True))
    return Question(row["question"], row["context"], found)


def _place(passage: str, answer: object, start: object, place: str) -> tuple[int, int]:
    if isinstance(answer, str) and answer and isinstance(start, int):
        end = start + len(answer)
        if passage[start:end] == answer:
            return start, end
    raise BadInput(f"{place}: the passage does not have the answer {answer!r} at character {start!r}.")


def _end(encoded: Any, number: int, length: int) -> int:
    """Where the tokens of a text that was cut end in it."""
    return max((end for _, end in encoded[number].offsets), default=length)


def _read(encoded: Any, window: int, owner: int, question: Question) -> Read:
    parts = encoded.sequence_ids(window)
    begins = parts.index(1) if 1 in parts else len(parts)
    spans = [span for span, part in zip(encoded["offset_mapping"][window], parts, strict=True) if part == 1]
    covered = _covered(spans, question.answers[0]) if question.answers else []
    return Read(
        owner,
        encoded["input_ids"][window],
        encoded[window].type_ids,
        begins,
        spans,
        begins + covered[0] if covered else 0,
        begins + covered[-1] if covered else 0,
    )


def _covered(spans: Sequence[tuple[int, int]], answer: tuple[int, int]) -> list[int]:
    """The places of the tokens that make up an answer; none unless all of it is there."""
    start, end = answer
    covered = [place for place, (left, right) in enumerate(spans) if left < end and right > start]
    is_whole = covered and spans[covered[0]][0] <= start and spans[covered[-1]][1] >= end
    return covered if is_whole else []
