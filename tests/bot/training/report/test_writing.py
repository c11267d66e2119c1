"""The lab's report: rows are drawn, runs are kept, a failure is one part's own."""

import gzip
import json

import pytest

pytest.importorskip("torch")

from bot.errors import BadInput
from bot.training.loop.plan import Plan, read_plan
from bot.training.report.experiments import FULL, QUICK, Experiment, Line, Run, experiments
from bot.training.report.samples import FILES, Amounts, draw, sources
from bot.training.report.writing import command_of, report, shown

RUN = Run("one", ["train", "sentiment", "--out", "a folder"])
KNOWN = ("train", "federate", "compress", "augment", "audit")
TWO = Run("two", ["train"], processes=2)


@pytest.fixture
def folder(tmp_path, rows_of):
    """A folder laid out as the known one, with a few rows of each kind."""
    labels = {"train": ("ok", "toxic"), "dev": ("ok", "toxic"), "bias": ("ok", "toxic")}
    for kind, name in FILES.items():
        rows = rows_of(30, labels=labels.get(kind, ("negative", "positive")))
        if kind == "public":
            rows = [{"text": f"the women {n}", "labels": ["joy"]} for n in range(20)]
            rows += [{"text": "the men", "labels": ["anger"]}, {"text": "a house", "labels": ["joy"]}]
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt") as written:
            written.writelines(f"{json.dumps(row)}\n" for row in rows)
    return tmp_path / "data"


def read(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_rows_are_drawn_with_where_they_come_from(folder, tmp_path):
    amounts = Amounts(train=12, ballast=5, labels=1)
    samples = draw("toxicity", sources(folder, {}), amounts, out=tmp_path / "rows", seed=1)
    assert len(read(samples.files["train"])) == 12
    assert [len(read(samples.files[f"site{number}"])) for number in (1, 2, 3)] == [4, 4, 4]
    assert {row["label"] for row in read(samples.files["ballast"])} == {"ok"}
    assert all("women" in row["text"] for row in read(samples.files["ballast"]))
    assert len(read(samples.files["intents"])) == 8
    assert read(samples.files["train"])[0]["licence"] == "not stated"
    again = draw("toxicity", sources(folder, {}), amounts, out=tmp_path / "again", seed=1)
    assert read(again.files["train"]) == read(samples.files["train"])


def test_rows_of_ones_own_take_their_place(folder, tmp_path, write_rows, rows_of):
    own = write_rows(tmp_path / "own.jsonl", rows_of(9))
    found = sources(None, {"train": own, "dev": own})
    samples = draw("sentiment", found, Amounts(), out=tmp_path / "rows", seed=1)
    names = [each.name for each in experiments(samples, QUICK, tmp_path, seed=1)]
    assert names == ["privacy", "federated", "compressed", "processes"]
    assert sources(folder, {"train": own})["train"] == own
    with pytest.raises(BadInput, match="give --data the folder"):
        sources(tmp_path / "nowhere", {})


@pytest.mark.parametrize("sizes", [QUICK, FULL])
def test_every_plan_is_one_and_every_line_is_of_a_run(folder, tmp_path, sizes):
    samples = draw("toxicity", sources(folder, {}), Amounts(), out=tmp_path / "rows", seed=1)
    found = experiments(samples, sizes, tmp_path, seed=1)
    assert len(found) == 8
    for plan in (tmp_path / "plans").glob("*.toml"):
        assert read_plan(Plan(), plan, {}).epochs > 0
    for each in found:
        assert {line.run for line in each.lines} <= {run.name for run in each.runs}
        assert all(run.arguments[0] in KNOWN for run in each.runs)


def test_runs_are_done_once_and_a_failure_stays_with_its_part(tmp_path):
    asked = []

    def runner(run):
        asked.append(run.name)
        if run.name == "bad":
            raise BadInput("no rows")
        return {"macro_f1": 0.5, "after": {"macro_f1": 0.25}}

    lines = [Line("plain", "one"), Line("inside", "one", "after.")]
    good = Experiment("good", "A title", "What is compared.", [RUN], lines, ("macro_f1", "missing"))
    bad = Experiment("bad", "Another", "It says.", [RUN, Run("bad", [])], [], ("macro_f1",))
    said = []
    for _ in range(2):
        results = report([bad, good], tmp_path, runner=runner, say=said.append, title="Title")
    assert asked == ["one", "bad", "bad"]
    assert results[1].lines[1] == ("inside", {"macro_f1": 0.25, "missing": None})
    page = (tmp_path / "report.md").read_text()
    assert "It failed: no rows" in page
    assert "| inside | 0.25 | - |" in page
    assert "parley train sentiment --out 'a folder'" in page
    assert [each["failure"] for each in json.loads((tmp_path / "report.json").read_text())] == ["no rows", ""]
    assert (tmp_path / "report.svg").read_text().count("<rect") == 3
    changed = Experiment("good", "A title", "", [Run("one", ["other"])], lines, ("macro_f1",))
    report([changed], tmp_path, runner=runner, say=said.append, title="Title")
    assert asked[-1] == "one"


def test_how_commands_and_figures_are_shown():
    assert command_of(TWO) == "torchrun --nproc-per-node=2 $(which parley) train"
    assert (shown(None), shown(1e-5), shown(0.51234), shown(12)) == ("-", "1e-05", "0.5123", "12")
