"""One person's whole conversation with a chat model, on the terminal and on the page, with the real bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.testing.endpoint import FakeEndpoint, last_turn
from tests.acceptance.talking import Person, page, terminal

SAID = {
    "My name is Lena.": "Nice to meet you, Lena.",
    "a release note about faster search": "## Faster search\n\nSearch is now **twice** as fast.",
    "a function that adds": "```python\ndef add(a, b):\n    return a + b\n```",
}


def answered(body: dict[str, Any]) -> str:
    """What a model says that knows a few sentences and remembers names."""
    text = last_turn(body)
    if "Write the report." in text:
        return "The minutes: Lena was here."
    if "What is my name?" in text:
        earlier = " ".join(str(each["content"]) for each in body["messages"][:-1])
        return "Lena." if "Lena" in earlier else "You have not told me."
    return next((answer for asked, answer in SAID.items() if asked in text), "I do not know that.")


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    async with FakeEndpoint(answer=answered).serving() as serving:
        yield serving


@pytest.fixture(params=["terminal", "page"])
async def person(
    request: pytest.FixtureRequest, tmp_path: Path, server: FakeEndpoint
) -> AsyncIterator[Person]:
    if request.param == "terminal":
        yield terminal(tmp_path, server)
        return
    async with page(tmp_path, server) as visitor:
        yield visitor


async def test_a_conversation(person: Person) -> None:
    answers = await person.say(
        "/help chat",
        "/chat",
        "/chat My name is Lena.",
        "/chat What is my name?",
        "/draft a release note about faster search",
        "/code a function that adds",
        "/minutes",
        "/reset",
        "/chat What is my name?",
        "/why",
    )
    helped, bare, met, known, draft, code, minutes, reset, forgotten, why = answers
    assert "Talk with the chat model" in helped
    assert "text" in bare.lower()
    assert met.startswith("Nice to meet you, Lena.")
    assert known.startswith("Lena.")
    assert "twice" in draft
    assert "return a + b" in code
    assert minutes.startswith("The minutes")
    assert "forgotten" in reset.lower() or "forget" in reset.lower()
    assert forgotten.startswith("You have not told me.")
    assert "chat was named in the message" in why


async def test_a_model_that_fails_is_told_and_the_next_answer_comes(
    person: Person, server: FakeEndpoint
) -> None:
    server.statuses = [(400, {})] * 3
    (failed,) = await person.say("/chat My name is Lena.")
    assert "400" in failed or "model" in failed.lower()
    assert "Lena" not in failed
    server.statuses.clear()
    (fine,) = await person.say("/chat My name is Lena.")
    assert fine.startswith("Nice to meet you, Lena.")


@pytest.mark.parametrize("place", ["terminal", "page"])
async def test_without_a_model_it_says_what_the_operator_can_do(place: str, tmp_path: Path) -> None:
    if place == "terminal":
        (said,) = await terminal(tmp_path).say("/chat hello")
    else:
        async with page(tmp_path) as visitor:
            (said,) = await visitor.say("/chat hello")
    assert said.startswith("I have no model to talk with.")
    assert "[models.chat]" in said
