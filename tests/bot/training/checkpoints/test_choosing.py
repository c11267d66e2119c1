"""Which folder a name means."""

import pytest

from bot.errors import BadInput
from bot.settings import Settings
from bot.training.checkpoints import choosing
from bot.training.checkpoints.choosing import chosen_folder


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Two models that come with it, and a folder that is none."""
    for name in ("sentiment", "toxicity"):
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "config.json").write_text("{}")
    (tmp_path / "weights" / "empty").mkdir()
    monkeypatch.setattr(choosing, "WEIGHTS", tmp_path / "weights")
    return tmp_path / "weights"


def test_a_task_has_its_own_model_a_name_is_a_role_and_a_path_a_folder(weights, tmp_path):
    assert chosen_folder("sentiment", "", Settings()) == weights / "sentiment"
    assert chosen_folder("sentiment", "toxicity", Settings()) == weights / "toxicity"
    assert chosen_folder("intents", str(tmp_path), Settings()) == tmp_path


def test_an_operators_own_model_comes_before_the_built_in_one(weights, tmp_path):
    settings = Settings(
        models={"sentiment": {"folder": tmp_path}, "mood": {"folder": tmp_path, "task": "classification"}}
    )
    assert chosen_folder("sentiment", "", settings) == tmp_path
    assert chosen_folder("sentiment", "mood", settings) == tmp_path


@pytest.mark.parametrize(
    ("task", "model", "words"),
    [
        ("intents", "", "no built-in model for intents.*sentiment, toxicity"),
        ("sentiment", "bert", "no model 'bert'"),
        ("translation", "", "'translation' is no task that gives labels"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(weights, task, model, words):
    with pytest.raises(BadInput, match=words):
        chosen_folder(task, model, Settings())
