"""Take steps: gradients of a few batches, Adam, and averaged weights beside the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bot.errors import BadInput
from bot.training.loop.distributed import Group
from bot.training.loop.plan import Plan

if TYPE_CHECKING:
    from bot.training.loop.run import Batch, Study


class Learner:
    """A study's network on the best device there is, with its optimizer."""

    def __init__(self, study: Study, plan: Plan, group: Group) -> None:
        study.model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._study, self._plan, self._group = study, plan, group
        self._parameters = [each for each in study.model.parameters() if each.requires_grad]
        self._optimizer = _adam(self._parameters, plan)
        self._average = [each.detach().clone() for each in self._parameters] if plan.average else []

    @property
    def numbers(self) -> int:
        """How many numbers are learnt."""
        return sum(each.numel() for each in self._parameters)

    @property
    def is_private(self) -> bool:
        """Whether what it learns from must stay untold."""
        return False

    @property
    def spent(self) -> Mapping[str, float]:
        """What a private run has told of its rows; nothing of another."""
        return {}

    def batches(self, epoch: int) -> Sequence[Batch]:
        """The batches of an epoch."""
        return self._study.batches(epoch)

    def step(self, batches: Sequence[Batch], step: int, total: int) -> float:
        """Learn from batches at once; the mean loss of all processes' batches.

        Chance follows from the seed, the step and the process: a step that is taken again, after a
        run was interrupted, is the same one.
        """
        chance = np.random.SeedSequence([self._plan.seed, step, self._group.rank])
        torch.manual_seed(int(chance.generate_state(1)[0]))
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = self._plan.rate(step, total)
        loss = self._descend(batches)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._follow(step)
        return loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network has its averaged weights while this lasts, and is not learning."""
        self._exchange()
        self._study.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self._exchange()
            self._study.model.train()

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to take the next step as this one would."""
        return {
            "weights": [each.detach() for each in self._parameters],
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises BadInput for that of another network, or of a private run."""
        if "spent" in state:
            raise BadInput("The run was begun with privacy: give its epsilon, or choose another folder.")
        shapes = [each.shape for each in self._parameters]
        if shapes != [each.shape for each in state["weights"]]:
            raise BadInput("The state to go on from is that of a network of another shape.")
        for own, saved in zip(self._parameters, state["weights"], strict=True):
            own.copy_(saved)
        if self._average:
            for average, saved in zip(self._average, state["average"] or state["weights"], strict=True):
                average.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])

    def _descend(self, batches: Sequence[Batch]) -> float:
        """Set the gradients to go by; the mean loss of all processes' batches."""
        loss = self._group.mean(self._gradients(batches))
        self._group.average_gradients(self._parameters)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._plan.clip)
        return loss

    def _gradients(self, batches: Sequence[Batch]) -> float:
        loss = 0.0
        for batch in batches:
            part = self._study.loss(batch) / len(batches)
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        return loss

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        if self._average:
            # A young average follows fast, or it would be made of the first, random weights.
            decay = min(self._plan.average, (1 + step) / (10 + step))
            torch._foreach_lerp_(self._average, list[torch.Tensor](self._parameters), 1 - decay)

    @torch.no_grad()
    def _exchange(self) -> None:
        for own, average in zip(self._parameters, self._average, strict=False):
            kept = own.clone()
            own.copy_(average)
            average.copy_(kept)


def _adam(parameters: Sequence[torch.nn.Parameter], plan: Plan) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019); biases and norms do not decay."""
    matrices = [each for each in parameters if each.dim() > 1]
    vectors = [each for each in parameters if each.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=plan.learning_rate,
        betas=(plan.beta1, plan.beta2),
        weight_decay=plan.weight_decay,
        fused=True,
    )
