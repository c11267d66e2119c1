"""The page, its languages, and how the bot is."""

import json
import re
import secrets
from importlib.resources import files

import httpx2
import pytest

from bot.connectors.web.language import languages
from bot.models import NoModels
from bot.worker.client.reports import STATES
from bot.worker.wire.state import Phase
from storage import StorageUnavailable
from tests.bot.connectors.web.conftest import Running, Visitor


def script_facts(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', html, re.DOTALL)
    assert found
    facts: dict[str, object] = json.loads(found[1])
    return facts


async def test_a_new_page_invites_to_begin(visitor: Visitor) -> None:
    html = (await visitor.client.get("")).text
    assert "What would you like to know?" in html
    facts = script_facts(html)
    assert re.fullmatch("[0-9a-f]{32}", str(facts["conversation"]))
    assert {"echo", "leave", "plan"} <= {each["name"] for each in facts["skills"]}  # type: ignore[index, attr-defined]
    assert script_facts((await visitor.client.get("")).text)["conversation"] != facts["conversation"]


async def test_a_page_shows_its_conversation_and_the_others(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/echo hello <b>you</b>", conversation)
    await visitor.ask("/echo elsewhere", secrets.token_hex(16))
    html = (await visitor.client.get(f"?c={conversation}")).text
    assert html.count('<article class="message from-') >= 2
    assert "hello &lt;b&gt;you" in html
    assert "<b>you" not in html
    assert html.count('class="conversation-title"') == 2
    assert script_facts(html)["revision"]


async def test_an_id_without_messages_is_a_new_conversation(visitor: Visitor, conversation: str) -> None:
    response = await visitor.client.get(f"?c={conversation}")
    assert response.status_code == 200
    assert script_facts(response.text)["conversation"] == conversation


@pytest.mark.parametrize("place", ["x", "<script>alert(1)</script>", "../x", "0" * 33])
async def test_an_id_that_cannot_be_ours_is_a_kind_page(visitor: Visitor, place: str) -> None:
    response = await visitor.client.get("", params={"c": place})
    assert response.status_code == 404
    assert "Begin a new conversation" in response.text
    assert "<script>alert" not in response.text


@pytest.mark.parametrize(
    ("accepted", "cookie", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-Hans"),
        ("en-GB,en;q=0.9,zh;q=0.8", "", "en"),
        ("fr,zh;q=0.5", "", "zh-Hans"),
        ("fr", "", "en"),
        ("en;q=x, ;;, zh;q=0.1", "", "zh-Hans"),
        ("en", "zh", "zh-Hans"),
        ("zh", "en", "en"),
        ("zh", "xx", "zh-Hans"),
    ],
)
async def test_the_language_follows_the_visitor(
    running: Running, accepted: str, cookie: str, expected: str
) -> None:
    headers = {"accept-language": accepted} | ({"cookie": f"parley_language={cookie}"} if cookie else {})
    async with httpx2.AsyncClient() as client:
        assert f'<html lang="{expected}"' in (await client.get(running.url, headers=headers)).text


def test_every_sentence_exists_in_every_language_with_the_same_places() -> None:
    english, chinese = languages()["en"].sentences, languages()["zh"].sentences
    assert english.keys() == chinese.keys()
    for name, sentence in english.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", chinese[name])), name


def test_every_sentence_the_script_says_exists_and_none_is_left_over() -> None:
    folder = files("bot.connectors.web")
    sources = [
        each.read_text("utf-8")
        for part in ("static", "templates")
        for each in folder.joinpath(part).iterdir()
    ]
    sources += [each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".py")]
    text = "\n".join(sources)
    said = set(re.findall(r'say\(\s*["\']([a-z_]+)["\']', text))
    assert said <= languages()["en"].sentences.keys()
    quoted = set(re.findall(r'["\']([a-z_]+)["\']', text))
    quoted |= {each.value for each in Phase} | set(STATES)
    names = {name.removeprefix("error.").removeprefix("worker.") for name in languages()["en"].sentences}
    left_over = names - quoted - set(re.findall(r"say\('worker\.([a-z_]+)'\)", text))
    assert not left_over


async def test_theme_and_language_switches_are_kept_in_cookies(running: Running) -> None:
    async with httpx2.AsyncClient(headers={"cookie": "parley_theme=dark"}) as client:
        assert 'data-theme="dark"' in (await client.get(running.url)).text
    async with httpx2.AsyncClient(headers={"cookie": 'parley_theme="><script>'}) as client:
        assert "data-theme" not in (await client.get(running.url)).text


async def test_every_address_is_relative(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/leave how many days?", conversation)
    html = (await visitor.client.get(f"?c={conversation}")).text
    assert not re.findall(r'(?:href|src|action)="/', html)
    script = "\n".join(
        each.read_text("utf-8") for each in files("bot.connectors.web").joinpath("static").iterdir()
    )
    assert not re.findall(r'["`]/(?:api|static)', script)


async def test_static_files_are_kept_for_ever_under_their_version(visitor: Visitor) -> None:
    html = (await visitor.client.get("")).text
    address = re.search(r'href="(static/[0-9a-f]{12}/page\.css)"', html)
    assert address
    response = await visitor.client.get(address[1])
    assert response.status_code == 200
    assert "immutable" in response.headers["cache-control"]


async def test_health_and_readiness(visitor: Visitor) -> None:
    assert (await visitor.client.get("healthz")).json() == {"status": "ok"}
    response = await visitor.client.get("readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "database": "ok", "models": "ok", "web": "ok"}
    visitor.running.bot.models = NoModels()
    assert (await visitor.client.get("readyz")).json()["models"] == "switched off"


async def test_a_database_that_cannot_be_written_is_not_ready(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable("/secret/place")

    monkeypatch.setattr(visitor.running.bot.store.inbox, "renew", fail)
    response = await visitor.client.get("readyz")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert "/secret/place" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "nowhere", 404), ("POST", "", 405), ("PUT", "healthz", 405)]
)
async def test_odd_requests_get_a_sentence(visitor: Visitor, method: str, path: str, status: int) -> None:
    response = await visitor.client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]
