"""Serve REST, gateway and files on one port, with faults and limits in front."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from bot.testing.discord import application, callbacks, messages, places
from bot.testing.discord.api import Call, Denied, read_body
from bot.testing.discord.faults import Answer, Faults
from bot.testing.discord.gateway import Gateway
from bot.testing.discord.interactions import Interactions
from bot.testing.discord.limits import Limits
from bot.testing.discord.loopback import LOOPBACK, certify
from bot.testing.discord.sessions import encode
from bot.testing.discord.world import World

if TYPE_CHECKING:
    from bot.testing.discord.api import Endpoint
    from bot.testing.discord.conformity import Conformity

    CarryOut = Callable[[web.Request], Awaitable[Answer]]

PREFIX = "/api/v10"
BODY_BYTES = 64 * 1024 * 1024
OPEN = ("/interactions/", "/webhooks/")
# Words before variables: `@me` and `@original` are no ids.
ROUTES = application.ROUTES | callbacks.ROUTES | messages.ROUTES | places.ROUTES


class Server:
    """The fake's front: every request is answered, recorded and, where a document is given, checked."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        interactions: Interactions,
        faults: Faults,
        *,
        token: str,
        limits: Limits | None,
        conformity: Conformity | None,
    ) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.port = 0
        self.ca_file = Path()
        self._world = world
        self._gateway = gateway
        self._interactions = interactions
        self._faults = faults
        self._token = token
        self._limits = limits
        self._conformity = conformity

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve on a free port of loopback until left."""
        with tempfile.TemporaryDirectory(prefix="parley-discord-") as folder:
            context, self.ca_file = certify(Path(folder))
            runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            try:
                site = web.TCPSite(runner, LOOPBACK, 0, ssl_context=context)
                await site.start()
                self.port = cast(tuple[str, int], runner.addresses[0])[1]
                yield
            finally:
                for line in list(self._gateway.lines):
                    line.thaw()
                    line.abort()
                await runner.cleanup()

    def _application(self) -> web.Application:
        served = web.Application(client_max_size=BODY_BYTES)
        served.router.add_get("/", self._connect)
        served.router.add_get("/attachments/{channel_id}/{file_id}/{name}", self._file)
        for (method, route), endpoint in sorted(ROUTES.items(), key=_words_first):
            served.router.add_route(method, PREFIX + route, partial(self._serve, route, endpoint))
        served.router.add_route("*", "/{path:.*}", self._unknown)
        return served

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        fault = self._faults.ordered(request.method, request.path)
        return await (self._gateway.connect(request) if fault is None else _answer(request, fault.answer))

    async def _serve(self, route: str, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        return await self._record(request, partial(self._carry_out, route, endpoint))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        async def nothing(request: web.Request) -> Answer:
            return Answer(404, {"message": "404: Not Found", "code": 0})

        return await self._record(request, nothing)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        async def stored(request: web.Request) -> Answer:
            file = self._world.state.files.get(int(request.match_info["file_id"]))
            if file is None:
                return Answer(404, "This content is no longer available.")
            return Answer(200, file.content, {"Content-Type": file.media_type})

        return await self._record(request, stored, rolls=False)

    async def _record(
        self, request: web.Request, carry_out: CarryOut, *, rolls: bool = True
    ) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        fault = self._faults.ordered(request.method, path) or (self._faults.rolled() if rolls else None)
        answer = await carry_out(request) if fault is None or fault.accepted else None
        if fault is not None:
            answer = fault.answer
        self.requests.append((request.method, path, 0 if answer is None else answer.status))
        return await _answer(request, answer)

    async def _carry_out(self, route: str, endpoint: Endpoint, request: web.Request) -> Answer:
        if not self._may(route, request):
            return Answer(401, {"message": "401: Unauthorized", "code": 0})
        headers: dict[str, str] = {}
        if self._limits is not None:
            place = request.match_info.get("channel_id", "")
            refused, headers = self._limits.check(request.method, route, place)
            if refused is not None:
                return refused
        answer = await self._call(route, endpoint, request)
        answer.headers |= headers
        return answer

    def _may(self, route: str, request: web.Request) -> bool:
        is_open = route == "/gateway" or route.startswith(OPEN)
        return is_open or request.headers.get("Authorization") == f"Bot {self._token}"

    async def _call(self, route: str, endpoint: Endpoint, request: web.Request) -> Answer:
        check = None if self._conformity is None else partial(self._conformity.check, request.method, route)
        try:
            body, files = await read_body(request, self._world.state.snowflake)
            if check is not None and body is not None:
                check("request", body)
            path, query = dict(request.match_info), dict(request.query)
            call = Call(self._world, self._interactions, path, query, body, files)
            status, answered = await endpoint(call)
        except Denied as denied:
            status, answered = denied.status, denied.body
        if check is not None and answered is not None:
            check(str(status), answered)
        return Answer(status, answered)


def _words_first(entry: tuple[tuple[str, str], Any]) -> tuple[int, str]:
    (method, route), _ = entry
    return route.count("{"), method


async def _answer(request: web.Request, answer: Answer | None) -> web.StreamResponse:
    if answer is not None:
        return await _respond(request, answer)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _respond(request: web.Request, answer: Answer) -> web.StreamResponse:
    body, headers = answer.body, dict(answer.headers)
    if callable(body):
        return await _stream(request, answer.status, headers, body)
    if isinstance(body, (dict, list)):
        headers.setdefault("Content-Type", "application/json")
        body = encode(body)
    if isinstance(body, str):
        body = body.encode()
        headers.setdefault("Content-Type", "text/html; charset=UTF-8")
    return web.Response(status=answer.status, body=body, headers=headers)


async def _stream(
    request: web.Request, status: int, headers: dict[str, str], parts: Callable[[], AsyncIterator[bytes]]
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    async for part in parts():
        await response.write(part)
    await response.write_eof()
    return response
