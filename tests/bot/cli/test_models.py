"""`parley models`, from a checkpoint that `parley train` made to live, and back."""

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.cli import main

WORDS = {"great": "positive", "awful": "negative", "train": "neutral", "好": "positive"}
PLAN = """
epochs = 12
patience = 0
learning_rate = 0.02
warmup = 2
batch_tokens = 256
average = 0.0
[network]
vocabulary = 400
embedding = 12
hidden = 8
vocab_dropout = 0.0
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    shown: str
    said: str


@pytest.fixture
def parley(capsys, tmp_path, monkeypatch):
    """Run a command in this process, on a data folder of the test's own."""
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ended(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def shown(parley):
    """What a command prints as JSON."""

    def run(*arguments):
        ended = parley(*arguments, "--json")
        assert ended.code == 0, ended.said
        return json.loads(ended.shown)

    return run


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    rows = [{"text": f"{word} {n}", "label": label} for n in range(60) for word, label in WORDS.items()]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def trained(folder, rows):
    (folder / "plan.toml").write_text(PLAN)
    files = ["--data", rows, "--dev", rows, "--plan", folder / "plan.toml", "--out", folder / "out"]
    with pytest.raises(SystemExit) as ended:
        main(["train", "sentiment", "--arch", "gru", *map(str, files)])
    assert ended.value.code == 0
    return folder / "out"


@pytest.fixture(scope="module")
def good(tmp_path_factory, rows):
    """A model that knows the words."""
    return trained(tmp_path_factory.mktemp("good"), rows)


@pytest.fixture(scope="module")
def bad(tmp_path_factory, good):
    """The same, with two labels exchanged."""
    folder = tmp_path_factory.mktemp("bad") / "out"
    shutil.copytree(good, folder)
    config = json.loads((folder / "config.json").read_text())
    names = config["id2label"]
    names["0"], names["2"] = names["2"], names["0"]
    config["label2id"] = {name: int(number) for number, name in names.items()}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def served(models, role="sentiment"):
    return next((each["name"], each["origin"]) for each in models if each["role"] == role and each["serves"])


@pytest.mark.timeout(900)
def test_the_life_of_a_model(good, bad, rows, tmp_path, parley, shown):
    assert served(shown("models", "list")) == ("parley-sentiment", "built-in")
    added = shown("models", "add", "sentiment", good, "--name", "good-1", "--licence", "MIT")
    assert (added["state"], added["licence"]) == ("candidate", "MIT")
    checked = shown("models", "check", "good-1", "--data", rows)
    assert checked["labels"] == ["negative", "neutral", "positive"]
    assert checked["figures"]["accuracy"] > 0.9
    asked = parley("models", "promote", "good-1")
    assert "for 10% of the texts" in asked.shown
    verdict = shown("models", "promote", "good-1", "--data", rows)
    assert verdict["promoted"]
    assert {each["name"] for each in verdict["gates"]} == {"accuracy", "macro_f1"}
    assert served(shown("models", "list")) == ("good-1", "catalogue")
    assert shown("predict", "sentiment", "so great")["label"] == "positive"
    assert shown("evaluate", "sentiment", "--data", rows, "--limit", 20)["accuracy"] > 0.9

    shown("models", "add", "sentiment", bad, "--name", "bad-1")
    refused = parley("models", "promote", "bad-1", "--data", rows)
    assert refused.code == 1
    assert "FAILED" in refused.shown
    assert "bad-1 stays candidate: accuracy is 0." in refused.said
    assert shown("predict", "sentiment", "so great", "--model", "bad-1")["label"] == "negative"
    forced = parley("models", "promote", "bad-1", "--force", "a test of the way back")
    assert forced.code == 0, forced.said
    assert served(shown("models", "list")) == ("bad-1", "catalogue")
    assert "good-1 is live again" in parley("models", "rollback", "sentiment").shown
    assert "built-in is live again" in parley("models", "rollback", "sentiment").shown
    assert "nothing to go back from" in parley("models", "rollback", "sentiment").said
    steps = shown("models", "history")
    assert [each["action"] for each in steps] == [
        *("add", "check", "shadow", "promote", "add", "refuse", "promote", "rollback", "rollback")
    ]
    assert steps[6]["reason"] == "a test of the way back"
    assert steps[5]["figures"]["gates"][0]["passed"] is False
    assert not [each for each in (tmp_path / "data").rglob("*") if each.name.startswith((".new", ".down"))]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "nobody"), "no version 'nobody'"),
        (("promote", "nobody"), "no version 'nobody'"),
        (("add", "sentiment", "owner/model", "--name", "a"), "--download"),
        (("add", "sentiment", "/nowhere/at/all", "--name", "a"), "no model folder"),
        (("add", "spam", "/tmp", "--name", "a"), "--task"),
        (("rollback", "sentiment"), "nothing to go back from"),
        (("remove", "sentiment", "nobody", "--yes"), "no version 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(parley, arguments, words):
    ended = parley("models", *arguments)
    assert ended.code in (1, 2)
    (line,) = [line for line in ended.said.splitlines() if line.startswith("parley: ")]
    assert words in line


def test_promotion_asks_for_what_it_needs(good, rows, parley, shown):
    shown("models", "add", "sentiment", good, "--name", "a")
    assert "give --data FILE" in parley("models", "promote", "a", "--at-least", "accuracy=0.5").said
    wrong = parley("models", "promote", "a", "--data", rows, "--at-least", "accuracy:0.5")
    assert (wrong.code, "write a figure and a number" in wrong.said) == (2, True)
    assert parley("models", "shadow", "a").code == 0
    assert "a is shadow. To go live" in parley("models", "promote", "a").said
    assert "no shadow any more" in parley("models", "shadow", "a", "--off").shown
    assert "is no shadow" in parley("models", "shadow", "a", "--off").said


def test_a_version_is_removed_when_that_is_confirmed(good, tmp_path, parley, shown, monkeypatch):
    for name in ("a", "b"):
        shown("models", "add", "sentiment", good, "--name", name)
    assert parley("models", "promote", "a", "--force", "a test").code == 0
    live = parley("models", "remove", "sentiment", "a", "--yes")
    assert (live.code, "a is live in sentiment, so it stays" in live.said) == (2, True)
    folder = tmp_path / "data" / "models" / "sentiment"
    for answer in ("", "n\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        stays = parley("models", "remove", "sentiment", "b")
        assert (stays.code, "b stays" in stays.shown) == (1, True)
    assert (folder / "b").is_dir()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "b is removed from sentiment" in parley("models", "remove", "sentiment", "b").shown
    assert [each.name for each in folder.iterdir()] == ["a"]
    assert parley("models", "rollback", "sentiment").code == 0
    assert parley("models", "remove", "sentiment", "a", "--yes").code == 0
    assert served(shown("models", "list")) == ("parley-sentiment", "built-in")
    assert [each["action"] for each in shown("models", "history")][-3:] == ["remove", "rollback", "remove"]


def test_the_settings_go_before_the_catalogue_and_that_is_said(good, tmp_path, parley, shown):
    config = tmp_path / "parley.toml"
    config.write_text(f'[models.sentiment]\nfolder = "{good}"\n')
    shown("models", "add", "sentiment", good, "--name", "a")
    ended = parley("models", "promote", "a", "--force", "a test", "--config", config)
    assert "The settings name another model in [models.sentiment]" in ended.shown
    assert served(shown("models", "list", "--config", config)) == (Path(good).name, "settings")
