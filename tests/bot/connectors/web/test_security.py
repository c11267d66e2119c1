"""The wall: hosts, origins, headers, and errors that tell nothing."""

import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.connectors.web.security import POLICY, Hosts, host_name, is_loopback
from tests.bot.connectors.web.conftest import Running, Visitor, open_site, site_settings, visit


@pytest.mark.parametrize(
    ("listened", "allowed", "host", "passes"),
    [
        ("127.0.0.1", (), "127.0.0.1:8080", True),
        ("127.0.0.1", (), "localhost:8080", True),
        ("127.0.0.1", (), "LOCALHOST", True),
        ("127.0.0.1", (), "[::1]:8080", True),
        ("127.0.0.1", (), "localhost.", True),
        ("127.0.0.1", (), "evil.example:8080", False),
        ("127.0.0.1", (), "127.0.0.1.evil.example", False),
        ("127.0.0.1", (), "evil.example:80@localhost", False),
        ("127.0.0.1", (), "192.168.1.5", False),
        ("127.0.0.1", (), "", False),
        ("127.0.0.1", ("chat.example.com",), "chat.example.com", True),
        ("127.0.0.1", ("chat.example.com",), "Chat.Example.Com:443", True),
        ("192.168.1.5", (), "192.168.1.5:8080", True),
        ("192.168.1.5", (), "evil.example", False),
        ("0.0.0.0", (), "192.168.1.5:8080", True),
        ("0.0.0.0", (), "evil.example", False),
        ("0.0.0.0", ("chat.example.com",), "chat.example.com", True),
        ("0.0.0.0", ("chat.example.com",), "192.168.1.5", False),
        ("::", (), "[fe80::1]:8080", True),
        ("::", (), "evil.example", False),
    ],
)
def test_hosts(listened: str, allowed: tuple[str, ...], host: str, *, passes: bool) -> None:
    assert Hosts(listened, allowed).allow(host) is passes


def test_host_names_and_loopback() -> None:
    assert [host_name(host) for host in ("a:1", "[::1]:1", "::1", "A.b.")] == ["a", "::1", "::1", "a.b"]
    assert is_loopback("127.9.9.9")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.com")


async def test_a_foreign_host_is_refused_everywhere(running: Running) -> None:
    async with httpx2.AsyncClient(base_url=running.url) as client:
        for path in ("", "healthz", "api/conversations", "static/x/page.css"):
            response = await client.get(path, headers={"host": "evil.example"})
            assert response.status_code == 421
            assert "PARLEY_WEB__ALLOWED_HOSTS" in response.json()["error"]
            assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_foreign_origin_changes_nothing(
    visitor: Visitor, headers: dict[str, str], conversation: str
) -> None:
    address = f"api/conversations/{conversation}/messages"
    for method, path in [
        ("POST", address),
        ("PATCH", f"{address}/x"),
        ("DELETE", f"{address}/x"),
        ("PUT", f"{address}/x/feedback"),
        ("POST", "api/documents"),
        ("DELETE", "api/documents/1"),
    ]:
        response = await visitor.client.request(
            method, path, json={"key": "k" * 8, "text": "echo x"}, headers=headers
        )
        assert (response.status_code, response.json()["code"]) == (403, "foreign_origin")
    assert await visitor.messages(conversation) == []


async def test_the_own_origin_passes(visitor: Visitor, conversation: str) -> None:
    origin = visitor.running.url.rstrip("/")
    response = await visitor.client.post(
        f"api/conversations/{conversation}/messages",
        json={"key": "k" * 8, "text": "echo x"},
        headers={"origin": origin, "sec-fetch-site": "same-origin"},
    )
    assert response.status_code == 202


async def test_behind_a_proxy_the_public_name_is_the_own_origin(tmp_path: Path, conversation: str) -> None:
    async with (
        open_site(site_settings(tmp_path, allowed_hosts=["chat.example.com"])) as running,
        visit(running, headers={"host": "chat.example.com"}) as visitor,
    ):
        for origin, status in [("https://chat.example.com", 202), ("https://evil.example", 403)]:
            response = await visitor.client.post(
                f"api/conversations/{conversation}/messages",
                json={"key": f"key-{status}-x", "text": "echo x"},
                headers={"origin": origin},
            )
            assert response.status_code == status


async def test_every_response_carries_the_headers(visitor: Visitor, conversation: str) -> None:
    for path in (
        "",
        "?c=nothing",
        "healthz",
        "readyz",
        "nowhere",
        "api/conversations",
        "static/x/page.css",
        "static/x/no",
    ):
        headers = (await visitor.client.get(path)).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "permissions-policy" in headers
        assert "server" not in headers
        if path != "static/x/page.css":
            assert headers["cache-control"] == "no-store"


async def test_the_page_has_nothing_inline(visitor: Visitor) -> None:
    html = (await visitor.client.get("")).text
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick" not in html
    assert html.count("<script") == html.count('<script type="module" src=') + html.count(
        'type="application/json"'
    )
    assert "https://" not in html.replace("https://www.w3.org", "")


async def test_an_unexpected_error_tells_its_number_alone(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, conversation: str
) -> None:
    async def explode(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the secret detail")

    monkeypatch.setattr(visitor.running.bot, "accept", explode)
    with caplog.at_level(logging.ERROR):
        response = await visitor.post("my private text", conversation)
    assert (response.status_code, response.json()["code"]) == (500, "unexpected")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    (record,) = (each for each in caplog.records if each.name == "bot.connectors.web.security")
    number = record.getMessage().split("id=")[1].split()[0]
    assert number in response.json()["error"]
    assert "my private text" not in caplog.text


async def test_no_message_text_reaches_the_log(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, conversation: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        await visitor.ask("echo my private text", conversation)
        async with visitor.events(conversation) as events:
            await anext(events)
    named = [
        each for each in caplog.records if each.name.startswith(("bot", "uvicorn", "starlette", "storage"))
    ]
    assert not [each for each in named if "private text" in each.getMessage()]


@pytest.mark.parametrize(
    "path", ["../web.key", "..%2f..%2fweb.key", "%2e%2e/connector.py", "page.css/../../view.py"]
)
async def test_nothing_outside_the_static_folder_is_served(visitor: Visitor, path: str) -> None:
    response = await visitor.client.get(f"static/x/{path}")
    assert response.status_code == 404
    assert "import" not in response.text


async def test_every_route_of_the_api_needs_a_visitor(running: Running, conversation: str) -> None:
    routes = [
        ("GET", "api/conversations"),
        ("GET", f"api/conversations/{conversation}/messages"),
        ("POST", f"api/conversations/{conversation}/messages"),
        ("GET", f"api/conversations/{conversation}/events"),
        ("PATCH", f"api/conversations/{conversation}/messages/k"),
        ("DELETE", f"api/conversations/{conversation}/messages/k"),
        ("PUT", f"api/conversations/{conversation}/messages/k/feedback"),
        ("GET", f"api/conversations/{conversation}/messages/k/attachments/a"),
        ("GET", "api/documents"),
        ("POST", "api/documents"),
        ("DELETE", "api/documents/1"),
    ]
    async with httpx2.AsyncClient(base_url=running.url) as client:
        for method, path in routes:
            response = await client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (401, "no_session"), path
