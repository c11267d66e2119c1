"""Learn so that no row can be told from the result: clipped rows, noise, and an account of what it cost.

DP-SGD (Abadi et al., 2016, Deep Learning with Differential Privacy). Rows are drawn for each step
independently of one another (Poisson sampling), each row's gradient is cut to a length, and noise is added
to their sum. Which rows and what noise follow from no seed: who knew it could take the noise away again.
"""

from __future__ import annotations

import dataclasses
import secrets
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from bot.errors import BadInput
from bot.training.loop.distributed import Group
from bot.training.loop.learner import Learner
from bot.training.loop.plan import Plan

if TYPE_CHECKING:
    from bot.training.loop.run import Batch, Study

ACCOUNTANTS = ("rdp", "prv")
MOST_NOISE = 1e4
TOLERANCE = 0.01
ORDERS = [1.1, 1.25, 1.5, 1.75, 2.25, 2.5, 2.75, 3.25, 3.5, 3.75, 4.5, 5.5, 6.5, *range(2, 64), 80, 128, 256]

Spending = tuple[float, float, int]
"""The noise, the share of rows drawn, and the number of steps that were taken so."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """The table `privacy` of a plan.

    epsilon      how much the result may tell of any one row, at the end of the plan
    delta        the chance that it tells more; below one in the number of rows
    clip_each    the length to which each row's gradient is cut
    rows         rows that are drawn for a step, on average
    accountant   rdp, or prv, which is tighter and slower
    """

    epsilon: float
    delta: float = 1e-5
    clip_each: float = 1.0
    rows: int = 256
    accountant: str = ACCOUNTANTS[0]

    @staticmethod
    def of(table: Mapping[str, Any]) -> Privacy:
        """What a table says. Raises BadInput for what it cannot say."""
        fields = [each.name for each in dataclasses.fields(Privacy)]
        if unknown := set(table) - set(fields):
            raise BadInput(f"The plan's privacy has no {min(unknown)!r}; it has {', '.join(fields)}.")
        if "epsilon" not in table:
            raise BadInput("A private run needs an epsilon, such as --epsilon 8.")
        privacy = Privacy(**table)
        numbers = (privacy.epsilon, privacy.delta, privacy.clip_each, privacy.rows)
        if not all(isinstance(each, int | float) and each > 0 for each in numbers) or privacy.delta >= 1:
            raise BadInput("epsilon, delta, clip_each and rows must be above 0, and delta below 1.")
        if privacy.accountant not in ACCOUNTANTS:
            raise BadInput(f"The accountant must be one of {', '.join(ACCOUNTANTS)}.")
        return privacy


@runtime_checkable
class Separable(Protocol):
    """A study whose rows can be learnt from one by one."""

    @property
    def rows(self) -> int:
        """How many there are."""

    def alone(self, rows: Sequence[int]) -> Sequence[Batch]:
        """Each of the rows as a batch of its own."""


class Account:
    """What has been spent, and how much noise keeps the rest within the target."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self.history: list[Spending] = []

    def add(self, noise: float, share: float) -> None:
        """A step was taken."""
        noise_before, share_before, steps = self.history[-1] if self.history else (0.0, 0.0, 0)
        if (noise_before, share_before) == (noise, share):
            self.history[-1] = (noise, share, steps + 1)
        else:
            self.history.append((noise, share, 1))

    @property
    def epsilon(self) -> float:
        """What the steps so far amount to."""
        return self._amount(self.history)

    def noise_for(self, share: float, steps: int) -> float:
        """The least noise for so many further steps. Raises BadInput when no noise is enough."""
        target, low, high = self._privacy.epsilon, 0.0, 1.0
        while (reached := self._after(high, share, steps)) > target:
            low, high = high, 2 * high
            if high > MOST_NOISE:
                raise BadInput(
                    f"An epsilon of {target:g} leaves nothing to learn with: {self.epsilon:.3g} is spent. "
                    "Only a higher one, or a new run, goes on."
                )
        while target - reached > TOLERANCE * target and high - low > 1e-4 * high:
            middle = (low + high) / 2
            if (amount := self._after(middle, share, steps)) > target:
                low = middle
            else:
                high, reached = middle, amount
        return high

    def _after(self, noise: float, share: float, steps: int) -> float:
        return self._amount([*self.history, (noise, share, steps)])

    def _amount(self, history: list[Spending]) -> float:
        from opacus.accountants import create_accountant

        if not history:
            return 0.0
        accountant = create_accountant(self._privacy.accountant)
        accountant.history = history
        orders = {"alphas": ORDERS} if self._privacy.accountant == "rdp" else {}
        with warnings.catch_warnings():
            # That an order at the edge of the list is the best one makes the bound loose, not wrong.
            warnings.simplefilter("ignore")
            return float(accountant.get_epsilon(delta=self._privacy.delta, **orders))


class Draws(Sequence[Sequence[Any]]):
    """The steps of an epoch, each with rows that are drawn when it is taken, none or many."""

    def __init__(self, study: Separable, share: float, chance: torch.Generator) -> None:
        self._study, self._share, self._chance = study, share, chance

    def __len__(self) -> int:
        return max(1, round(1 / self._share))

    def __getitem__(self, place: Any) -> Sequence[Batch]:
        drawn = torch.rand(self._study.rows, generator=self._chance) < self._share
        return self._study.alone(drawn.nonzero().flatten().tolist())


class PrivateLearner(Learner):
    """Takes steps that tell little of any row. Raises BadInput where that cannot be promised."""

    def __init__(self, study: Study, plan: Plan, group: Group) -> None:
        self._privacy = Privacy.of(plan.privacy)
        self._rows = _separable(study, plan, group, self._privacy)
        super().__init__(study, plan, group)
        _gather_sparsely(study.model)
        self._share = min(1.0, self._privacy.rows / self._rows.rows)
        self._chance = torch.Generator().manual_seed(secrets.randbits(63))
        self._account = Account(self._privacy)
        self._noise = 0.0

    @property
    def is_private(self) -> bool:
        """It is: what its state does not tell of must not be given away."""
        return True

    @property
    def spent(self) -> Mapping[str, float]:
        """What the steps so far have cost, and how."""
        noise = self._account.history[-1][0] if self._account.history else 0.0
        return {
            "epsilon": round(self._account.epsilon, 4),
            "delta": self._privacy.delta,
            "noise": round(noise, 4),
            "clip_each": self._privacy.clip_each,
        }

    def batches(self, epoch: int) -> Draws:
        """As many draws as give each row one chance on average; others each time they are asked for."""
        return Draws(self._rows, self._share, self._chance)

    def step(self, batches: Sequence[Batch], step: int, total: int) -> float:
        """Learn from a draw, with noise that lets the plan end at its epsilon."""
        self._noise = self._noise or self._account.noise_for(self._share, total - step)
        self._account.add(self._noise, self._share)
        return super().step(batches, step, total)

    def state(self) -> dict[str, Any]:
        """That of any learner, and what has been spent."""
        return {**super().state(), "spent": self._account.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state, and from what was spent until then."""
        if "spent" not in state:
            raise BadInput("The run was begun without privacy: choose another folder for a private one.")
        self._account.history = [(noise, share, steps) for noise, share, steps in state["spent"]]
        super().restore({name: value for name, value in state.items() if name != "spent"})

    def _descend(self, batches: Sequence[Batch]) -> float:
        """Set the gradients: the noisy mean of the rows' clipped ones. The mean loss is not noisy."""
        sums = [torch.zeros_like(each) for each in self._parameters]
        losses = [self._add_row(row, sums) for draw in batches for row in draw]
        spread = self._noise * self._privacy.clip_each
        for parameter, total in zip(self._parameters, sums, strict=True):
            noise = torch.randn(total.shape, generator=self._chance) * spread
            parameter.grad = (total + noise.to(total.device)) / (self._share * self._rows.rows)
        return sum(losses) / max(1, len(losses))

    def _add_row(self, row: Batch, sums: Sequence[torch.Tensor]) -> float:
        loss = self._study.loss(row)
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        with torch.no_grad():
            gradients = [(total, each) for total, each in zip(sums, map(_whole, found), strict=True)]
            lengths = [_values(each).norm() for _, each in gradients if each is not None]
            length = float(torch.stack(lengths).norm())
            factor = min(1.0, self._privacy.clip_each / max(length, 1e-12))
            for total, each in gradients:
                if each is not None:
                    total.add_(each, alpha=factor)
        return float(loss.detach())


def _whole(gradient: torch.Tensor | None) -> torch.Tensor | None:
    """A token that occurs twice in a row has one gradient, the sum of both."""
    return gradient.coalesce() if gradient is not None and gradient.is_sparse else gradient


def _values(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.values() if gradient.is_sparse else gradient


def _gather_sparsely(model: torch.nn.Module) -> None:
    """A row's gradient of the token vectors holds its own tokens alone, not the whole vocabulary."""
    for module in _embeddings(model):
        module.sparse = True


def _embeddings(model: torch.nn.Module) -> Iterator[torch.nn.Embedding]:
    return (each for each in model.modules() if isinstance(each, torch.nn.Embedding))


def _separable(study: Study, plan: Plan, group: Group, privacy: Privacy) -> Separable:
    if not isinstance(study, Separable):
        raise BadInput("Privacy is for tasks that label texts: of this one the rows cannot be told apart.")
    if any(isinstance(each, _BatchNorm) for each in study.model.modules()):
        raise BadInput("This network mixes the rows of a batch (batch norm): none of them can be protected.")
    if group.size > 1 or plan.accumulate > 1:
        raise BadInput("A private run is one process and draws its batches itself: set `rows` of [privacy].")
    if privacy.delta * study.rows >= 1:
        enough = f"{0.1 / study.rows:.0e}"
        raise BadInput(f"delta must be below one in the number of rows: {enough} would do for {study.rows}.")
    return study
