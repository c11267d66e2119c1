"""The training loop on a small regression: seeded, resumable, ended early, nothing lost."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bot.errors import BadInput
from bot.training.loop import state
from bot.training.loop.interrupt import Interrupted
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Row, Silent
from bot.training.loop.run import train

PLAN = Plan(epochs=3, learning_rate=0.05, warmup=2, average=0.9, validations=2, patience=0, seed=3)
BATCHES = 7


class Line:
    """Learn y = 3x - 1 through dropout, so that chance matters."""

    score = "-error"

    def __init__(self, seed: int = 3) -> None:
        torch.manual_seed(seed)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)
        )
        self.taken = 0

    def batches(self, epoch: int) -> Sequence[torch.Tensor]:
        chance = torch.Generator().manual_seed(epoch)
        return [torch.randn(16, 1, generator=chance) for _ in range(BATCHES)]

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        self.taken += 1
        return torch.nn.functional.mse_loss(self.model(batch), 3 * batch - 1)

    def validate(self) -> dict[str, float]:
        assert not self.model.training
        given = torch.linspace(-1, 1, 9).unsqueeze(1)
        return {"error": float(torch.nn.functional.mse_loss(self.model(given), 3 * given - 1).detach())}

    def save(self, folder: Path) -> None:
        save_file(self.model.state_dict(), folder / "model.safetensors")


class Stopping(Silent):
    """Ask the process to stop after a number of steps, as Ctrl-C would."""

    def __init__(self, after: int) -> None:
        self._after = after

    def step(self, done: int, total: int, *, loss: float) -> None:
        if done == self._after:
            os.kill(os.getpid(), signal.SIGINT)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def test_a_run_learns_and_keeps_the_best_checkpoint(tmp_path: Path) -> None:
    study = Line()
    report = train(study, PLAN, tmp_path, progress=Silent())
    assert len(report.history) == 6
    assert report.steps == 3 * BATCHES
    assert report.best.metrics["error"] == min(row.metrics["error"] for row in report.history)
    assert report.history[-1].loss < report.history[0].loss
    assert [row.epoch for row in report.history][1::2] == [1.0, 2.0, 3.0]
    assert len(json.loads((tmp_path / "history.json").read_text())) == 6
    assert "<polyline" in (tmp_path / "curves.svg").read_text()
    kept = Line()
    kept.model.load_state_dict(weights(tmp_path))
    kept.model.eval()
    assert kept.validate() == pytest.approx(report.best.metrics)


def test_the_same_seed_gives_the_same_weights_another_gives_others(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        train(Line(), dataclasses.replace(PLAN, seed=seed), tmp_path / name, progress=Silent())
    one, two, three = (weights(tmp_path / name) for name in ("one", "two", "three"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize("after", [1, 5, BATCHES, BATCHES + 4])
def test_an_interrupted_run_goes_on_and_ends_as_it_would_have(tmp_path: Path, after: int) -> None:
    whole = train(Line(), PLAN, tmp_path / "whole", progress=Silent())
    with pytest.raises(Interrupted):
        train(Line(), PLAN, tmp_path / "parts", progress=Stopping(after))
    again = Line(seed=99)
    parts = train(again, PLAN, tmp_path / "parts", progress=Silent())
    assert again.taken == 3 * BATCHES - after
    assert [(row.loss, row.metrics) for row in parts.history] == [
        (row.loss, row.metrics) for row in whole.history
    ]
    expected = weights(tmp_path / "whole")
    assert all(torch.equal(expected[name], value) for name, value in weights(tmp_path / "parts").items())


def test_a_run_without_averaged_weights_goes_on_too(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, average=0.0)
    whole = train(Line(), plan, tmp_path / "whole", progress=Silent())
    with pytest.raises(Interrupted):
        train(Line(), plan, tmp_path / "parts", progress=Stopping(8))
    assert train(Line(), plan, tmp_path / "parts", progress=Silent()).steps == whole.steps
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "parts")[name])


def test_a_finished_run_takes_no_further_step(tmp_path: Path) -> None:
    first = train(Line(), PLAN, tmp_path, progress=Silent())
    study = Line()
    second = train(study, PLAN, tmp_path, progress=Silent())
    assert study.taken == 0
    assert second.best == first.best


def test_more_epochs_prolong_a_finished_run(tmp_path: Path) -> None:
    train(Line(), PLAN, tmp_path, progress=Silent())
    study = Line()
    report = train(study, dataclasses.replace(PLAN, epochs=4), tmp_path, progress=Silent())
    assert study.taken == BATCHES
    assert report.steps == 4 * BATCHES


def test_a_part_of_an_epoch_is_measured_and_gone_on_from(tmp_path: Path) -> None:
    study = Line()
    report = train(study, dataclasses.replace(PLAN, epochs=1.6), tmp_path, progress=Silent())
    assert study.taken == report.steps == BATCHES + 4
    assert [row.step for row in report.history] == [4, 7, 11]
    further = Line()
    assert train(further, dataclasses.replace(PLAN, epochs=2), tmp_path, progress=Silent()).steps == 14
    assert further.taken == 3


def test_it_stops_when_nothing_improves(tmp_path: Path) -> None:
    class Worse(Line):
        def validate(self) -> dict[str, float]:
            self.measured = getattr(self, "measured", 0.0) + 1.0
            return {"error": self.measured}

    report = train(Worse(), dataclasses.replace(PLAN, epochs=50, patience=2), tmp_path, progress=Silent())
    assert report.stopped_early
    assert len(report.history) == 3
    assert report.best.metrics == {"error": 1.0}


def test_patience_forgets_nothing_across_an_interruption(tmp_path: Path) -> None:
    class Worse(Line):
        score = "error"

        def validate(self) -> dict[str, float]:
            return {"error": 1.0}

    plan = dataclasses.replace(PLAN, epochs=50, patience=2)
    with pytest.raises(Interrupted):
        train(Worse(), plan, tmp_path, progress=Stopping(BATCHES))
    assert len(train(Worse(), plan, tmp_path, progress=Silent()).history) == 3


def test_another_run_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    train(Line(), PLAN, tmp_path, progress=Silent(), identity={"data": "one"})
    before = weights(tmp_path)
    with pytest.raises(BadInput, match="another run lies there"):
        train(Line(), PLAN, tmp_path, progress=Silent(), identity={"data": "two"})
    assert all(torch.equal(before[name], value) for name, value in weights(tmp_path).items())


def test_a_network_of_another_shape_is_not_mixed_in(tmp_path: Path) -> None:
    train(Line(), PLAN, tmp_path, progress=Silent())
    other = Line()
    other.model = torch.nn.Sequential(torch.nn.Linear(1, 1))
    with pytest.raises(BadInput, match="another shape"):
        train(other, PLAN, tmp_path, progress=Silent())


def test_a_broken_state_is_said(tmp_path: Path) -> None:
    train(Line(), PLAN, tmp_path, progress=Silent())
    (tmp_path / "last" / "state.pt").write_bytes(b"no state")
    with pytest.raises(BadInput, match=r"state\.pt"):
        train(Line(), PLAN, tmp_path, progress=Silent())


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_best(tmp_path: Path) -> None:
    class Exploding(Line):
        def loss(self, batch: torch.Tensor) -> torch.Tensor:
            return super().loss(batch) * (float("nan") if self.taken >= BATCHES else 1.0)

    with pytest.raises(BadInput, match="lower learning_rate"):
        train(Exploding(), PLAN, tmp_path, progress=Silent())
    assert weights(tmp_path)


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    class Huge(Line):
        def loss(self, batch: torch.Tensor) -> torch.Tensor:
            return torch.empty(1 << 50).sum()

    with pytest.raises(BadInput, match="batch_tokens"):
        train(Huge(), PLAN, tmp_path, progress=Silent())


def test_a_full_disk_is_said_and_the_last_state_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        train(Line(), PLAN, tmp_path, progress=Stopping(4))
    before = (tmp_path / "last" / "state.pt").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state.os, "fsync", full)
    with pytest.raises(BadInput, match="disk is full"):
        train(Line(), dataclasses.replace(PLAN, save_seconds=0.0), tmp_path, progress=Silent())
    assert (tmp_path / "last" / "state.pt").read_bytes() == before
    assert [each.name for each in (tmp_path / "last").iterdir()] == ["state.pt"]
    monkeypatch.undo()
    assert train(Line(), PLAN, tmp_path, progress=Silent()).steps == 3 * BATCHES


def test_no_room_for_the_state_is_said_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = state.shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(state.shutil, "disk_usage", lambda _: usage)
    study = Line()
    with pytest.raises(BadInput, match="MB are free"):
        train(study, PLAN, tmp_path, progress=Silent())
    assert study.taken == 0


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    class Empty(Line):
        def batches(self, epoch: int) -> Sequence[torch.Tensor]:
            return []

    with pytest.raises(BadInput, match="nothing to learn from"):
        train(Empty(), PLAN, tmp_path, progress=Silent())


def test_progress_is_told_everything(tmp_path: Path) -> None:
    class Watching(Silent):
        def __init__(self) -> None:
            self.steps: list[tuple[int, int]] = []
            self.rows: list[tuple[Row, bool]] = []

        def step(self, done: int, total: int, *, loss: float) -> None:
            assert loss > 0
            self.steps.append((done, total))

        def row(self, row: Row, *, is_best: bool) -> None:
            self.rows.append((row, is_best))

    watching = Watching()
    report = train(Line(), PLAN, tmp_path, progress=watching)
    total = 3 * BATCHES
    assert watching.steps == [(step, total) for step in range(1, total + 1)]
    assert [row for row, _ in watching.rows] == list(report.history)
    assert watching.rows[0][1]
