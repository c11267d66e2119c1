"""`parley train --epsilon`, `parley audit` and `parley federate`, on a model that is made here."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("opacus")

from bot.cli import main

PLAN = """
epochs = 2
learning_rate = 0.02
warmup = 2
average = 0.0
[network]
vocabulary = 400
embedding = 8
hidden = 8
[privacy]
rows = 30
"""


@pytest.fixture
def parley(capsys):
    """Run a command in this process: its exit code, and what it printed."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    words = {"great": "ok", "awful": "toxic"}
    rows = [
        {"text": f"the {who} {word} {n}", "label": label}
        for n in range(20)
        for who in ("women", "men", "house")
        for word, label in words.items()
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def test_a_private_model_is_made_and_audited(parley, rows, tmp_path):
    plan, out, chart = tmp_path / "plan.toml", tmp_path / "out", tmp_path / "gaps.svg"
    plan.write_text(PLAN)
    files = ["--data", rows, "--dev", rows, "--out", out, "--plan", plan, "--vocabulary", rows]
    code, shown, said = parley("train", "toxicity", *files, "--epsilon", 5, "--delta", "1e-3", "--json")
    assert code == 0, said
    figures = json.loads(shown)
    assert 0 < figures["epsilon"] <= 5
    assert figures["delta"] == 1e-3
    audited = ["--model", out, "--data", rows]
    code, shown, said = parley("audit", "toxicity", *audited, "--chart", chart, "--json")
    assert code == 0, said
    found = json.loads(shown)
    assert [each["term"] for each in found["terms"]] == ["women", "men"]
    assert {"worst_fpr_gap", "bpsn_auc", "bias_auc", "fpr", "n"} <= set(found)
    assert chart.read_text().startswith("<svg")
    code, shown, _ = parley("audit", "toxicity", *audited, "--against", out)
    assert code == 0
    assert "worst_fpr_gap" in shown


def test_bad_input_is_said_in_one_line(parley, rows, tmp_path):
    sites = ["--site", rows, "--dev", rows, "--out", tmp_path / "y"]
    for arguments, words in (
        (("train", "toxicity", "--data", rows, "--out", tmp_path / "x", "--delta", 0.1), "needs an epsilon"),
        (("audit", "mood", "--data", rows), "is no task that gives labels"),
        (("federate", "toxicity", *sites, "--aggregate", "median"), "must be 3 or more"),
        (("lab", "report", "--out", tmp_path / "z", "--data", tmp_path), "There are no rows in"),
    ):
        code, _, said = parley(*arguments)
        assert code == 2, said
        (line,) = [line for line in said.splitlines() if line.startswith("parley: ")]
        assert words in line
