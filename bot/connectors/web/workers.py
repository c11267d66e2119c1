"""The operator's live page of the model workers, and what it shows."""

from __future__ import annotations

from dataclasses import asdict
from math import isinf
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bot.connectors.web.language import Strings, choose_language
from bot.connectors.web.page import theme_of
from bot.connectors.web.view import show_page
from bot.connectors.web.visit import Site
from bot.report import WorkerReport

PREFIX = "worker."


async def get_workers_page(request: Request) -> Response:
    """GET /worker: the queues of the models, kept current by its script."""
    site: Site = request.app.state.site
    site.operators.check(request)
    strings = choose_language(request)
    return HTMLResponse(
        show_page(
            "worker.html",
            strings,
            title=site.title,
            theme=theme_of(request),
            script={"strings": _words(strings), "language": strings.code},
        )
    )


async def get_workers(request: Request) -> Response:
    """GET api/workers: how every worker is now."""
    site: Site = request.app.state.site
    site.operators.check(request)
    return JSONResponse({"workers": [_shown(each) for each in site.bot.models.workers()]})


def _words(strings: Strings) -> dict[str, str]:
    sentences = strings.sentences.items()
    return {name.removeprefix(PREFIX): text for name, text in sentences if name.startswith(PREFIX)}


def _shown(report: WorkerReport) -> dict[str, Any]:
    """The report as JSON can say it: no bound is null."""
    shown = asdict(report)
    for role in shown["roles"]:
        role["waits"] = [[None if isinf(bound) else bound, count] for bound, count in role["waits"]]
    return shown
