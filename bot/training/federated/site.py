"""A site of a federated run: a process of its own that alone opens its rows, and gives back updates only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import load, save
from torch import Tensor

from bot.errors import BadInput, ParleyError

if TYPE_CHECKING:
    from bot.training.loop.learner import Learner
    from bot.training.loop.plan import Plan
    from bot.training.loop.run import Study

SECONDS = 3600.0
STARTING_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a site is told at the start: the task, its own rows, the first checkpoint, and how to learn."""

    task: str
    rows: Path
    checkpoint: Path
    plan: Plan
    rounds: int
    conversations: bool


class Site:
    """A site as the one who asks it sees it: a name, a number of rows, and updates."""

    def __init__(self, name: str, task: Task) -> None:
        self.name = name
        self.rows = 0
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, task), daemon=True)
        self._process.start()
        other.close()

    def begin(self) -> None:
        """Wait until it has read its rows. Raises BadInput when it cannot."""
        self.rows = int(self._header(STARTING_SECONDS)["rows"])

    def ask(self, round_: int, weights: Mapping[str, Tensor]) -> None:
        """Send the weights of all; it begins to learn."""
        self._pipe.send_bytes(json.dumps({"round": round_}).encode())
        self._pipe.send_bytes(save(dict(weights)))

    def answer(self) -> tuple[dict[str, Tensor], float]:
        """What it would change in the weights, and its mean loss. Raises BadInput when it fails."""
        loss = float(self._header(SECONDS)["loss"])
        return load(self._received(SECONDS)), loss

    def close(self) -> None:
        """End its process."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(5)

    def _header(self, seconds: float) -> Mapping[str, Any]:
        header: Mapping[str, Any] = json.loads(self._received(seconds))
        if "error" in header:
            raise BadInput(f"{self.name}: {header['error']}")
        return header

    def _received(self, seconds: float) -> bytes:
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise BadInput(f"{self.name}: its process ended. The same command goes on.") from None
        raise BadInput(f"{self.name}: no answer within {seconds:.0f} seconds. The same command goes on.")


def serve(pipe: Connection, task: Task) -> None:
    """Learn from the site's rows whenever weights come, until the pipe is closed."""
    try:
        learning = _Learning(task)
        _say(pipe, {"rows": learning.study.rows})
        while True:
            round_ = json.loads(pipe.recv_bytes())["round"]
            update, loss = learning.update(round_, load(pipe.recv_bytes()))
            _say(pipe, {"loss": loss})
            pipe.send_bytes(save(update))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except ParleyError as error:
        _say(pipe, {"error": str(error)})


def _say(pipe: Connection, header: Mapping[str, Any]) -> None:
    pipe.send_bytes(json.dumps(header).encode())


class _Learning:
    """A site's rows, and the network that learns from them."""

    def __init__(self, task: Task) -> None:
        from bot.training.federated.federation import known_study
        from bot.training.rows.provenance import Gate

        torch.set_num_threads(task.plan.threads)
        Gate(conversations=task.conversations).admit([task.rows])
        self.study = known_study(task.task, task.rows, task.checkpoint, task.plan)
        self._task = task

    def _learner(self) -> Learner:
        from bot.training.loop.distributed import Group
        from bot.training.loop.learner import Learner

        return Learner(cast("Study", self.study), self._task.plan, Group())

    def update(self, round_: int, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], float]:
        """Learn a round from the weights of all; the difference it makes, and the mean loss."""
        model = cast("Study", self.study).model
        model.load_state_dict(weights, strict=False)
        model.train()
        learner, epochs = self._learner(), max(1, round(self._task.plan.epochs))
        first = round_ * epochs
        batches = [batch for each in range(first, first + epochs) for batch in self.study.batches(each)]
        done, total = round_ * len(batches), self._task.rounds * len(batches)
        losses = [learner.step([batch], step, total) for step, batch in enumerate(batches, start=done)]
        learnt = weights_of(model)
        return {name: learnt[name] - value for name, value in weights.items()}, sum(losses) / len(losses)


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of all its numbers, by name."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
        if value.is_floating_point()
    }
