"""`parley evaluate summarization` and `translation`, with judges from folders that the tests make."""

import json
from contextlib import nullcontext

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("rouge_score")

from bot.cli import main

DIALOGUE = """Ann: Hello Bob.
Bob: Hi.
Ann: Nice weather today.
Bob: The billing server fails every night.
Ann: We decided to replace the billing server on Friday.
Bob: The new billing server is faster."""
SUMMARY = "Ann and Bob replace the billing server on Friday."
SCORES = ("bertscore_precision", "bertscore_recall", "bertscore_f1")


@pytest.fixture
def parley(capsys, tmp_path, monkeypatch):
    """Run a command in this process, without a worker; its status and what it prints and says."""
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PARLEY_WORKER__ENABLED", "false")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"dialogue": DIALOGUE, "summary": SUMMARY}) + "\n")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", "summarization", "--data", str(rows), *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT-like encoder of random weights, and the same with a head of one output."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    from bot.training.rows.subwords import learn_subwords

    folder = tmp_path_factory.mktemp("judges")
    tokenizer = learn_subwords([DIALOGUE, SUMMARY], size=300, folded=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
        initializer_range=0.5,
    )
    torch.manual_seed(1)
    for name, kind in (("encoder", BertModel), ("headed", BertForSequenceClassification)):
        kind(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


def test_baselines_and_judges_stand_beside_our_figures(parley, encoder):
    status, shown, _ = parley("--bertscore", encoder / "encoder", "--bleurt", encoder / "headed", "--json")
    assert status == 0
    figures = json.loads(shown)
    assert figures["rouge1"] > figures["baselines"]["lead-3"]["rouge1"] > 0
    for each in (figures, *figures["baselines"].values()):
        assert all(-1 < each[name] <= 1 for name in SCORES)
        assert isinstance(each["bleurt"], float)
    assert figures["baselines"].keys() == {"lead-3", "lead-150-words"}
    assert "learned" not in figures
    last = json.loads(parley("--bertscore", encoder / "encoder", "--bertscore-layer", "1", "--json")[1])
    assert last["bertscore_f1"] != figures["bertscore_f1"]
    assert "bleurt" not in last


def test_the_table_has_a_column_for_each_baseline(parley, encoder):
    status, shown, _ = parley("--bertscore", encoder / "encoder")
    assert status == 0
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert lines["figure"] == ["parley", "lead-3", "lead-150-words"]
    assert len(lines["rouge1"]) == len(lines["bertscore_f1"]) == 3
    assert float(lines["rouge1"][0]) > float(lines["rouge1"][1])
    assert lines["n"] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--bertscore", "nowhere"), 1, "no model folder"),
        (("--bleurt", "encoder"), 1, "BLEURT is a checkpoint for sequence classification with one output"),
        (("--bertscore-layer", "1"), 2, "--bertscore-layer belongs to --bertscore DIR"),
        (("--bertscore", "encoder", "--bertscore-layer", "3"), 2, "layers 0 to 2"),
    ],
)
def test_what_cannot_judge_is_told_in_one_line(parley, encoder, arguments, status, words):
    given = [encoder / each if each in ("nowhere", "encoder") else each for each in arguments]
    ended, _, said = parley(*given)
    (line,) = [line for line in said.splitlines() if line.startswith("parley: ")]
    assert (ended, words in line) == (status, True)


def test_translations_are_judged_too(encoder, tmp_path, capsys, monkeypatch):
    pytest.importorskip("sacrebleu")
    from bot.cli import evaluate_texts

    async def translate(texts, target, source):
        return [SUMMARY for _ in texts]

    monkeypatch.setattr(evaluate_texts, "_translating", lambda *_: nullcontext(translate))
    rows = tmp_path / "rows.jsonl"
    pairs = [("Hallo", SUMMARY, "de", "en"), ("Bonjour", "Nice weather today.", "fr", "en")]
    lines = [dict(zip(("src", "tgt", "src_lang", "tgt_lang"), pair, strict=True)) for pair in pairs]
    rows.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    command = ["evaluate", "translation", "--data", str(rows), "--bertscore", str(encoder / "encoder")]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--json"])
    assert ended.value.code == 0
    figures = json.loads(capsys.readouterr().out)
    same, other = figures["directions"]["de-en"], figures["directions"]["fr-en"]
    assert same["bertscore_f1"] == 1.0
    assert other["bertscore_f1"] < 1.0
    assert figures["bertscore_f1"] == pytest.approx((1.0 + other["bertscore_f1"]) / 2, abs=1e-4)
    with pytest.raises(SystemExit):
        main(command)
    assert "fr-en bertscore_f1" in capsys.readouterr().out
