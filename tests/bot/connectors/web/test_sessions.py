"""Visitors are told apart by a signed cookie."""

import asyncio
import stat
from pathlib import Path

import httpx2
import pytest

from bot.connectors.web.sessions import load_key
from bot.errors import BadSettings
from tests.bot.connectors.web.conftest import Running, Visitor


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "web.key"
    key = load_key(file)
    assert len(key) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_key(file) == key
    assert list(file.parent.iterdir()) == [file]


async def test_two_processes_starting_at_once_agree_on_the_key(tmp_path: Path) -> None:
    keys = await asyncio.gather(*(asyncio.to_thread(load_key, tmp_path / "web.key") for _ in range(20)))
    assert len(set(keys)) == 1


def test_a_damaged_key_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "web.key"
    file.write_bytes(b"short")
    with pytest.raises(BadSettings, match="Delete it"):
        load_key(file)


def test_a_key_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "web.key").mkdir()
    with pytest.raises(BadSettings, match="cannot be read"):
        load_key(tmp_path / "web.key")


async def test_the_cookie_is_for_the_server_alone(running: Running) -> None:
    response = await _get(running.url)
    cookie = response.headers["set-cookie"].casefold()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


async def test_the_cookie_is_secure_behind_https(running: Running) -> None:
    response = await _get(running.url, {"x-forwarded-proto": "https"})
    assert "secure" in response.headers["set-cookie"].casefold()


async def test_the_visitor_stays_the_same(visitor: Visitor) -> None:
    before = visitor.id
    await visitor.client.get("")
    assert visitor.id == before


@pytest.mark.parametrize("cookie", ["", "x", "0123.456.789", "a" * 5000, "é"])
async def test_a_forged_cookie_is_nobody(visitor: Visitor, cookie: str, conversation: str) -> None:
    name = next(iter(visitor.client.cookies.keys()))
    headers = {"cookie": f"{name}={cookie}".encode()}
    async with httpx2.AsyncClient(base_url=visitor.running.url) as client:
        response = await client.get(f"api/conversations/{conversation}/messages", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "no_session")


async def test_a_changed_signature_is_nobody(visitor: Visitor, conversation: str) -> None:
    name, value = next(iter(visitor.client.cookies.items()))
    forged = ("0" if value[0] != "0" else "1") + value[1:]
    async with httpx2.AsyncClient(base_url=visitor.running.url) as client:
        response = await client.get(
            f"api/conversations/{conversation}/messages", headers={"cookie": f"{name}={forged}"}
        )
    assert response.status_code == 401


async def _get(url: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.get(url, headers=headers)
