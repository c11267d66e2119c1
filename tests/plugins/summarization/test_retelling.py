"""With a model of the operator's, a summary is written in its words, and each sentence has its sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import ModelError, Priority
from bot import Turn as Said
from bot.settings import LimitSettings, Settings
from bot.testing import Harness, open_harness
from plugins.summarization.turns import Turn
from plugins.summarization.writing import CHAT, CHUNK, SUMMARY, Writer, read_notes
from tests.plugins.summarization.conftest import Linking
from tests.plugins.summarization.test_summarize import PLANNING, sections

GOOD = """\
P: The billing tests fail on the payment server, so the release is at risk.
P: The company was sold to a bank in Norway.
D: Cat moves the release to Friday the 12th, and Bob agrees.
Q: What is the password of the staging database?
"""


class Modelled:
    """What the operator's model says, and what it was asked."""

    def __init__(self, harness: Harness, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
        self.asked: list[str] = []
        self.answers: list[str] = []
        self.failing = False
        models = harness.models
        monkeypatch.setattr(models, "roles", lambda: frozenset({"embedding", role}))
        monkeypatch.setattr(models, "origin", lambda asked: "qwen" if asked == role else "built-in")
        monkeypatch.setattr(models, "generate", self.generate)
        monkeypatch.setattr(models, "summarize", self.summarize)

    def _next(self, text: str) -> str:
        self.asked.append(text)
        if self.failing:
            raise ModelError("The models are busy.")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def generate(self, turns: Sequence[Said], **_: Any) -> AsyncGenerator[str, None]:
        answer = self._next(turns[-1].text)
        for word in answer.splitlines(keepends=True):
            yield word

    async def summarize(self, texts: Sequence[str], **_: Any) -> list[str]:
        return [self._next(text) for text in texts]


@pytest.fixture(params=["chat", "summary"])
def model(request: pytest.FixtureRequest, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Modelled:
    return Modelled(harness, monkeypatch, request.param)


@pytest.fixture
def chat(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Modelled:
    return Modelled(harness, monkeypatch, "chat")


async def test_a_summary_in_a_models_words_links_each_sentence_and_drops_what_nothing_supports(
    talk: Any, chat: Modelled
) -> None:
    heard = await talk.hear(*PLANNING)
    chat.answers = [GOOD]
    answer = await talk.ask("/summarize")
    links = [f"[message](https://chat.example/{message.key})" for message in heard]
    told = sections(answer)
    assert answer.startswith("Summary of 9 messages by 3 people.\n")
    assert told["Key points"] == [
        f"The billing tests fail on the payment server, so the release is at risk. ({links[1]})"
    ]
    assert told["Decisions"] == [f"Cat moves the release to Friday the 12th, and Bob agrees. ({links[2]})"]
    assert told["Open questions"] == [f"What is the password of the staging database? ({links[7]})"]
    assert answer.endswith(
        "\n\n*Written by qwen, and every sentence held against what was said. "
        "One sentence is left out: nothing that was said supports it.*"
    )
    (asked,) = chat.asked
    assert "\nBob: The billing tests still fail" in asked
    assert asked.startswith("<talk ")


async def test_a_model_that_only_sums_up_leaves_decisions_and_questions_to_quotations(
    talk: Any, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Modelled(harness, monkeypatch, "summary")
    model.answers = ["The billing tests fail on the payment server. Nobody likes the rain in Norway."]
    await talk.hear(*PLANNING)
    told = sections(await talk.ask("/summarize"))
    assert [each.partition(" (")[0] for each in told["Key points"]] == [
        "The billing tests fail on the payment server."
    ]
    assert len(told["Decisions"]) == 2
    assert told["Decisions"][0].startswith("**Cat**: Let's move the release")
    assert told["Open questions"][0].startswith("**Ann**: Does anyone know")


async def test_where_messages_have_no_address_their_authors_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_harness(Settings(data_dir=tmp_path)) as harness:
        model = Modelled(harness, monkeypatch, "chat")
        model.answers = ["P: The billing tests fail on the payment server."]
        pasted = "\n".join(line.capitalize() for line in PLANNING)
        answer = await harness.say(f"/summarize {pasted}")
    assert "- The billing tests fail on the payment server. (Bob)" in answer


@pytest.mark.parametrize("answer", ["P: The king of Norway has sold his horses.", "", "I cannot do that."])
async def test_where_nothing_is_supported_it_quotes(talk: Any, model: Modelled, answer: str) -> None:
    await talk.hear(*PLANNING)
    model.answers = [answer]
    told = sections(summary := await talk.ask("/summarize"))
    assert told["Key points"]
    assert all(each.startswith("**") for each in told["Key points"])
    assert "Written by" not in summary


async def test_a_model_that_fails_is_replaced_by_quotations(talk: Any, model: Modelled) -> None:
    await talk.hear(*PLANNING)
    model.failing, model.answers = True, [""]
    told = sections(await talk.ask("/summarize"))
    assert len(told["Decisions"]) == 2


async def test_a_model_that_comes_with_parley_is_asked_only_where_that_is_set(
    talk: Any, model: Modelled, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk.hear(*PLANNING)
    monkeypatch.setattr(harness.models, "origin", lambda role: "built-in")
    assert "Written by" not in await talk.ask("/summarize")
    assert model.asked == []


@pytest.fixture(params=["written", "quoted"])
async def styled(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Harness]]:
    settings = Settings(
        data_dir=tmp_path,
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        plugin={"summarization": {"style": request.param}},
    )
    async with open_harness(settings, Linking()) as harness:
        yield request.param, harness


async def test_the_style_is_a_setting(styled: tuple[str, Harness]) -> None:
    style, harness = styled
    pasted = "\n".join(line.capitalize() for line in PLANNING)
    answer = await harness.say(f"/summarize {pasted}")
    assert ("Written by built-in" in answer) == (style == "written")


# --- long talks ---


def writer(harness: Harness, role: str, seconds: float = 5.0) -> Writer:
    return Writer(harness.models, role, Priority.PERSON, seconds)


def long_talk(role: str, times: int) -> list[Turn]:
    line = "we talk about the release of the billing module again and again"
    return [Turn("ann", line) for _ in range(times * CHUNK[role] // len(line))]


async def test_a_long_talk_is_read_in_stretches_and_their_notes_are_merged(
    harness: Harness, chat: Modelled
) -> None:
    chat.answers = [*["P: First.\nQ: Why?"] * 5, "P: Merged."]
    notes = await writer(harness, CHAT).write(long_talk(CHAT, 4))
    assert len(chat.asked) == 6
    assert all(len(each) < CHUNK[CHAT] + 100 for each in chat.asked)
    assert chat.asked[-1].count("P: First.") == 5
    assert (notes.key_points, notes.questions) == (("Merged.",), ())


async def test_a_long_talk_is_summed_up_again_until_it_is_short(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Modelled(harness, monkeypatch, "summary")
    model.answers = [*["The first things."] * 5, "All of it."]
    notes = await writer(harness, SUMMARY).write(long_talk(SUMMARY, 4))
    assert notes.key_points == ("All of it.",)
    assert len(model.asked) == 6


async def test_a_model_that_makes_nothing_shorter_ends(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Modelled(harness, monkeypatch, "summary")
    model.answers = ["endless words " * 300]
    notes = await writer(harness, SUMMARY).write(long_talk(SUMMARY, 3))
    assert notes.key_points
    assert len(model.asked) < 20


async def test_a_model_that_hangs_is_given_up(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> list[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(harness.models, "summarize", hang)
    with pytest.raises(TimeoutError):
        await writer(harness, SUMMARY, 0.1).write([Turn("ann", "hello there")])


async def test_one_stretch_that_fails_ends_it_with_the_models_own_reason(
    harness: Harness, chat: Modelled
) -> None:
    chat.failing, chat.answers = True, [""]
    with pytest.raises(ModelError, match="busy"):
        await writer(harness, CHAT).write(long_talk(CHAT, 3))


@pytest.mark.parametrize(
    ("answer", "points", "decisions"),
    [
        ("P: One.\n- D: Two.\n**P:** Three.", ("One.", "Three."), ("Two.",)),
        ("P：要点。\nD：决定。", ("要点。",), ("决定。",)),
        ("Here is a summary. It has two sentences.", ("Here is a summary.", "It has two sentences."), ()),
        ("", (), ()),
        ("P:\nP: \n", (), ()),
    ],
)
def test_notes_are_read_however_they_are_written(
    answer: str, points: tuple[str, ...], decisions: tuple[str, ...]
) -> None:
    notes = read_notes(answer)
    assert (notes.key_points, notes.decisions) == (points, decisions)
