"""A run's plan: from defaults, a TOML file and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.training.loop.plan import Plan, read_plan

DEFAULT = Plan(network={"width": 8, "heads": 2})


def test_the_file_changes_defaults_and_options_change_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("epochs = 3\nlearning_rate = 1\nseed = 9\n[network]\nwidth = 16\n")
    plan = read_plan(DEFAULT, file, {"seed": 4, "epochs": None})
    assert (plan.epochs, plan.learning_rate, plan.seed) == (3, 1, 4)
    assert plan.network == {"width": 16, "heads": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch = 3", "has no 'epoch'"),
        ("epochs = 'many'", "must be of type float"),
        ("epochs = true", "must be of type float"),
        ("epochs = 0", "epochs must be above 0"),
        ("schedule = 'steps'", "constant, linear, cosine, inverse_sqrt"),
        ("average = 1.0", "below 1"),
        ("cooldown = -0.1", "below 1"),
        ("patience = -1", "at least 0"),
        ("network = 3", "must be of type"),
        ("epochs = ", "no TOML"),
    ],
)
def test_what_is_no_plan_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_plan(DEFAULT, file, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.toml"):
        read_plan(DEFAULT, tmp_path / "none.toml", {})


def test_the_rate_rises_then_falls() -> None:
    plan = Plan(learning_rate=1.0, warmup=10, schedule="linear")
    assert plan.rate(0, 110) == pytest.approx(0.1)
    assert plan.rate(9, 110) == pytest.approx(1.0)
    assert plan.rate(60, 110) == pytest.approx(0.5)


def test_schedules_end_where_they_should() -> None:
    def last(schedule: str, cooldown: float = 0.0) -> float:
        return Plan(learning_rate=1.0, warmup=4, schedule=schedule, cooldown=cooldown).rate(399, 400)

    assert last("constant") == 1.0
    assert last("cosine") == pytest.approx(0.0, abs=1e-4)
    assert last("inverse_sqrt") == pytest.approx(0.1)
    assert last("inverse_sqrt", cooldown=0.1) == pytest.approx(0.1 / 40)
