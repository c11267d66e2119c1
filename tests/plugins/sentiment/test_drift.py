"""The fall of a channel's mood below what is usual there."""

import random

from plugins.sentiment.drift import LONGEST_STEP, WARM_UP, Drift

FALL = 10.0


def run(values: list[float], drift: Drift | None = None) -> tuple[Drift, list[int]]:
    """The drift after values, and the places at which moderators would have been told."""
    drift, told = drift or Drift(), []
    for place, value in enumerate(values):
        drift = drift.after(value)
        if drift.is_known and drift.fall >= FALL:
            told.append(place)
            drift = drift.told()
    return drift, told


def mood(generator: random.Random, mean: float) -> float:
    return max(-1.0, min(1.0, generator.gauss(mean, 0.4)))


def test_a_steady_channel_raises_nothing_for_weeks() -> None:
    generator = random.Random(1)
    _, told = run([mood(generator, 0.1) for _ in range(5000)])
    assert len(told) <= 1


def test_a_lasting_fall_is_found_within_a_few_dozen_messages() -> None:
    generator = random.Random(2)
    usual, _ = run([mood(generator, 0.2) for _ in range(1000)])
    _, told = run([mood(generator, -0.4) for _ in range(100)], usual)
    assert told
    assert told[0] < 30


def test_one_terrible_message_is_no_fall() -> None:
    generator = random.Random(3)
    usual, _ = run([mood(generator, 0.2) for _ in range(1000)])
    after = usual.after(-1.0)
    assert after.fall <= LONGEST_STEP
    assert run([mood(generator, 0.2) for _ in range(20)], after)[1] == []


def test_nothing_is_said_before_the_usual_is_known() -> None:
    _, told = run([-0.9] * (WARM_UP - 1))
    assert told == []


def test_what_was_learnt_is_kept() -> None:
    drift, _ = run([0.1, -0.2, 0.3])
    assert Drift.unpack(drift.pack()).count == 3
    assert Drift.unpack(None) == Drift()
