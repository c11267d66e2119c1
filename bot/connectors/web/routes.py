"""The table of everything the page's server answers to."""

from __future__ import annotations

from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.connectors.web import documents, messages, page, workers
from bot.connectors.web.language import choose_language
from bot.connectors.web.refusal import Refusal, from_parley
from bot.connectors.web.security import Hosts, Wall
from bot.connectors.web.visit import Site
from bot.errors import ParleyError
from storage import StorageError

HERE = "/api/conversations/{conversation}"
MESSAGE = HERE + "/messages/{key:path}"
FOR_EVER = "public, max-age=31536000, immutable"


def build_app(site: Site, hosts: Hosts) -> Starlette:
    """The application. Every address is relative to the page's own, so it works under any path of a proxy."""
    app = Starlette(
        routes=[
            Route("/", page.get_page),
            Route("/healthz", page.get_health),
            Route("/readyz", page.get_readiness),
            Route("/worker", workers.get_workers_page),
            Route("/api/workers", workers.get_workers),
            *_metrics(site),
            Route("/api/conversations", messages.list_conversations),
            Route(HERE + "/messages", messages.list_messages, methods=["GET"]),
            Route(HERE + "/messages", messages.post_message, methods=["POST"]),
            Route(HERE + "/events", messages.get_events),
            Route(MESSAGE + "/feedback", messages.put_feedback, methods=["PUT"]),
            Route(MESSAGE + "/attachments/{attachment}", messages.get_attachment),
            Route(MESSAGE, messages.edit_message, methods=["PATCH"]),
            Route(MESSAGE, messages.delete_message, methods=["DELETE"]),
            Route("/api/documents", documents.list_documents, methods=["GET"]),
            Route("/api/documents", documents.post_document, methods=["POST"]),
            Route("/api/documents/{document:int}", documents.delete_document, methods=["DELETE"]),
            Mount("/static/{version}", _Static(directory=str(files(__package__).joinpath("static")))),
        ],
        middleware=[Middleware(Wall, hosts=hosts)],
        exception_handlers={
            Refusal: _refuse,
            ParleyError: _refuse_parley,
            StorageError: _refuse_storage,
            HTTPException: _refuse_http,
        },
    )
    app.router.redirect_slashes = False
    app.state.site = site
    return app


def _metrics(site: Site) -> list[Route]:
    if not site.has_metrics:
        return []
    from bot.connectors.web.metrics import get_metrics

    return [Route("/metrics", get_metrics)]


class _Static(StaticFiles):
    """The style and the script: their address changes when they do."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = FOR_EVER
        return response


def _answer(request: Request, refusal: Refusal) -> Response:
    sentence = refusal.explain(choose_language(request))
    headers = {"retry-after": "2"} if refusal.status == 503 else None
    return JSONResponse({"error": sentence, "code": refusal.code}, refusal.status, headers)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class
    return _answer(request, error)


async def _refuse_parley(request: Request, error: Exception) -> Response:
    assert isinstance(error, ParleyError)  # noqa: S101 - registered for this class
    return _answer(request, from_parley(error))


async def _refuse_storage(request: Request, _: Exception) -> Response:
    return _answer(request, Refusal(503, "storage"))


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = {404: "no_page", 405: "no_method"}.get(error.status_code, "malformed")
    return _answer(request, Refusal(error.status_code, code))
