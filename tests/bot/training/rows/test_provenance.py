"""Where rows come from is read, and what may not be learnt from is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadInput
from bot.training.rows.provenance import NOT_STATED, Gate, Origin


def rows_file(folder: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"text": "Hello."} | row) + "\n" for row in rows))
    return file


def manifest(folder: Path, file: Path, **entry: str) -> None:
    described = {"file": str(file.relative_to(folder))} | entry
    (folder / "manifest.json").write_text(json.dumps([described]))


def test_a_manifest_says_where_a_file_comes_from(tmp_path: Path) -> None:
    file = rows_file(tmp_path / "translation", {}, {})
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest(tmp_path, file, source="tatoeba.org", licence="CC BY 2.0 FR", sha256=digest)
    (origin,) = Gate(shared=True).admit([file])
    assert origin == Origin("rows.jsonl", digest, 2, "tatoeba.org", "CC BY 2.0 FR", NOT_STATED)


def test_rows_say_it_where_no_manifest_does(tmp_path: Path) -> None:
    row = {"source": "survey", "licence": "CC0", "consent": "yes"}
    (origin,) = Gate(shared=True).admit([rows_file(tmp_path, row, row, {**row, "source": "forum"})])
    assert (origin.source, origin.licence, origin.consent) == ("survey, forum", "CC0", "yes")


def test_a_file_of_unknown_origin_serves_at_home_only(tmp_path: Path) -> None:
    file = rows_file(tmp_path, {})
    (origin,) = Gate().admit([file])
    assert origin.licence == NOT_STATED
    assert not origin.is_open
    with pytest.raises(BadInput, match=r"rows\.jsonl.*not stated"):
        Gate(shared=True).admit([file])


@pytest.mark.parametrize(
    ("licence", "is_open"),
    [
        ("CC BY 2.0 FR (attribution Tatoeba)", True),
        ("SQuAD CC BY-SA 4.0", True),
        ("GoEmotions data CC BY 4.0 (google-research); repo Apache-2.0", True),
        ("MIT", True),
        ("CDLA-Sharing-1.0", True),
        ("LJSpeech: public domain", True),
        ("CC BY-NC-SA 4.0 (non-commercial)", False),
        ("no licence file; Weibo user text; research use only", False),
        ("no explicit licence (Stanford Large Movie Review Dataset; research use)", False),
        ("SemEval via TweetEval; Twitter terms; research use", False),
        ("no licence file in repo (usually cited as CC BY 3.0; not confirmed here)", False),
        ("CC BY-SA 4.0 / CC BY 2.0 / tweets", False),
        ("proprietary", False),
    ],
)
def test_licences_are_understood(licence: str, is_open: bool) -> None:
    assert Origin("f", "0", 1, "s", licence, NOT_STATED).is_open is is_open


def test_a_file_that_is_not_the_described_one_is_refused(tmp_path: Path) -> None:
    file = rows_file(tmp_path, {})
    manifest(tmp_path, file, source="s", licence="MIT", sha256="0" * 64)
    with pytest.raises(BadInput, match="sha256 differs"):
        Gate().admit([file])


@pytest.mark.parametrize("source", ["discord", "Slack export 2026", "our-slack"])
def test_texts_from_where_people_talk_are_refused(tmp_path: Path, source: str) -> None:
    file = rows_file(tmp_path, {}, {"source": source})
    with pytest.raises(BadInput, match=r"line 2: .*Discord and Slack"):
        Gate().admit([file])


def test_consent_alone_is_not_enough_nor_is_the_option(tmp_path: Path) -> None:
    consenting = rows_file(tmp_path, {"connector": "slack", "consent": True}, name="yes.jsonl")
    silent = rows_file(tmp_path, {"connector": "slack"}, name="silent.jsonl")
    with pytest.raises(BadInput, match="--conversations"):
        Gate().admit([consenting])
    with pytest.raises(BadInput, match="consent"):
        Gate(conversations=True).admit([silent])
    assert Gate(conversations=True).admit([consenting])[0].consent == "True"


@pytest.mark.parametrize("consent", [False, "no"])
def test_who_does_not_consent_is_left_out(tmp_path: Path, consent: object) -> None:
    with pytest.raises(BadInput, match=r"line 1: its writer does not consent"):
        Gate(conversations=True).admit([rows_file(tmp_path, {"consent": consent})])


@pytest.mark.parametrize("text", ["{", '{"file": "rows.jsonl"}', "[1]"])
def test_a_broken_manifest_is_said(tmp_path: Path, text: str) -> None:
    file = rows_file(tmp_path, {})
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        Gate().admit([file])


def test_missing_and_malformed_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.jsonl"):
        Gate().admit([tmp_path / "none.jsonl"])
    file = rows_file(tmp_path, {})
    file.write_text('{"text": "a"}\nno JSON\n')
    with pytest.raises(BadInput, match="line 2"):
        Gate().admit([file])
