"""A model worker in each replica of a Ray Serve deployment: `serve run config/ray.yaml`.

A replica starts, watches and replaces its own worker process, as a bot does; it turns requests into calls
of that worker and answers what `bot.worker.wire.bodies` says.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.assembly import make_data_dir, worker_options
from bot.errors import BadInput, BadSettings, ParleyError, WorkerUnavailable
from bot.models import EMBEDDING, tenant
from bot.ray.questions import unpack_ask
from bot.secrets import secret
from bot.settings import Settings, load_settings
from bot.worker.client.asking import Asking, Question
from bot.worker.client.fleet import own_fleet
from bot.worker.options import WorkerOptions
from bot.worker.server.standing import SHORTEST_KEY
from bot.worker.wire import values
from bot.worker.wire.bodies import LINES, line, pack_answer, status_of
from bot.worker.wire.errors import pack_error
from bot.worker.wire.frames import VERSION
from bot.worker.wire.state import Phase

LARGEST_BODY = 96 * 2**20  # a recording of the largest frame in base64
WRONG_SECONDS = 1.0
CUT = "\0"  # in no piece of an answer


class Worker:
    """One replica."""

    def __init__(self, config: str = "") -> None:
        settings = settings_of(config)
        self._key = key_of(settings)
        self._fleet = own_fleet(replica_options(settings), make_data_dir(settings) / "run")
        self._asking = Asking(self._fleet)
        self._is_started = False

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        self._start()
        if not self._may_ask(request):
            await asyncio.sleep(WRONG_SECONDS)
            return JSONResponse(pack_error(BadInput("The key is wrong.")), 401)
        try:
            return await self._respond(request)
        except ParleyError as error:
            return refusal(error)

    async def check_health(self) -> None:
        """Ray starts another replica when this raises."""
        self._start()
        state = self._fleet.state()
        if state.phase in (Phase.FAILED, Phase.STOPPED) and not self._fleet.roles():
            raise RuntimeError(state.reason)

    async def __del__(self) -> None:
        """The replica ends, and its worker with it."""
        if self._is_started:
            await self._fleet.stop()

    def _start(self) -> None:
        """Begin on the replica's own event loop."""
        if not self._is_started:
            self._is_started = True
            self._fleet.start()

    def _may_ask(self, request: Request) -> bool:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(shown.encode(), self._key.encode())

    async def _respond(self, request: Request) -> Response:
        path = request.url.path.rpartition("/")[2]
        if request.method == "GET" and path == "ready":
            return JSONResponse(await self._introduction())
        if request.method == "GET" and path == "health":
            return JSONResponse(self._fleet.workers[0].health or {"stalled_seconds": 0.0})
        if request.method != "POST" or path != "ask":
            return JSONResponse(pack_error(BadInput("There are GET ready, GET health and POST ask.")), 405)
        return await self._ask(await body_of(request))

    async def _introduction(self) -> dict[str, Any]:
        """As the first frame of a worker, when its encoder is loaded or cannot be."""
        served = self._fleet.roles()
        try:
            await self._fleet.ready()
        except WorkerUnavailable as error:
            roles = sorted(served - {EMBEDDING})
            return {"kind": "failed", "version": VERSION, "roles": roles, **pack_error(error)}
        told = self._fleet.workers[0].introduction
        known = {role: {"origin": origin} for role, origin in told.roles.items()}
        return {
            "kind": "ready",
            "version": VERSION,
            "model": told.model,
            "dimensions": told.dimensions,
            "roles": known,
        }

    async def _ask(self, body: bytes) -> Response:
        question, texts, recording, on_behalf = unpack_ask(body)
        tenant.set(on_behalf)
        if "speakers" in question.choices:
            return StreamingResponse(self._pieces(question, texts), media_type=LINES)
        return JSONResponse(pack_answer(await self._asking.once(question, texts, recording)))

    async def _pieces(self, question: Question[Any], texts: list[str]) -> AsyncGenerator[bytes, None]:
        """The lines of a written answer; the last says whether it is cut, or why it ended."""
        is_cut, asked = False, replace(question, make=values.is_cut)
        try:
            async with aclosing(self._asking.pieces(asked, texts, cut=CUT)) as pieces:
                async for piece in pieces:
                    is_cut = piece == CUT
                    if not is_cut:
                        yield line({"text": piece})
        except ParleyError as error:
            yield line(pack_error(error))
        else:
            yield line({"values": {"is_cut": is_cut}})


def build(arguments: dict[str, str]) -> serve.Application:
    """The application for `import_path`; `config` in its arguments is a settings file on each machine.

    Raises BadSettings.
    """
    config = arguments.get("config", "")
    key_of(settings_of(config))
    deployment: serve.Deployment = serve.deployment()(Worker)
    return deployment.bind(config)


def settings_of(config: str) -> Settings:
    """The settings of a file, or those of the environment."""
    return load_settings(Path(config) if config else None)


def key_of(settings: Settings) -> str:
    """The key every request has to show. Raises BadSettings without one."""
    key = secret(settings.worker.key, settings.worker.key_file, "worker.key")
    if len(key) < SHORTEST_KEY:
        raise BadSettings(
            f"The worker wants a key of at least {SHORTEST_KEY} characters: "
            "set worker.key_file, or PARLEY_WORKER__KEY where Ray is started."
        )
    return key


def replica_options(settings: Settings) -> WorkerOptions:
    """A replica has one worker, on the device that Ray shows it."""
    return replace(worker_options(settings), device=settings.worker.devices[0])


async def body_of(request: Request) -> bytes:
    """The body. Raises BadInput when it is larger than any question."""
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        raise BadInput("The question is too large.")
    return await request.body()


def refusal(error: ParleyError) -> Response:
    """A failure, with its status."""
    return JSONResponse(pack_error(error), status_of(error))
