"""What the operator sees of the model workers, and that nobody else does."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, expect
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from bot.report import RoleReport, WorkerReport
from bot.settings import WebSettings
from bot.testing import FakeModels
from tests.bot.connectors.web.conftest import Running, open_site, site_settings
from tests.bot.connectors.web.test_browser import Watch

WAITS = ((0.01, 2), (1.0, 3), (math.inf, 4))


def role(served: int = 5, **changed: Any) -> RoleReport:
    told = RoleReport(
        "sentiment",
        state="loaded",
        model="tiny",
        origin="built-in",
        device="cpu",
        queued={"alert": 1, "person": 2, "background": 1000},
        queued_tokens=9000,
        backlog_seconds=2.5,
        waits=WAITS,
        waited_seconds=3.5,
        batches=7,
        texts_per_batch=3.25,
        padding=0.9,
        tokens=100 * served,
        device_seconds=1.5,
        served=served,
        failed=1,
        refused=2,
        memory_bytes=3 * 2**20,
    )
    return RoleReport(**{name: getattr(told, name) for name in told.__slots__} | changed)


class Watched(FakeModels):
    """Fake models with workers to look at; every look finds more done."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def workers(self) -> tuple[WorkerReport, ...]:
        self.looks += 1
        up = WorkerReport(
            "cuda:0", "ready", "It is ready.", "H100", 3 * 2**20, 4, 400, (role(5 * self.looks),)
        )
        away = WorkerReport("tcp:10.0.0.5:9000", "restarting", "<img src=x onerror=alert(1)> is away.")
        return up, away


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Running]:
    """A page of a bot with workers, whose metrics are switched on."""
    async with open_site(site_settings(tmp_path, metrics=True), Watched()) as site:
        yield site


async def get(running: Running, path: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=running.url, timeout=20) as client:
        return await client.get(path, headers=headers)


async def test_the_operator_reads_how_each_worker_is(watched: Running) -> None:
    response = await get(watched, "api/workers")
    up, away = response.json()["workers"]
    assert (up["place"], up["phase"], up["roles"][0]["queued"]["background"]) == ("cuda:0", "ready", 1000)
    assert up["roles"][0]["waits"] == [[0.01, 2], [1.0, 3], [None, 4]]
    assert away["roles"] == []
    assert response.headers["cache-control"] == "no-store"


async def test_prometheus_reads_the_same(watched: Running) -> None:
    await watched.bot.store.inbox.unfinished(0.0)
    response = await get(watched, "metrics")
    assert response.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
    here = (("role", "sentiment"), ("worker", "cuda:0"))
    assert samples["parley_worker_up", ("worker", "cuda:0")] == 1
    assert samples["parley_worker_up", ("worker", "tcp:10.0.0.5:9000")] == 0
    assert samples["parley_role_served_texts_total", *here] == 5
    assert samples["parley_role_device_seconds_total", *here] == 1.5
    assert samples["parley_role_queued_texts", ("priority", "background"), *here] == 1000
    assert samples["parley_role_wait_seconds_bucket", ("le", "+Inf"), *here] == 4
    assert samples["parley_role_wait_seconds_bucket", ("le", "0.01"), *here] == 2
    assert samples["parley_role_wait_seconds_sum", *here] == 3.5
    assert samples["parley_role_padding_efficiency", *here] == 0.9
    assert samples["parley_role_memory_bytes", *here] == 3 * 2**20


async def test_what_is_under_way_is_counted_without_naming_anyone(watched: Running) -> None:
    async with httpx2.AsyncClient(base_url=watched.url, timeout=20) as client:
        await client.get("")
        conversation = "c" * 32
        await client.post(
            f"api/conversations/{conversation}/messages",
            content='{"key": "' + "a" * 32 + '", "text": "/wait 2 secret words"}',
            headers={"content-type": "application/json"},
        )
        text = (await client.get("metrics")).text
        assert 'parley_unfinished{state="' in text
        assert 'table="inbox"' in text
        for private in ("secret", conversation, next(iter(client.cookies.values()))[:16]):
            assert private not in text


@pytest.mark.parametrize("path", ["worker", "api/workers", "metrics"])
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "203.0.113.7"},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"x-real-ip": "127.0.0.1"},
        {"host": "chat.example.org"},
    ],
)
async def test_strangers_find_no_such_page(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    settings = site_settings(tmp_path, metrics=True, allowed_hosts=("chat.example.org",))
    async with open_site(settings, Watched()) as site:
        assert (await get(site, path, **headers)).status_code == 404
        assert (await get(site, path)).status_code == 200


async def test_a_named_network_may_look_too(tmp_path: Path) -> None:
    settings = site_settings(tmp_path, metrics=True, operators=("203.0.113.0/24",))
    async with open_site(settings, Watched()) as site:
        assert (await get(site, "metrics", **{"x-forwarded-for": "203.0.113.7"})).status_code == 200
        assert (await get(site, "metrics", **{"x-forwarded-for": "203.0.114.7"})).status_code == 404


async def test_metrics_are_off_unless_switched_on(running: Running) -> None:
    assert (await get(running, "metrics")).status_code == 404
    assert (await get(running, "api/workers")).json() == {"workers": []}


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValidationError, match="operators"):
        WebSettings(operators=("everyone",))


async def test_the_page_is_live(browser: Browser, watched: Running) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    watch = Watch(page, watched.url)
    await page.goto(f"{watched.url}worker")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "online")
    await expect(page.locator(".watch-worker")).to_have_count(2)
    up, away = page.locator(".watch-worker").nth(0), page.locator(".watch-worker").nth(1)
    await expect(up.locator("h2")).to_have_text("cuda:0")
    await expect(up.locator(".phase")).to_have_text("ready")
    row = up.locator("tr[data-role=sentiment]")
    await expect(row.locator(".queued")).to_have_text("1,003")
    await expect(row.locator(".queue")).to_have_attribute(
        "title", re.compile("alerts: 1, people waiting: 2, background: 1,000")
    )
    await expect(row).to_contain_text("3 MiB")
    await expect(away).to_contain_text("<img src=x")
    await expect(away.locator("img")).to_have_count(0)
    await expect(row.locator(".rate")).not_to_have_text("0")
    await expect(row.locator("polyline")).to_have_attribute("points", re.compile(r"\d+,\d"))
    assert await page.title() == "Model workers · parley"
    await context.close()
    assert watch.seen == []


async def test_the_page_speaks_chinese_and_says_when_there_is_nothing(
    browser: Browser, running: Running
) -> None:
    context = await browser.new_context(locale="zh-CN")
    page = await context.new_page()
    watch = Watch(page, running.url)
    await page.goto(f"{running.url}worker")
    await expect(page.locator("h1")).to_have_text("模型进程")
    await expect(page.locator("#nothing")).to_be_visible()
    await context.close()
    assert watch.seen == []
