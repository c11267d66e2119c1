"""Begin with a teacher's word vectors, in fewer dimensions: words that are seldom met are then known too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bot.training.rows.subwords import SPACE

if TYPE_CHECKING:
    from bot.training.checkpoints.classifier import Classifier

SPREAD = 0.1


@torch.no_grad()
def borrow_vectors(model: Any, tokenizer: Any, teacher: Classifier) -> int:
    """Give each subword the mean vector of the teacher's pieces of it; how many were known to the teacher.

    The vectors keep the directions in which the teacher's differ most (principal components). The
    others, such as those of scripts the teacher cannot read, stay as they are.
    """
    vectors = model.get_input_embeddings().weight
    table = _fewer_dimensions(teacher.model.get_input_embeddings().weight.float(), vectors.shape[1])
    known = 0
    for piece, number in tokenizer.get_vocab().items():
        pieces = _pieces(piece, teacher.tokenizer)
        if pieces:
            vectors[number] = table[pieces].mean(0)
            known += 1
    return known


def _fewer_dimensions(table: Tensor, dimensions: int) -> Tensor:
    centred = table - table.mean(0)
    _, directions = torch.linalg.eigh(centred.T @ centred)
    kept: Tensor = centred @ directions[:, -dimensions:]
    return kept * (SPREAD / kept.std())


def _pieces(piece: str, tokenizer: Any) -> list[int]:
    """The teacher's numbers for a subword; none where it does not know it whole, or only its letters."""
    text = piece.removeprefix(SPACE)
    if not text or not text.isascii():
        return []
    if not piece.startswith(SPACE) and text.isalpha():
        number = tokenizer.get_vocab().get(f"##{text}")
        return [] if number is None else [number]
    numbers: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return numbers if tokenizer.unk_token_id not in numbers else []
