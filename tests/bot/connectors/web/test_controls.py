"""Controls on the page: how they are rendered, and the calls that forms send."""

import html
import json
import re
import secrets
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.connectors.web.controls import read_call
from bot.connectors.web.refusal import Refusal
from bot.message import Call, Message
from bot.settings import RouterSettings
from tests.bot.connectors.web.conftest import Visitor, open_site, site_settings, visit

CONTROL = re.compile(r"<(button|option)[^>]*? data-press='([^']*)'[^>]*>([^<]*)<")


async def controls(visitor: Visitor, conversation: str) -> dict[str, Any]:
    """What each control of the last answer does, by its label."""
    shown = (await visitor.messages(conversation))[-1]["html"]
    found = CONTROL.findall(shown)
    return {html.unescape(label): json.loads(html.unescape(press)) for _, press, label in found}


async def send(visitor: Visitor, conversation: str, **body: Any) -> httpx2.Response:
    content = json.dumps({"key": secrets.token_hex(16), "text": "/note x"} | body)
    return await visitor.client.post(f"api/conversations/{conversation}/messages", content=content)


async def note(visitor: Visitor, conversation: str, text: str, arguments: dict[str, str]) -> str:
    """The note that a form wrote, and its text when it is several lines long."""
    call = {"skill": "note", "arguments": arguments}
    response = await send(visitor, conversation, text=text, call=call)
    assert response.status_code == 202, response.text
    await visitor.running.finished(response.json()["key"])
    shown = (await visitor.messages(conversation))[-1]["html"]
    found = re.search(r"<code>(.*?)\n</code>", shown, re.DOTALL)
    assert found, shown
    return html.unescape(found[1])


async def test_controls_stand_under_an_answer_with_their_names(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/offer", conversation)
    shown = (await visitor.messages(conversation))[-1]["html"]
    assert '<div class="controls" role="group" aria-label="What you can do next">' in shown
    assert '<button type="button" class="button control primary"' in shown
    assert '<button type="button" class="button control danger"' in shown
    assert '<select class="control" aria-label="Say a number"' in shown
    assert '<option value="">Say a number</option>' in shown
    assert "<script>document" not in shown
    assert "<img src" not in shown
    found = await controls(visitor, conversation)
    assert found["Say hello"] == {"text": "/echo hello"}
    assert found["Two · the next one"] == {"text": "/echo 2"}
    assert len([label for label in found if label.startswith("Line ")]) == 25


async def test_a_button_that_asks_carries_its_form(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/offer", conversation)
    found = await controls(visitor, conversation)
    form = found["Write a note"]["form"]
    assert (form["skill"], form["title"]) == ("note", "Write a note down.")
    fields = {each["name"]: each for each in form["fields"]}
    assert list(fields) == ["title", "urgent", "size", "length", "text"]
    assert fields["title"]["label"] == "what it is called"
    assert [fields[name]["value"] for name in fields] == ["my title", "yes", "small", "1", ""]
    assert fields["urgent"]["choices"] == ["yes", "no"]
    assert fields["length"]["number"]
    assert fields["text"]["long"]
    assert found["Gone"] == {"text": "/gone for good"}, "no form for a skill that is not here"


async def test_commands_begin_as_the_operator_chose(tmp_path: Path, conversation: str) -> None:
    settings = site_settings(tmp_path).model_copy(update={"router": RouterSettings(prefix="!")})
    async with open_site(settings) as running, visit(running) as visitor:
        await visitor.ask("!offer", conversation)
        said = (await controls(visitor, conversation))["Say hello"]["text"]
        assert said == "!echo hello"
        await visitor.ask(said, conversation)
        assert "<p>hello</p>" in (await visitor.messages(conversation))[-1]["html"]


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ({"title": "a"}, "a|False|small|1|"),
        ({"title": "two words", "text": "one\n\n  two \"three\" 'four'"}, None),
        ({"title": "both \" and '", "urgent": "yes", "text": "x"}, "both \" and '|True|small|1|x"),
        ({"title": "a", "length": "7", "text": "after a gap"}, "a|False|small|7|after a gap"),
        (
            {"text": "- 家族 👨‍👩‍👧‍👦 & <b>", "title": "last first"},
            "last first|False|small|1|- 家族 👨‍👩‍👧‍👦 & <b>",
        ),
    ],
)
async def test_what_a_form_was_filled_in_with_arrives_as_it_is(
    visitor: Visitor, conversation: str, arguments: dict[str, str], written: str | None
) -> None:
    expected = written or f"{arguments['title']}|False|small|1|{arguments['text']}"
    assert await note(visitor, conversation, "/note and more", arguments) == expected


async def test_a_call_that_its_text_says_as_well_is_not_kept_twice(
    visitor: Visitor, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, calls = visitor.running.bot.accept, []

    async def record(message: Message, *rest: Any) -> Any:
        calls.append(message.call)
        return await accept(message, *rest)

    monkeypatch.setattr(visitor.running.bot, "accept", record)
    arguments = {"text": "some secret", "title": "two words", "urgent": "no", "size": "large", "length": "3"}
    line = '/note "two words" no large 3 some secret'
    assert await note(visitor, conversation, line, arguments) == "two words|False|large|3|some secret"
    arguments |= {"title": "both \" and '"}
    await note(visitor, conversation, line, arguments)
    assert calls == [None, Call("note", tuple(arguments.items()))]


@pytest.mark.parametrize(
    "call",
    [
        [],
        "note",
        {},
        {"skill": "note"},
        {"skill": 5, "arguments": {}},
        {"skill": "note", "arguments": []},
        {"skill": "note", "arguments": {"title": 5}},
        {"skill": "note", "arguments": {"title": None}},
        {"skill": "note", "arguments": {str(number): "" for number in range(51)}},
    ],
)
async def test_a_malformed_call_is_refused(visitor: Visitor, conversation: str, call: object) -> None:
    response = await send(visitor, conversation, call=call)
    assert (response.status_code, response.json()["code"]) == (400, "malformed")
    assert await visitor.messages(conversation) == []


async def test_a_call_longer_than_a_message_may_be_is_refused(visitor: Visitor, conversation: str) -> None:
    call = {"skill": "note", "arguments": {"title": "x", "text": "中" * 30_000}}
    response = await send(visitor, conversation, call=call)
    assert (response.status_code, response.json()["code"]) == (413, "long_message")


async def test_a_call_of_a_skill_that_is_not_here_is_told(visitor: Visitor, conversation: str) -> None:
    response = await send(visitor, conversation, call={"skill": "gone", "arguments": {"a\x00": "\ud800"}})
    assert response.status_code == 202
    await visitor.running.finished(response.json()["key"])
    assert "/gone is not switched on here" in (await visitor.messages(conversation))[-1]["html"]


def test_what_stands_in_a_call_is_cleaned() -> None:
    given = {"skill": "note", "arguments": {"title": "nul \x00", "text": "a\r\nb \ud800"}}
    assert read_call(given, limit=1) == Call("note", (("title", "nul \ufffd"), ("text", "a\nb \ufffd")))
    assert read_call(None, limit=1) is None
    with pytest.raises(Refusal):
        read_call({"skill": "x" * 2000, "arguments": {}}, limit=1)
