"""Documents over HTTP: added, listed, removed, and whose they are."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from bot.settings import KnowledgeSettings
from tests.bot.connectors.web.conftest import Visitor, open_site, site_settings, visit

TEXT = b"# Leave\n\nEmployees receive 27 days of paid leave a year.\n"


async def add(visitor: Visitor, name: str = "handbook.md", content: bytes = TEXT) -> httpx2.Response:
    return await visitor.client.post("api/documents", files={"file": (name, content)})


async def names(visitor: Visitor) -> list[str]:
    return [each["name"] for each in (await visitor.client.get("api/documents")).json()["documents"]]


async def test_a_document_is_ready_when_it_is_answered(visitor: Visitor) -> None:
    response = await add(visitor)
    assert response.status_code == 201, response.text
    assert response.json()["result"] == "handbook.md: one passage ready"
    assert response.json()["shared"] is True
    assert await names(visitor) == ["handbook.md"]
    (found,) = await visitor.running.bot.library.view([""]).search("days of leave")
    assert "27 days" in found.text


async def test_on_this_machine_alone_documents_are_shared(visitor: Visitor, stranger: Visitor) -> None:
    number = (await add(visitor)).json()["id"]
    assert await names(stranger) == ["handbook.md"]
    assert (await stranger.client.delete(f"api/documents/{number}")).status_code == 200
    assert await names(visitor) == []


async def test_private_documents_are_their_visitors_alone(tmp_path: Path) -> None:
    async with (
        open_site(site_settings(tmp_path, uploads="private")) as running,
        visit(running) as visitor,
        visit(running) as stranger,
    ):
        number = (await add(visitor)).json()["id"]
        assert await names(visitor) == ["handbook.md"]
        assert await names(stranger) == []
        assert await running.bot.library.view([""]).search("days of leave") == []
        assert len(await running.bot.library.view([f"web:{visitor.id}"]).search("days of leave")) == 1
        assert (await stranger.client.delete(f"api/documents/{number}")).status_code == 404
        assert (await visitor.client.delete(f"api/documents/{number}")).status_code == 200
        assert await names(visitor) == []


async def test_shared_documents_stay_when_the_page_is_open_to_others(tmp_path: Path) -> None:
    settings = site_settings(tmp_path, host="0.0.0.0", uploads="shared")
    async with open_site(settings) as running, visit(running) as visitor:
        added = (await add(visitor)).json()
        assert (added["shared"], added["removable"]) == (True, False)
        response = await visitor.client.delete(f"api/documents/{added['id']}")
        assert (response.status_code, response.json()["code"]) == (403, "not_yours")


async def test_auto_is_private_when_the_page_is_open_to_others(tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path, host="0.0.0.0")) as running, visit(running) as visitor:
        assert (await add(visitor)).json()["shared"] is False


async def test_uploads_can_be_switched_off(tmp_path: Path) -> None:
    async with open_site(site_settings(tmp_path, uploads="off")) as running, visit(running) as visitor:
        response = await add(visitor)
        assert (response.status_code, response.json()["code"]) == (403, "no_uploads")
        assert 'id="attach"' not in (await visitor.client.get("")).text


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.exe", b"MZ"), ("a.pdf", b"not a pdf"), ("a.docx", b"PK\x03\x04 broken"), ("a.md", b"")],
)
async def test_an_unreadable_file_gets_a_sentence(visitor: Visitor, name: str, content: bytes) -> None:
    response = await add(visitor, name, content)
    assert (response.status_code, response.json()["code"]) == (422, "unreadable")
    assert len(response.json()["error"]) > 10
    assert "Traceback" not in response.text
    assert await names(visitor) == []


async def test_a_large_file_is_refused_in_words(tmp_path: Path) -> None:
    settings = site_settings(tmp_path).model_copy(update={"knowledge": KnowledgeSettings(document_mb=1)})
    async with open_site(settings) as running, visit(running) as visitor:
        for size in (2**20 + 1, 3 * 2**20):
            response = await add(visitor, "a.txt", b"word " * (size // 5 + 1))
            assert (response.status_code, response.json()["code"]) == (413, "large_file")
            assert "1 MiB" in response.json()["error"]


@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": b"x"},
        {"json": {}},
        {"files": {"other": ("a.md", b"x")}},
        {"data": {"file": "text"}},
        {"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
        {"files": [("file", ("a.md", b"x")), ("file", ("b.md", b"x"))]},
    ],
)
async def test_a_malformed_upload_is_refused(visitor: Visitor, request_parts: dict[str, object]) -> None:
    response = await visitor.client.post("api/documents", **request_parts)
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


async def test_hostile_names_are_text(visitor: Visitor) -> None:
    response = await add(visitor, "../<img src=x onerror=alert(1)>.md")
    assert response.json()["name"] == "<img src=x onerror=alert(1)>.md"


async def test_adding_the_same_file_at_once_is_one_document(visitor: Visitor) -> None:
    responses = await asyncio.gather(*(add(visitor) for _ in range(5)))
    assert {each.status_code for each in responses} == {201}
    assert await names(visitor) == ["handbook.md"]


@pytest.mark.parametrize("number", ["0", "999", "99999999999999999999", "x"])
async def test_no_such_document(visitor: Visitor, number: str) -> None:
    assert (await visitor.client.delete(f"api/documents/{number}")).status_code == 404
