"""What a server is asked besides chat, and what becomes of a server that lies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.assembly import open_endpoint, worker_options
from bot.endpoint import failures
from bot.errors import BadInput, BadModel, BadSettings, TooLarge, Uncomputable, WorkerUnavailable
from bot.settings import load_settings

ROLES = frozenset({"chat", "translation", "summary", "embedding", "transcription", "sentiment", "urgency"})
LABELS = {"sentiment": ("negative", "neutral", "positive"), "urgency": ("now", "later")}
LIES = [float("nan"), float("inf"), 1e300, None, "x", [1.0], True]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAUSES", (0.01, 0.02))


async def test_vectors_come_in_order_and_have_unit_length(server, connect):
    server.embedded = lambda rows: {"data": rows[::-1]}
    texts = ["x" * (number % 7 + 1) for number in range(150)]
    async with connect(roles=ROLES, models={"embedding": "encoder"}) as endpoint:
        rows = await endpoint.embed(texts)
        assert endpoint.origin("embedding") == "encoder"
        assert (await endpoint.embed([])).shape[0] == 0
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert np.allclose(rows[:, 0] / rows[:, 1], [len(text) for text in texts], rtol=1e-4)
    assert [len(each["input"]) for each in server.requests] == [64, 64, 22]
    assert {each["model"] for each in server.requests} == {"encoder"}


@pytest.mark.parametrize(
    "lie",
    [
        lambda rows: {"data": rows[:-1]},
        lambda rows: {"data": [*rows, rows[0]]},
        lambda rows: {"data": [rows[0], rows[0]]},
        lambda rows: {"data": "x"},
        lambda rows: {},
        lambda rows: {"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]},
        lambda rows: {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        lambda rows: {"data": [{"index": n, "embedding": [0.0, 0.0]} for n in range(2)]},
        *[
            lambda rows, lie=lie: {"data": [rows[0], {"index": 1, "embedding": [lie, 1.0]}]}
            for lie in LIES[:5]
        ],
        lambda rows: {"data": [{"index": n, "embedding": 5.0} for n in range(2)]},
    ],
)
async def test_vectors_that_do_not_fit_are_uncomputable(server, connect, lie):
    server.embedded = lie
    async with connect(roles=ROLES) as endpoint:
        with pytest.raises(Uncomputable):
            await endpoint.embed(["a", "b"])


async def test_parts_of_other_dimensions_are_uncomputable(server, connect):
    server.embedding = lambda text: [1.0] * (2 if text == "a" else 3)
    async with connect(roles=ROLES) as endpoint:
        with pytest.raises(Uncomputable):
            await endpoint.embed(["a"] * 64 + ["b"])


async def test_a_failing_server_is_asked_again_for_vectors(server, connect):
    server.statuses = [(500, {}), (429, {"Retry-After": "0"})]
    async with connect(roles=ROLES) as endpoint:
        assert (await endpoint.embed(["a"])).shape == (1, 2)
        server.statuses = [(500, {})] * 9
        with pytest.raises(WorkerUnavailable):
            await endpoint.embed(["a"])
        assert endpoint._gate._free == 4


async def test_labels_are_read_from_the_answer(server, connect):
    server.answer = lambda body: 'Sure: ```json\n{"positive": 0.6, "negative": 0.2}\n```'
    async with connect(roles=ROLES, labels=LABELS) as endpoint:
        (found,) = await endpoint.classify(["fine </text> day"])
    assert (found.label, found.of("neutral")) == ("positive", 0.0)
    assert sum(value for _, value in found.probabilities) == pytest.approx(1)
    (body,) = server.requests
    assert body["temperature"] == 0
    assert '"negative", "neutral", "positive"' in body["messages"][0]["content"]


@pytest.mark.parametrize(
    "answer",
    [
        "positive",
        "{",
        "{}",
        '{"good": 1.0}',
        '{"positive": 0.5, "good": 0.5}',
        '{"positive": 0}',
        *(json.dumps({"positive": lie, "negative": 0.5}) for lie in LIES),
        '{"positive": -0.5}',
        '{"positive": 2}',
        "[1, 2]",
        "{" * 50_000 + "}",
    ],
    ids=lambda answer: answer[:30],
)
async def test_labels_that_do_not_exist_are_uncomputable(server, connect, answer):
    server.answer = lambda body: answer
    async with connect(roles=ROLES, labels=LABELS) as endpoint:
        with pytest.raises(Uncomputable):
            await endpoint.classify(["a text"])


async def test_a_role_without_labels_is_told(connect):
    async with connect(roles=ROLES, labels=LABELS) as endpoint:
        for role in ("toxicity", "chat"):
            with pytest.raises(BadModel, match=role):
                await endpoint.classify(["a text"], role=role)


async def test_summaries_come_in_order_and_say_how_long(server, connect):
    async with connect(roles=ROLES, models={"summary": "big"}) as endpoint:
        assert await endpoint.summarize(["one two", "three"], most_words=30) == ["one two", "three"]
        server.statuses = [(400, {})]
        assert sorted(await endpoint.summarize(["one two", "three"])) in (["", "one two"], ["", "three"])
    assert "at most 30 words" in server.requests[0]["messages"][0]["content"]
    assert server.requests[0]["model"] == "big"


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"OggS", "ogg"),
        (b"RIFF", "wav"),
        (b"\0\0\0 ftypM4A", "m4a"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"?", "mp3"),
    ],
)
async def test_a_recording_is_sent_as_a_file(server, connect, start, name):
    server.heard = {"text": " hello ", "language": "en", "duration": 2.5}
    async with connect(roles=ROLES, models={"transcription": "ear"}) as endpoint:
        found = await endpoint.transcribe(start + b"sound")
    assert (found.text, found.language, found.seconds) == ("hello", "en", 2.5)
    assert server.uploads == [{"model": "ear", "name": f"recording.{name}", "bytes": start + b"sound"}]


@pytest.mark.parametrize("lie", [{}, {"text": None}, {"text": 5}, {"segments": []}])
async def test_a_recording_without_words_is_uncomputable(server, connect, lie):
    server.heard = lie
    async with connect(roles=ROLES) as endpoint:
        with pytest.raises(Uncomputable):
            await endpoint.transcribe(b"RIFF")


async def test_a_recording_has_limits(connect):
    async with connect(roles=ROLES, recording_mb=1) as endpoint:
        with pytest.raises(BadInput, match="empty"):
            await endpoint.transcribe(b"")
        with pytest.raises(TooLarge, match="1 MiB"):
            await endpoint.transcribe(b"x" * (2**20 + 1))


def settings_with(folder: Path, tables: str):
    file = folder / "parley.toml"
    file.write_text(f'[endpoint]\nurl = "http://127.0.0.1:9/v1"\nmodel = "big"\n{tables}')
    return load_settings(file)


async def test_the_settings_say_which_roles_it_serves(tmp_path):
    settings = settings_with(
        tmp_path,
        '[models.embedding]\nengine = "endpoint"\nmodel = "encoder"\n'
        '[models.toxicity]\nengine = "endpoint"\n'
        '[models.urgency]\nengine = "endpoint"\ntask = "classification"\nlabels = ["now", "later"]\n',
    )
    async with open_endpoint(settings) as endpoint:
        assert endpoint.roles() == {"chat", "translation", "embedding", "toxicity", "urgency"}
        assert (endpoint.origin("embedding"), endpoint.origin("toxicity")) == ("encoder", "big")
        assert endpoint._options.labels == {"toxicity": ("ok", "toxic"), "urgency": ("now", "later")}
    assert not worker_options(settings).models


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ('[models.reader]\nengine = "endpoint"\n', "no endpoint serves extraction"),
        ('[models.urgency]\nengine = "endpoint"\ntask = "classification"\n', "labels"),
    ],
)
async def test_what_no_endpoint_can_do_is_told_at_start(tmp_path, tables, words):
    with pytest.raises(BadSettings, match=words):
        async with open_endpoint(settings_with(tmp_path, tables)):
            pass
