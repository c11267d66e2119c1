"""One person's whole conversation with translate, on the terminal and on the page, with the real bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.testing.endpoint import FakeEndpoint, last_turn
from tests.acceptance.talking import OnPage, Person, page, terminal

GERMAN = {
    "Good morning, everyone in this room.": "Guten Morgen an alle in diesem Raum.",
    "Please read ⟦0⟧ and run ⟦1⟧ before noon.": "Bitte lies ⟦0⟧ und führe ⟦1⟧ vor Mittag aus.",
    "We start at 9 and not at 10.": "Wir beginnen um 9 und nicht um 10.",
    "House rules": "Hausordnung",
    "Close the windows when you leave the house.": "Schließe die Fenster, wenn du das Haus verlässt.",
}
ENGLISH = {
    "Das Treffen wurde leider auf nächsten Freitag verschoben.": "The meeting was moved to next Friday."
}


def translated(body: dict[str, Any]) -> str:
    """What a chat model with a dictionary says."""
    text = last_turn(body)
    return (GERMAN | ENGLISH).get(text, "I do not know that.")


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    async with FakeEndpoint(answer=translated).serving() as serving:
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


async def test_a_conversation(person: Person, server: FakeEndpoint) -> None:
    answers = await person.say(
        "/help translate",
        "/translate",
        "/translate de Good morning, everyone in this room.",
        "/translate German Please read https://example.org/x and run `make test` before noon.",
        "/translate de We start at 9 and not at 10.",
        "/translate to English Das Treffen wurde leider auf nächsten Freitag verschoben.",
        "/translate de Guten Morgen, ich spreche schon Deutsch mit euch allen.",
        "/translate de 🎉 https://example.org",
        "/translate de The weather is nice in the mountains today.",
        "/translate de " + "long words " * 2000,
        "/why",
    )
    (helped, bare, morning, links, numbers, english, same, nothing, unfaithful, long, why) = answers
    assert "Translate a text, a file, or the message you reply to" in helped
    assert "LANGUAGE" in helped
    assert bare.startswith("What shall I translate? Type")
    assert morning.startswith("Guten Morgen an alle in diesem Raum.\n")
    assert "English → German" in morning
    assert "built-in" not in morning
    assert links.startswith("Bitte lies https://example.org/x und führe")
    assert "make test" in links
    assert numbers.startswith("Wir beginnen um 9 und nicht um 10.")
    assert english.startswith("The meeting was moved to next Friday.")
    assert "German → English" in english
    assert same.startswith("This is German already.")
    assert nothing.startswith("There are no words in it")
    assert unfaithful.startswith("I do not know that.")  # nothing was lost that can be checked
    assert "longer than 20,000 characters" in long
    assert "translate was named in the message" in why
    sent = [message["content"] for body in server.requests for message in body["messages"]]
    assert not any("example.org" in each or "make test" in each for each in sent)


async def test_what_goes_wrong_is_said_and_the_next_one_works(person: Person, server: FakeEndpoint) -> None:
    server.statuses = [(400, {})] * 3
    (failed,) = await person.say("/translate de Good morning, everyone in this room.")
    server.statuses.clear()
    (worked,) = await person.say("/translate de Good morning, everyone in this room.")
    assert "cannot answer now" in failed
    assert "Traceback" not in failed
    assert worked.startswith("Guten Morgen")


@pytest.mark.parametrize("place", ["terminal", "page"])
async def test_without_a_model_it_says_what_the_operator_can_do(place: str, tmp_path: Path) -> None:
    asked = "/translate de Good morning, everyone in this room."
    if place == "terminal":
        (answer,) = await terminal(tmp_path).say(asked)
    else:
        async with page(tmp_path) as visitor:
            (answer,) = await visitor.say(asked)
    assert answer.startswith("Nothing here can translate yet.")
    assert "endpoint.url" in answer


async def test_a_file_on_the_page(tmp_path: Path, server: FakeEndpoint) -> None:
    async with page(tmp_path, server) as visitor:
        assert isinstance(visitor, OnPage)
        text = b"# House rules\n\nClose the windows when you leave the house.\n\n```\nkeep me\n```\n"
        said, shown = await visitor.post("/translate de", [("rules.md", text)])
        assert said.startswith("rules.de.md · English → German")
        assert (await visitor.download(shown)).decode() == (
            "# Hausordnung\n\nSchließe die Fenster, wenn du das Haus verlässt.\n\n```\nkeep me\n```\n"
        )
        await visitor.rate(shown, 1)
        refused, _ = await visitor.post("/translate de", [("picture.png", b"\x89PNG")])
        assert "cannot be read" in refused
