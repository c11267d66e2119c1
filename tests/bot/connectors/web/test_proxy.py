"""The page behind a proxy that serves it under a path of its own, by HTTPS names."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn
from playwright.async_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.connectors.web.connector import _Server
from tests.bot.connectors.web.conftest import Running

PREFIX = "/team/parley/"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@asynccontextmanager
async def open_proxy(target: str) -> AsyncIterator[str]:
    """A proxy that takes its prefix off and tells nobody of it; its address."""
    async with httpx2.AsyncClient(base_url=target, timeout=None) as client:

        async def forward(request: Request) -> Response:
            outgoing = client.build_request(
                request.method,
                request.path_params["rest"] + (f"?{request.url.query}" if request.url.query else ""),
                headers=request.headers.raw,
                content=await request.body(),
            )
            answer = await client.send(outgoing, stream=True)

            async def body() -> AsyncIterator[bytes]:
                try:
                    async for chunk in answer.aiter_raw():
                        yield chunk
                except httpx2.HTTPError:
                    return
                finally:
                    await answer.aclose()

            response = StreamingResponse(body(), answer.status_code)
            response.raw_headers = [
                pair for pair in answer.headers.raw if pair[0].lower() != b"transfer-encoding"
            ]
            return response

        listening = socket.create_server(("127.0.0.1", 0))
        app = Starlette(routes=[Route(PREFIX + "{rest:path}", forward, methods=METHODS)])
        server = _Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}{PREFIX}"
        finally:
            server.should_exit = True
            await serving


async def test_everything_works_under_a_path_of_a_proxy(browser: Browser, running: Running) -> None:
    async with open_proxy(running.url) as url:
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        await page.goto(url)
        await expect(page.locator("#connection")).to_have_attribute("data-state", "online")
        await page.locator("#text").fill("/leave how many days?")
        await page.locator("#text").press("Enter")
        answer = page.locator("#messages .from-bot")
        await expect(answer).to_contain_text("27 days of paid leave")
        await page.reload()
        await expect(answer).to_contain_text("27 days of paid leave")
        await page.locator("#files").set_input_files(
            {"name": "a.md", "mimeType": "text/markdown", "buffer": b"# A\n\nSome text about leave."}
        )
        await expect(page.locator(".upload.is-ready")).to_contain_text("a.md")
        await page.locator("a.new").click()
        await expect(page.locator("#welcome")).to_be_visible()
        assert page.url == f"{url}"
        await page.locator("#conversations a").click()
        await expect(answer).to_contain_text("27 days of paid leave")
        await context.close()
