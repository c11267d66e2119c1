"""One person's whole conversation with mood, on the terminal and on the page, with the built-in model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.talking import Person, page, terminal

pytest.importorskip("torch")
LONG = "this is wonderful and I am very happy " * 1000


@pytest.fixture(params=["terminal", "page"])
async def person(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Person]:
    if request.param == "terminal":
        yield terminal(tmp_path, worker=True)
        return
    async with page(tmp_path, worker=True) as visitor:
        yield visitor


async def awake(person: Person) -> None:
    """Return once the model is loaded: on a busy machine that takes longer than an answer may."""
    for _ in range(10):
        (said,) = await person.say("/mood I love it")
        if "The models cannot answer now" not in said:
            return


async def test_a_conversation(person: Person) -> None:
    await awake(person)
    answers = await person.say(
        "/help mood",
        "/mood I love this, it is wonderful!",
        "/mood I hate this, it is a terrible mess.",
        "/mood 今天天气真好。",
        "/mood 😀 !!",
        f"/mood {'a' * 20_000}",
        f"/mood {LONG}",
        "/mood here today",
        "/mood #no-such-channel",
        "/alerts",
        "/verdict 1 right",
        "/why",
        "/verdict one right",
    )
    helped, good, bad, chinese, wordless, endless, long, here, unknown = answers[:9]
    alerts, verdict, why, number = answers[9:]
    assert "positive, neutral or negative" in helped
    assert good.replace("**", "").startswith("Positive, with a probability of")
    assert "love" in good or "wonderful" in good
    assert bad.replace("**", "").startswith("Negative, with a probability of")
    assert chinese.replace("**", "").startswith("Positive, with a probability of")
    assert "There are no words to judge" in wordless
    assert "with a probability of" in endless
    assert long.replace("**", "").startswith("Positive")
    assert "Nothing was said there: today" in here
    assert "only messages in watched channels" in unknown or "moderators" in unknown
    assert "moderators" in alerts or "No channel is watched" in alerts
    assert "moderators" in verdict or "There is no alert 1" in verdict
    assert "number" in number
    assert "verdict was named in the message" in why


@pytest.mark.parametrize("place", ["terminal", "page"])
async def test_without_a_model_it_says_what_is_missing(place: str, tmp_path: Path) -> None:
    if place == "terminal":
        (said,) = await terminal(tmp_path).say("/mood I love it")
    else:
        async with page(tmp_path) as visitor:
            (said,) = await visitor.say("/mood I love it")
    assert "model" in said.lower()
