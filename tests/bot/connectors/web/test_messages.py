"""Messages over HTTP: durable, once, and the visitor's own."""

import asyncio
import json
import re
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.connectors.web.messages import file_name
from storage import Feedback, InboxState, StorageUnavailable
from tests.bot.connectors.web.conftest import Visitor, open_site, site_settings, visit


def bot_keys(messages: list[dict[str, object]]) -> list[object]:
    return [each["key"] for each in messages if each["by_bot"]]


async def test_a_message_is_answered(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/echo hello", conversation)
    asked, answered = await visitor.messages(conversation)
    assert "/echo hello" in asked["html"]
    assert "from-bot" in answered["html"]
    assert ">hello<" in answered["html"].replace("<p>", "").replace("</p>", "<")


async def test_the_same_key_fifty_times_at_once_is_one_message(visitor: Visitor, conversation: str) -> None:
    key = secrets.token_hex(16)
    responses = await asyncio.gather(*(visitor.post("/echo once", conversation, key=key) for _ in range(50)))
    assert sorted(each.status_code for each in responses) == [200] * 49 + [202]
    assert len({each.json()["key"] for each in responses}) == 1
    await visitor.running.finished(responses[0].json()["key"])
    found = await visitor.messages(conversation)
    assert [each["by_bot"] for each in found] == [False, True]


async def test_the_same_key_in_another_conversation_is_another_message(visitor: Visitor) -> None:
    key, places = secrets.token_hex(16), [secrets.token_hex(16), secrets.token_hex(16)]
    for place in places:
        assert (await visitor.post("/echo x", place, key=key)).status_code == 202


async def test_a_message_is_durable_when_it_is_answered(visitor: Visitor, conversation: str) -> None:
    key = (await visitor.post("/wait 5", conversation)).json()["key"]
    assert await visitor.running.bot.store.inbox.state(key) in (InboxState.PENDING, InboxState.CLAIMED)
    await visitor.client.delete(f"api/conversations/{conversation}/messages/{quote(key, safe='')}")


async def test_a_store_that_fails_is_not_acknowledged(
    visitor: Visitor, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable("the disk is full at /secret/place")

    with monkeypatch.context() as patch:
        patch.setattr(visitor.running.bot, "accept", fail)
        response = await visitor.post("/echo x", conversation)
    assert (response.status_code, response.json()["code"]) == (503, "storage")
    assert "retry-after" in response.headers
    assert "/secret/place" not in response.text
    assert (await visitor.post("/echo x", conversation)).status_code == 202


@pytest.mark.parametrize("size", [64 * 1024 + 1, 300_000, 1_000_000, 30_000_000])
async def test_a_huge_message_is_refused_in_words(visitor: Visitor, conversation: str, size: int) -> None:
    response = await visitor.post("x" * size, conversation)
    assert response.status_code == 413
    assert "longer than 64 KiB" in response.json()["error"]
    assert await visitor.messages(conversation) == []


async def test_a_huge_message_without_a_length_is_refused_while_it_is_read(
    visitor: Visitor, conversation: str
) -> None:
    async def endless() -> object:
        yield b'{"key":"12345678","text":"'
        for _ in range(200):
            yield b"x" * 65536

    response = await visitor.client.post(f"api/conversations/{conversation}/messages", content=endless())
    assert response.status_code == 413


async def test_the_longest_message_passes(visitor: Visitor, conversation: str) -> None:
    assert (await visitor.post("中" * (64 * 1024 // 3), conversation)).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"text": "no key"}',
        b'{"key": "12345678"}',
        b'{"key": 12345678, "text": "x"}',
        b'{"key": "short", "text": "x"}',
        b'{"key": "12345678|x", "text": "x"}',
        b'{"key": "12345678", "text": 5}',
        b'{"key": "12345678", "text": null}',
        b"[" * 100_000,
    ],
)
async def test_a_malformed_message_is_refused(visitor: Visitor, conversation: str, body: bytes) -> None:
    response = await visitor.client.post(f"api/conversations/{conversation}/messages", content=body)
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    "text", ["nul \x00 in it", "half \ud800 pair", "\U0001f468\u200d\U0001f469", "\u202e rtl"]
)
async def test_odd_text_is_cleaned_and_kept(visitor: Visitor, conversation: str, text: str) -> None:
    await visitor.ask(f"/echo {text}", conversation)
    asked, answered = await visitor.messages(conversation)
    for each in (asked, answered):
        assert "\x00" not in each["html"]
        assert "\ud800" not in each["html"]


@pytest.mark.parametrize("place", ["x", "A" * 32, "0" * 31, "0" * 33, "..", "%00"])
async def test_an_id_that_cannot_be_ours_is_not_found(visitor: Visitor, place: str) -> None:
    assert (await visitor.post("x", place)).status_code == 404


async def test_a_stranger_finds_nothing_of_mine(
    visitor: Visitor, stranger: Visitor, conversation: str
) -> None:
    key = await visitor.ask("/echo private", conversation)
    (answer,) = bot_keys(await visitor.messages(conversation))
    place = f"api/conversations/{conversation}"
    message = f"{place}/messages/{quote(key, safe='')}"
    for method, path, body in [
        ("GET", f"{place}/messages", None),
        ("GET", f"{place}/events", None),
        ("POST", f"{place}/messages", {"key": "k" * 8, "text": "x"}),
        ("PATCH", message, {"edit": "e" * 8, "text": "x"}),
        ("DELETE", message, None),
        ("PUT", f"{place}/messages/{quote(str(answer), safe='')}/feedback", {"value": 1}),
        ("GET", f"{message}/attachments/x", None),
    ]:
        response = await stranger.client.request(method, path, json=body)
        assert (response.status_code, response.json()["code"]) == (404, "no_conversation"), path
    page = await stranger.client.get(f"?c={conversation}")
    assert page.status_code == 404
    assert "private" not in page.text
    assert (await stranger.client.get("api/conversations")).json() == {"conversations": []}
    assert len(await visitor.messages(conversation)) == 2


async def test_a_message_cannot_be_reached_through_another_conversation(
    visitor: Visitor, stranger: Visitor, conversation: str
) -> None:
    key = await visitor.ask("/echo private", conversation)
    own = secrets.token_hex(16)
    await stranger.ask("/echo mine", own)
    path = f"api/conversations/{own}/messages/{quote(key, safe='')}"
    assert (await stranger.client.patch(path, json={"edit": "e" * 8, "text": "x"})).status_code == 404
    assert (await stranger.client.delete(path)).status_code == 404
    assert (await stranger.client.put(f"{path}/feedback", json={"value": 1})).status_code == 404


async def test_two_visitors_cannot_open_the_same_conversation(
    visitor: Visitor, stranger: Visitor, conversation: str
) -> None:
    responses = await asyncio.gather(
        *(each.post("/echo x", conversation) for each in (visitor, stranger) * 5)
    )
    codes = [each.status_code for each in responses]
    assert codes in ([202, 404] * 5, [404, 202] * 5)


async def test_editing(visitor: Visitor, conversation: str) -> None:
    key = await visitor.ask("/echo first", conversation)
    path = f"api/conversations/{conversation}/messages/{quote(key, safe='')}"
    for _ in range(2):
        response = await visitor.client.patch(path, json={"edit": "0" * 32, "text": "/echo second"})
        assert response.status_code == 202
    found = await visitor.messages(conversation)
    assert "/echo second" in found[0]["html"]
    assert "edited" in found[0]["html"]
    assert len(found) == 2


async def test_deleting(visitor: Visitor, conversation: str) -> None:
    key = await visitor.ask("/echo secret", conversation)
    path = f"api/conversations/{conversation}/messages/{quote(key, safe='')}"
    for _ in range(2):
        assert (await visitor.client.delete(path)).status_code == 202
    assert "/echo secret" not in json.dumps(await visitor.messages(conversation))
    stored = await visitor.running.bot.store.history.message(key)
    assert stored is not None
    assert (stored.deleted, stored.text) == (True, "")


async def test_only_own_messages_can_be_changed(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/echo x", conversation)
    (answer,) = bot_keys(await visitor.messages(conversation))
    path = f"api/conversations/{conversation}/messages/{quote(str(answer), safe='')}"
    assert (await visitor.client.delete(path)).status_code == 403
    assert (await visitor.client.patch(path, json={"edit": "e" * 8, "text": "x"})).status_code == 403


async def test_thumbs_are_stored_shown_and_taken_back(visitor: Visitor, conversation: str) -> None:
    key = await visitor.ask("/echo x", conversation)
    (answer,) = bot_keys(await visitor.messages(conversation))
    path = f"api/conversations/{conversation}/messages/{quote(str(answer), safe='')}/feedback"
    for value in (1, -1):
        assert (await visitor.client.put(path, json={"value": value})).status_code == 200
        assert await visitor.running.bot.store.feedback.of(str(answer)) == [
            Feedback(str(answer), visitor.id, value)
        ]
        shown = (await visitor.messages(conversation))[1]["html"]
        assert f'data-value="{value}" aria-pressed="true"' in shown
        assert f'data-value="{-value}" aria-pressed="false"' in shown
    assert (await visitor.client.put(path, json={"value": 0})).status_code == 200
    assert await visitor.running.bot.store.feedback.of(str(answer)) == []
    for wrong in (2, "1", None, True, 1.0, [1]):
        assert (await visitor.client.put(path, json={"value": wrong})).status_code == 400
    own = f"api/conversations/{conversation}/messages/{quote(key, safe='')}/feedback"
    assert (await visitor.client.put(own, json={"value": 1})).status_code == 400


async def test_files_are_downloads_and_nothing_else(visitor: Visitor, conversation: str) -> None:
    name = '<img src=x onerror=alert(1)>"; x=.html'
    response = await visitor.client.post(
        f"api/conversations/{conversation}/messages",
        data={"key": "k" * 8, "text": "/echo see the file"},
        files={"files": (name, b"<script>alert(1)</script>", "text/html")},
    )
    assert response.status_code == 202, response.text
    key = response.json()["key"]
    await visitor.running.finished(key)
    message = await visitor.running.bot.store.history.message(key)
    assert message is not None
    ((file_id, stored, _, size),) = message.attachments
    assert size == 25
    assert "/" not in stored
    shown = (await visitor.messages(conversation))[0]["html"]
    assert "<img" not in shown
    download = await visitor.client.get(
        f"api/conversations/{conversation}/messages/{quote(key, safe='')}/attachments/{file_id}"
    )
    assert download.content == b"<script>alert(1)</script>"
    assert download.headers["content-type"] == "application/octet-stream"
    assert download.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert download.headers["x-content-type-options"] == "nosniff"
    missing = await visitor.client.get(
        f"api/conversations/{conversation}/messages/{quote(key, safe='')}/attachments/x"
    )
    assert missing.status_code == 404


async def test_a_file_of_an_answer_is_a_download_below_it(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/parcel notes.de.html", conversation)
    answer = (await visitor.messages(conversation))[-1]
    assert 'download="notes.de.html"' in answer["html"]
    message = await visitor.running.bot.store.history.message(answer["key"])
    assert message is not None
    assert "files" not in message.packed
    address = re.search(r'href="(api/conversations/[^"]+/attachments/[^"]+)"', answer["html"])
    assert address is not None
    download = await visitor.client.get(address[1])
    assert download.content == b"<script>alert(1)</script>"
    assert download.headers["content-type"] == "application/octet-stream"


async def test_a_large_file_is_refused_in_words(tmp_path: Path, conversation: str) -> None:
    settings = site_settings(tmp_path, limits={"attachment_mb": 1})
    async with open_site(settings) as running, visit(running) as visitor:
        for megabytes in (1.5, 4):
            response = await visitor.client.post(
                f"api/conversations/{conversation}/messages",
                data={"key": "k" * 8, "text": "x"},
                files={"files": ("a.bin", b"x" * int(megabytes * 2**20))},
            )
            assert (response.status_code, response.json()["code"]) == (413, "large_file")
            assert "1 MiB" in response.json()["error"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.pdf", "a.pdf"),
        ("a\nb\x00.pdf", "a_b\ufffd.pdf"),
        ("\u202efdp.exe", "_fdp.exe"),
        ("", "file"),
        ("x" * 500, "x" * 200),
        ("手册.pdf", "手册.pdf"),
    ],
)
def test_file_names(given: str, kept: str) -> None:
    assert file_name(given) == kept


async def test_earlier_messages_come_page_by_page(visitor: Visitor, conversation: str) -> None:
    keys = [await visitor.ask(f"/echo {number}", conversation) for number in range(30)]
    last = await visitor.messages(conversation)
    assert len(last) == 50
    first = await visitor.messages(conversation, f"?before={last[0]['id']}")
    assert len(first) == 10
    shown = [each["key"] for each in first + last if not each["by_bot"]]
    assert shown == keys
    for odd in ("x", "-1", "9" * 50, ""):
        assert len(await visitor.messages(conversation, f"?before={odd}")) == 50


async def test_conversations_are_listed_newest_first_with_their_titles(visitor: Visitor) -> None:
    places = [secrets.token_hex(16), secrets.token_hex(16)]
    for number, place in enumerate(places):
        await visitor.ask(f"/echo **number** {number}", place)
    listed = (await visitor.client.get("api/conversations")).json()["conversations"]
    assert [each["id"] for each in listed] == places[::-1]
    assert listed[0]["title"] == "/echo number 1"
