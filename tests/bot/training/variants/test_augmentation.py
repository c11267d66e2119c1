"""Rows and their copies: the same labels, new ids, no copy twice, the same from the same seed."""

import gzip
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.errors import BadInput
from bot.training.courses.classifiers import study
from bot.training.loop.request import Request
from bot.training.rows.provenance import Gate
from bot.training.rows.sums import sha256_of
from bot.training.variants.augmentation import KINDS, Recipe, augment_file, augmented_rows

ROWS = [
    {
        "id": "a-1",
        "text": "she was late again",
        "label": "ok",
        "lang": "en",
        "licence": "CC BY 4.0",
        "x": [1],
    },
    {"text": "my train is broken", "label": "toxic", "lang": "en"},
    {"id": "a-3", "text": "42", "label": "ok", "lang": "en"},
]


class Shouting:
    """Says the same in other words: louder."""

    def rewrite(self, texts, language=""):
        return [text.upper() for text in texts]


def lines_of(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path, write_rows):
    return write_rows(tmp_path / "rows.jsonl", ROWS)


def test_each_row_is_followed_by_its_copies(file, tmp_path):
    recipe = Recipe(["typos", "identity", "back-translation"], copies=2, translator=Shouting())
    found = augment_file(file, out := tmp_path / "new" / "out.jsonl", recipe)
    rows = lines_of(out)
    assert found.rows == 3
    assert [row for row in rows if "augmented" not in row] == ROWS
    copies = [row for row in rows if row.get("id", "").startswith("a-1~")]
    assert [row["id"] for row in copies] == [
        "a-1~typos-1", "a-1~typos-2", "a-1~identity-1", "a-1~back-translation-1",
    ]  # fmt: skip
    assert copies[2]["text"] == "he was late again"
    assert copies[3]["text"] == "SHE WAS LATE AGAIN"
    assert all(row["label"] == "ok" and row["licence"] == "CC BY 4.0" and row["x"] == [1] for row in copies)
    assert not [row for row in rows if row.get("id", "").startswith("a-3~")]
    assert {row["id"] for row in rows if row["label"] == "toxic" and "id" in row} == {
        "2~typos-1", "2~typos-2", "2~back-translation-1",
    }  # fmt: skip
    assert dict(found.made) == {"typos": 4, "identity": 1, "back-translation": 2}


def test_the_same_seed_makes_the_same_copies_wherever_the_row_stands(file, tmp_path, write_rows):
    recipe = Recipe(["typos", "keyboard", "swaps", "obfuscation"], seed=3)
    other = write_rows(tmp_path / "others.jsonl", ROWS[::-1])
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl", tmp_path / "three.jsonl.gz"]
    augment_file(file, outs[0], recipe)
    augment_file(other, outs[1], recipe)
    augment_file(file, outs[2], Recipe(recipe.kinds, seed=4))
    one, two = ({row["id"]: row for row in lines_of(out) if "a-1" in row.get("id", "")} for out in outs[:2])
    assert one == two
    with gzip.open(outs[2], "rt") as lines:
        assert {row["id"]: row for row in map(json.loads, lines) if "a-1" in row.get("id", "")} != one


def test_what_a_manifest_says_is_carried_into_the_rows(file, tmp_path):
    entry = {"file": file.name, "sha256": sha256_of(file), "source": "somebody", "licence": "MIT"}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]))
    elsewhere = tmp_path / "deep" / "er" / "out.jsonl"
    augment_file(file, elsewhere, Recipe(["typos"]))
    rows = lines_of(elsewhere)
    assert {row["source"] for row in rows} == {"somebody"}
    assert rows[0]["licence"] == "CC BY 4.0"
    assert all(origin.is_open for origin in Gate(shared=True).admit([elsewhere]))


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"label": "ok"}, "rows.jsonl, line 4: 'text' must be"),
        ({"text": "it was anna", "spans": [{"start": 7}]}, "line 4: 'spans' are places"),
        ({"text": "hallo", "augmented": "typos"}, "line 4: the row was made by augmentation"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_left(tmp_path, write_rows, row, wanted):
    file = write_rows(tmp_path / "rows.jsonl", [*ROWS, row])
    with pytest.raises(BadInput, match=wanted):
        augment_file(file, tmp_path / "out.jsonl", Recipe(["typos"]))
    assert {each.name for each in tmp_path.iterdir()} == {"rows.jsonl"}


def test_bad_wishes_are_refused(file, tmp_path):
    with pytest.raises(BadInput, match=r"no augmentation 'noise'. There are typos, keyboard"):
        Recipe(["noise"])
    with pytest.raises(BadInput, match="name the folder of a model that translates"):
        Recipe(["back-translation"])
    with pytest.raises(BadInput, match="another file"):
        augment_file(file, file, Recipe(["typos"]))
    with pytest.raises(BadInput, match="must end with"):
        augment_file(file, tmp_path / "out.csv", Recipe(["typos"]))


def test_csv_is_read_too(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("text,label\nthe old train,ok\n")
    augment_file(file, tmp_path / "out.jsonl", Recipe(["swaps"]))
    assert [row["label"] for row in lines_of(tmp_path / "out.jsonl")] == ["ok", "ok"]


def test_a_share_of_the_rows_is_copied_for_a_run():
    rows = [(f"the train number {number} was awful", (0.2, 0.8)) for number in range(400)]
    recipe = Recipe(["typos", "swaps"], seed=2)
    made = augmented_rows(rows, recipe, share=0.25)
    assert made == augmented_rows(rows, recipe, share=0.25)
    assert made[:400] == rows
    assert 150 < len(made) - 400 < 250
    assert all(shares == (0.2, 0.8) for _, shares in made)


def test_a_run_learns_from_altered_copies_as_well(tmp_path, rows_of, write_rows, small_plan):
    data = write_rows(tmp_path / "rows.jsonl", rows_of(60))
    request = Request("sentiment", [data], tmp_path / "out", development=[data], architecture="gru")
    plain = study(request, small_plan)
    more = study(request, small_plan.changed({"network": {"augment": ["swaps"], "augment_share": 1.0}}))
    assert plain.rows == 60
    assert 110 < more.rows <= 120
    with pytest.raises(BadInput, match="no augmentation"):
        study(request, small_plan.changed({"network": {"augment": ["noise"]}}))


def test_all_kinds_are_named_once():
    assert len(set(KINDS)) == len(KINDS) == 7
