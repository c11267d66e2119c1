"""Let visitors add documents to what may be asked about, see them, and take their own away."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.connectors.web.messages import file_name
from bot.connectors.web.refusal import Refusal
from bot.connectors.web.visit import READ_SECONDS, Visit, limited, visit
from storage import Document

SLACK = 64 * 1024
MEBIBYTE = 1024 * 1024


async def list_documents(request: Request) -> Response:
    """GET documents: the shared ones and the visitor's own."""
    here = visit(request)
    return JSONResponse({"documents": [_shown(here, each) for each in await _readable(here)]})


async def post_document(request: Request) -> Response:
    """POST a document: ready to be asked about when this is answered."""
    here = visit(request)
    if here.site.shared is None:
        raise Refusal(403, "no_uploads")
    name, content = await _read_file(here)
    scope = "" if here.site.shared else here.scope
    document = await here.site.bot.library.add_file(name, content, scope=scope)
    return JSONResponse(_shown(here, document), 201)


async def delete_document(request: Request) -> Response:
    """DELETE a document the visitor may remove."""
    here = visit(request)
    wanted = request.path_params["document"]
    found = next((each for each in await _readable(here) if each.id == wanted), None)
    if found is None:
        raise Refusal(404, "no_document")
    if not _may_remove(here, found):
        raise Refusal(403, "not_yours")
    await here.site.bot.library.remove(found.id)
    return JSONResponse({"id": found.id})


async def _readable(here: Visit) -> list[Document]:
    return list(await here.site.bot.library.documents(("", here.scope)))


def _shown(here: Visit, document: Document) -> dict[str, Any]:
    result = "document_ready_one" if document.passages == 1 else "document_ready"
    return {
        "id": document.id,
        "name": document.title,
        "passages": document.passages,
        "shared": not document.scope,
        "removable": _may_remove(here, document),
        "result": here.strings.say(result, name=document.title, count=document.passages),
    }


def _may_remove(here: Visit, document: Document) -> bool:
    """Of those they can read: private ones, and shared ones where the page is open to this machine alone."""
    return bool(document.scope) or (here.site.local and here.site.shared is True)


async def _read_file(here: Visit) -> tuple[str, bytes]:
    megabytes = here.site.bot.settings.knowledge.document_mb
    refusal = Refusal(413, "large_file", limit=megabytes)
    request = limited(here.request, megabytes * MEBIBYTE + SLACK, refusal)
    try:
        async with asyncio.timeout(READ_SECONDS), request.form(max_files=1, max_fields=1) as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise Refusal(400, "malformed")
            content = await upload.read()
    except TimeoutError:
        raise Refusal(408, "slow") from None
    except (HTTPException, ValueError):
        raise Refusal(400, "malformed") from None
    if len(content) > megabytes * MEBIBYTE:
        raise refusal
    return file_name(upload.filename or ""), content
