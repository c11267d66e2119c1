"""Simulated weeks: shifts of known time and size, and the alerts about them."""

import json
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.evaluation.crowd import BEGIN, WEEK
from bot.evaluation.mood import evaluate_mood
from bot.evaluation.mood_chart import draw
from bot.settings import PluginsSettings, Settings
from bot.testing import FakeModels

TEXTS = {
    "negative": ["this is terrible", "awful and broken", "I hate it so much", "bad bad day"],
    "neutral": ["see you at nine", "the file is in the folder", "which one", "it starts on Monday"],
    "positive": ["great work, thanks", "I love this", "happy to help", "good idea"],
}


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    file = tmp_path / "labelled.jsonl"
    rows = [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


async def test_large_shifts_are_found_and_quiet_weeks_are_left_alone(labelled: Path) -> None:
    figures, courses = await evaluate_mood(None, [labelled], channels=4, seed=5)
    assert figures.shifts == 4
    assert all(share == 1.0 for size, share in figures.by_size.items() if float(size) >= 0.4)
    assert figures.false_per_channel_week <= 0.5
    assert figures.delay_messages > 0
    assert figures.strong_right == 1.0
    assert len(courses) == 4


async def test_a_seed_tells_the_same_story_again(labelled: Path) -> None:
    first, _ = await evaluate_mood(None, [labelled], channels=2, seed=7)
    again, _ = await evaluate_mood(None, [labelled], channels=2, seed=7)
    other, _ = await evaluate_mood(None, [labelled], channels=2, seed=8)
    assert first.messages == again.messages != other.messages
    assert first.delay_minutes == again.delay_minutes


async def test_models_are_asked_once_for_each_text(labelled: Path) -> None:
    models = FakeModels()
    figures, _ = await evaluate_mood(models, [labelled], channels=1, seed=2)
    texts = [text for asked in models.asked for text in asked]
    assert figures.messages > 1000
    assert len(texts) <= 2 * sum(map(len, TEXTS.values())) + figures.strong


async def test_a_chart_shows_shifts_and_alerts(labelled: Path) -> None:
    _, courses = await evaluate_mood(None, [labelled], channels=1, seed=5)
    svg = draw(courses[0])
    assert svg.startswith("<svg")
    assert svg.count('fill="#f3d9a4"') == 1
    assert svg.count('stroke="#c00"') == len(courses[0].alerts)
    assert all(shift.start >= BEGIN + WEEK for shift in courses[0].shifts)


async def test_a_file_without_a_label_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "few.jsonl"
    file.write_text('{"text": "good", "label": "positive"}\n')
    with pytest.raises(BadInput, match="negative or neutral"):
        await evaluate_mood(None, [file])


async def test_without_the_plugin_there_is_nothing_to_measure(labelled: Path) -> None:
    settings = Settings(plugins=PluginsSettings(disabled=("sentiment",)))
    with pytest.raises(BadInput, match="switched off"):
        await evaluate_mood(None, [labelled], settings=settings)
