"""A server of big models on loopback that speaks the OpenAI protocol, with faults."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answering = Callable[[dict[str, Any]], str]


def last_turn(body: dict[str, Any]) -> str:
    """The text of a request's last turn, without the marks around it."""
    return re.sub(r"</?text \w+>\n?", "", body["messages"][-1]["content"]).strip()


@dataclass(slots=True)
class FakeEndpoint:
    """`answer` makes the text of a request's body; it goes out word by word, `pause` seconds apart.

    `statuses` are answered first, one request each. `raw` is sent in place of a stream. `drop_after`
    so many pieces the connection is cut. `listed` None: the server does not list its models. `embedding`
    makes a text's vector, and `embedded` the answer of them all; `heard` answers a recording.
    """

    answer: Answering = last_turn
    key: str = ""
    listed: list[str] | None = field(default_factory=lambda: ["tiny"])
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    raw: bytes | None = None
    pause: float = 0.0
    silence: float = 0.0
    drop_after: int | None = None
    streams: bool = True
    finish: str = "stop"
    embedding: Callable[[str], list[float]] = lambda text: [float(len(text)), 1.0]
    embedded: Callable[[list[dict[str, Any]]], Any] = lambda rows: {"data": rows}
    heard: Any = field(default_factory=lambda: {"text": "hello there"})
    uploads: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    closed_early: int = 0
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeEndpoint]:
        """Serve on a free port until left."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_post("/v1/audio/transcriptions", self._hear)
        app.router.add_get("/v1/models", self._list)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        if self.listed is None:
            return web.Response(status=404)
        return web.json_response({"object": "list", "data": [{"id": each} for each in self.listed]})

    async def _embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        if self.statuses:
            status, headers = self.statuses.pop(0)
            return web.Response(status=status, headers=headers)
        rows = [{"index": n, "embedding": self.embedding(text)} for n, text in enumerate(body["input"])]
        return web.json_response(self.embedded(rows))

    async def _hear(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.uploads.append({"model": form["model"], "name": file.filename, "bytes": file.file.read()})
        return web.json_response(self.heard)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "who are you?"}, status=401)
        body = await request.json()
        self.requests.append(body)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            return await self._respond(request, body)
        except (ConnectionError, asyncio.CancelledError):
            self.closed_early += 1
            raise
        finally:
            self.open_now -= 1

    async def _respond(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(self.silence)
        if self.statuses:
            status, headers = self.statuses.pop(0)
            return web.json_response({"error": {"message": "no"}}, status=status, headers=headers)
        if not self.streams:
            message = {"role": "assistant", "content": self.answer(body)}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if self.raw is not None:
            await response.write(self.raw)
            return response
        for number, piece in enumerate(re.findall(r"\s*\S+", self.answer(body))):
            if number == self.drop_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(event({"choices": [{"index": 0, "delta": {"content": piece}}]}))
            await asyncio.sleep(self.pause)
        await response.write(event({"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}]}))
        await response.write(b"data: [DONE]\n\n")
        return response


def event(value: dict[str, Any]) -> bytes:
    """A value as a server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()
