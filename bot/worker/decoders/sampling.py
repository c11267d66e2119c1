"""Choose the next token of each text: the likeliest, or one drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

# Of the others none is drawn: to sort a whole vocabulary costs more than they weigh.
MOST_CANDIDATES = 1000
FAILED = -1


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model wants its tokens drawn: its generation_config.json."""

    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0

    @classmethod
    def of(cls, generation: Any) -> Sampling:
        """The choices of a model's generation configuration."""
        return cls(
            top_p=generation.top_p or 1.0,
            top_k=generation.top_k or 0,
            repetition_penalty=generation.repetition_penalty or 1.0,
        )

    def next_tokens(
        self, logits: torch.Tensor, temperatures: torch.Tensor | None, seen: torch.Tensor | None
    ) -> torch.Tensor:
        """One token for each row of (rows, vocabulary); FAILED where the numbers are not finite.

        Temperatures are (rows, 1), 0 for the likeliest token, None when all are. `seen` marks the
        tokens of each text (rows, vocabulary), where the model penalises repetition.
        """
        logits = logits.float()
        if seen is not None:
            logits = self._penalised(logits, seen)
        best = logits.argmax(-1, keepdim=True)
        is_number = logits.gather(1, best).isfinite()
        if temperatures is not None:
            best = torch.where(temperatures > 0, self._drawn(logits, temperatures), best)
        return torch.where(is_number, best, FAILED)

    def _penalised(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Scores of tokens there already are made smaller (Keskar et al., 2019, section 4.1)."""
        penalty = self.repetition_penalty
        return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)

    def _drawn(self, logits: torch.Tensor, temperatures: torch.Tensor) -> torch.Tensor:
        """One of the fewest tokens that weigh `top_p` together (Holtzman et al., 2020, section 3.1).

        The largest of p / Exp(1) falls on each token with its probability p.
        """
        count = min(self.top_k or MOST_CANDIDATES, logits.shape[1])
        scores, tokens = (logits / temperatures.clamp(min=1e-3)).topk(count, dim=-1)
        probabilities = scores.softmax(-1)
        before = probabilities.cumsum(-1) - probabilities
        lots = probabilities / torch.empty_like(probabilities).exponential_()
        chosen = lots.masked_fill(before >= self.top_p, -1.0).argmax(-1, keepdim=True)
        return tokens.gather(1, chosen)
