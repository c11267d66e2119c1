"""Bodies held against Discord's own document."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from bot.testing.discord import FakeDiscord, conformity
from bot.testing.discord.conformity import Conformity

needs_document = pytest.mark.skipif(
    not conformity.possible(), reason="Discord's OpenAPI document is not beside the checkout"
)
POST = ("POST", "/channels/{channel_id}/messages")


@pytest.fixture
def check() -> Conformity:
    found = Conformity.found(True)
    assert found is not None
    return found


@needs_document
def test_what_differs_is_named(check: Conformity) -> None:
    check.check(*POST, "request", {"content": 5})
    check.check(*POST, "200", {"id": "x"})
    check.check_event("MESSAGE_CREATE", {"id": "5"})
    first, *others = check.violations
    assert first.startswith("POST /channels/{channel_id}/messages request: $.content: 5 is not")
    assert any(each.startswith("MESSAGE_CREATE: $: 'author' is a required property") for each in others)


@needs_document
def test_each_shape_is_checked_once(check: Conformity) -> None:
    check.check(*POST, "request", {"content": 5})
    check.check(*POST, "request", {"content": 6})
    assert len(check.violations) == 1
    check.check(*POST, "request", {"content": 6, "tts": "no"})
    assert len(check.violations) > 1


@needs_document
def test_ids_may_be_numbers_in_requests_alone(check: Conformity) -> None:
    check.check(*POST, "request", {"content": "x", "message_reference": {"message_id": 5}})
    assert check.violations == []
    check.check(*POST, "200", {"id": 5})
    assert any("$.id: 5" in each for each in check.violations)


@needs_document
def test_undocumented_routes_and_events_pass(check: Conformity) -> None:
    check.check("GET", "/nowhere", "200", {"any": 1})
    check.check_event("READY", {"any": 1})
    assert check.violations == []


@needs_document
async def test_clients_bodies_are_checked(fake: FakeDiscord, http: aiohttp.ClientSession, api: str) -> None:
    assert fake.checks
    body = {"content": "x", "tts": "yes"}
    async with http.post(f"{api}/channels/{fake.general_id}/messages", json=body) as response:
        assert response.status == 200
    assert len(fake.violations) == 1
    assert "$.tts" in fake.violations[0]
    fake.violations.clear()


def test_without_the_document_nothing_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(conformity, "DOCUMENT", tmp_path / "none.json")
    assert not FakeDiscord().checks
    conformity._document.cache_clear()
    with pytest.raises(FileNotFoundError):
        FakeDiscord(check=True)


def test_check_can_be_switched_off() -> None:
    assert not FakeDiscord(check=False).checks
