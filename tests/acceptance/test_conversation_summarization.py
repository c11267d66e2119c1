"""One person's whole conversation with summarize, on the terminal and on the page, with the real bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.testing.endpoint import FakeEndpoint
from tests.acceptance.talking import OnPage, Person, page, terminal

TALK = (
    "Ann: The release of the billing module is planned for next week.",
    "Bob: The billing tests still fail on the payment server, so the release is at risk.",
    "Cat: Let's move the release to Friday the 12th.",
    "Bob: Sounds good to me.",
    "Ann: We decided to drop the old payment server after the release.",
    "Ann: Does anyone know the password of the staging database?",
    "Bob: No idea, sorry.",
)
TEXT = (
    "The office opens at nine in the morning and closes at six in the evening. Visitors are welcome in the "
    "afternoon and have to sign the book at the front desk. The front desk keeps lost things for one year. "
    "Parking is free for visitors who have signed the book at the front desk of the office."
)
WRITTEN = """\
P: The billing tests fail on the payment server and put the release at risk.
P: The company moves to Lisbon.
D: The release is moved to Friday the 12th.
Q: What is the password of the staging database?
"""


@pytest.fixture(params=["terminal", "page"])
async def person(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Person]:
    if request.param == "terminal":
        yield terminal(tmp_path)
        return
    async with page(tmp_path) as visitor:
        yield visitor


async def test_a_conversation_without_any_model(person: Person) -> None:
    helped, nothing, few = await person.say("/help summarize", "/summarize today", "/summarize all")
    assert "Sum up what was said here" in helped
    assert nothing.startswith("There is too little to summarise")
    assert "too little" in few
    text, chinese, odd, page_, missing, here = await person.say(
        f"/summarize {TEXT}",
        "总结一下",
        "/summarize the price of tea",
        "/summarize https://example.org/news",
        "/summarize document handbook.pdf",
        "/summarize from here",
    )
    assert text.startswith("Summary of the text.")
    assert "front desk" in text
    assert "摘要" in chinese or "太少" in chinese
    assert "I cannot tell what 'the price of tea' means." in odd
    assert "fetch no web pages" in page_
    assert "There is no document 'handbook.pdf' here" in missing
    assert "From which message?" in here
    summary, again = await person.say("/summarize all", "/summarize all")
    assert summary.startswith("Summary of")
    assert again.startswith("Summary of")


async def test_a_pasted_talk_on_the_page_and_a_file(tmp_path: Path) -> None:
    async with page(tmp_path) as visitor:
        assert isinstance(visitor, OnPage)
        (told,) = await visitor.say("/summarize " + "\n".join(TALK))
        assert told.startswith("Summary of 7 messages by 3 people.")
        assert "Decisions\nCat: Let's move the release to Friday the 12th." in told
        assert "Open questions\nAnn: Does anyone know the password of the staging database?" in told
        said, shown = await visitor.post("/summarize this file", [("office.txt", TEXT.encode())])
        assert said.startswith("Summary of office.txt.")
        assert 'class="sources"' in shown["html"]


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    def answered(body: dict[str, Any]) -> str:
        return WRITTEN

    async with FakeEndpoint(answer=answered).serving() as serving:
        yield serving


async def test_with_a_model_every_sentence_is_held_against_what_was_said(
    tmp_path: Path, server: FakeEndpoint
) -> None:
    async with page(tmp_path, server) as visitor:
        (told,) = await visitor.say("/summarize " + "\n".join(TALK))
        assert "The billing tests fail on the payment server and put the release at risk. (Bob)" in told
        assert "Lisbon" not in told
        assert "The release is moved to Friday the 12th. (Cat" in told
        assert "Written by tiny" in told
        assert "One sentence is left out" in told
        server.statuses = [(400, {})] * 5
        (quoted,) = await visitor.say("/summarize " + "\n".join(TALK))
        assert "Bob: The billing tests still fail" in quoted
        assert "Written by" not in quoted
