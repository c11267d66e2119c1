"""Take a visitor's messages, changes and thumbs, and give them their conversation."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.connectors.web.controls import read_call
from bot.connectors.web.refusal import Refusal
from bot.connectors.web.view import show_conversation, show_draft, show_message
from bot.connectors.web.visit import PLATFORM, READ_SECONDS, Visit, limited, read_json, visit
from bot.message import Attachment, Author, Call, Channel, EventKind, Message, clean_text, now
from storage import Feedback, HistoryMessage, InboxState, NewAttachment, Role, StorageError

log = logging.getLogger(__name__)

KEY = re.compile(r"[0-9a-zA-Z-]{8,64}")
PAGE = 50
FILES = 10
STREAMS = 20
BIGGEST = 2**62
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)
ESCAPED = 6  # bytes a character may take in JSON
SLACK = 64 * 1024


async def list_conversations(request: Request) -> Response:
    """GET conversations: the visitor's own, newest first."""
    here = visit(request)
    found = await here.site.bot.store.history.conversations(PLATFORM, here.visitor)
    return JSONResponse({"conversations": [show_conversation(each, here.strings) for each in found]})


async def list_messages(request: Request) -> Response:
    """GET messages: the last ones, or those before `?before=ID`, oldest first."""
    here = visit(request)
    await here.own()
    before = _number(request.query_params.get("before"), None)
    return JSONResponse(await message_page(here, here.key(), before))


async def message_page(here: Visit, key: str, before: int | None = None) -> dict[str, Any]:
    """Up to 50 messages of a conversation as the page shows them, and whether there are earlier ones."""
    history = here.site.bot.store.history
    found = await history.recent(key, limit=PAGE + 1, before_id=before)
    return {"messages": await _shown(here, found[-PAGE:]), "more": len(found) > PAGE}


async def post_message(request: Request) -> Response:
    """POST messages: durable before it is answered; the same key again changes nothing."""
    here = visit(request)
    fields, files = await _read_message(here)
    key, text = fields.get("key"), fields.get("text")
    if not isinstance(key, str) or not KEY.fullmatch(key) or not isinstance(text, str):
        raise Refusal(400, "malformed")
    message = _message(here, f"{here.key()}:{key}", text, files=files, call=_call(here, fields, text))
    duplicate = await _accept(here, message, files)
    return JSONResponse({"key": message.key, "duplicate": duplicate}, 200 if duplicate else 202)


async def edit_message(request: Request) -> Response:
    """PATCH a message: its new text, under an `edit` key of its own."""
    here = visit(request)
    target = await _own_message(here)
    fields = await read_json(_limited_message(here, request))
    edit, text = fields.get("edit"), fields.get("text")
    if not isinstance(edit, str) or not KEY.fullmatch(edit) or not isinstance(text, str):
        raise Refusal(400, "malformed")
    message = _message(here, f"{target.key}:edit:{edit}", text, kind=EventKind.EDITED, target=target.key)
    await _accept(here, message)
    return JSONResponse({"key": target.key}, 202)


async def delete_message(request: Request) -> Response:
    """DELETE a message. Doing it twice is doing it once."""
    here = visit(request)
    target = await _own_message(here)
    message = _message(here, f"{target.key}:delete", "", kind=EventKind.DELETED, target=target.key)
    await _accept(here, message)
    here.site.streams.wake(here.key(), ended=True)
    return JSONResponse({"key": target.key}, 202)


async def put_feedback(request: Request) -> Response:
    """PUT feedback on a bot's message: 1, -1, or 0 to take it back."""
    here = visit(request)
    target = await _message_here(here)
    value = (await read_json(limited(request, SLACK, Refusal(413, "malformed")))).get("value")
    if target.role is not Role.BOT or value not in (-1, 0, 1) or isinstance(value, bool | float):
        raise Refusal(400, "malformed")
    await here.site.bot.store.feedback.put(Feedback(target.key, here.visitor, value))
    return JSONResponse({"value": value})


async def get_attachment(request: Request) -> Response:
    """GET a file that came with a message: always as a download, never to be shown in place."""
    here = visit(request)
    target = await _message_here(here)
    wanted = request.path_params["attachment"]
    if target.deleted or wanted not in {each[0] for each in target.attachments}:
        raise Refusal(404, "no_file")
    found = await here.site.bot.store.history.attachment(wanted)
    if found is None:
        raise Refusal(404, "no_file")
    name, _, content = found
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def get_events(request: Request) -> Response:
    """GET events: what is above Last-Event-ID (or `?after=REVISION`), then everything as it happens."""
    here = visit(request)
    mine = await here.own() is not None
    streams, key, history = here.site.streams, here.key(), here.site.bot.store.history
    if streams.count(here.visitor) >= STREAMS:
        raise Refusal(429, "too_many_pages")
    after = _number(request.headers.get("last-event-id") or request.query_params.get("after"), 0) or 0

    async def missed(revision: int, limit: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        nonlocal mine  # the stream may be older than the conversation, and then someone else's
        mine = mine or await here.own() is not None
        found = await history.since(key, revision, limit)
        return [(message["revision"], message) for message in await _shown(here, found)]

    async def working(message: str) -> bool:
        return await here.site.bot.store.inbox.state(message) in UNFINISHED

    def shown(draft: str) -> str:
        return show_draft(draft, here.strings)

    async def events() -> AsyncIterator[str]:
        try:
            with streams.open(key, here.visitor) as stream:
                async for event in streams.events(stream, after, missed, working, shown):
                    yield event
        except (Refusal, StorageError) as error:
            log.warning("an event stream ended: %s", type(error).__name__)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


async def _accept(here: Visit, message: Message, files: Sequence[NewAttachment] = ()) -> bool:
    """Hand the event to the core and wake the pages that show its conversation; whether it was known."""
    if await here.own() is None:
        async with here.site.opening:  # two visitors must not open the same conversation
            await here.own()
            accepted = await here.site.bot.accept(message, files)
    else:
        accepted = await here.site.bot.accept(message, files)
    here.site.streams.wake(message.channel.conversation)
    return accepted.duplicate


async def _shown(here: Visit, messages: Sequence[HistoryMessage]) -> list[dict[str, Any]]:
    answers = [each.key for each in messages if each.role is Role.BOT]
    thumbs = await here.site.bot.store.feedback.given(here.visitor, answers)
    return [show_message(each, here, thumbs.get(each.key, 0)) for each in messages]


async def _message_here(here: Visit) -> HistoryMessage:
    if await here.own() is None:
        raise Refusal(404, "no_message")
    found = await here.site.bot.store.history.message(clean_text(here.request.path_params["key"]))
    if found is None or found.conversation != here.key():
        raise Refusal(404, "no_message")
    return found


async def _own_message(here: Visit) -> HistoryMessage:
    found = await _message_here(here)
    if found.role is not Role.PERSON or found.author != here.visitor:
        raise Refusal(403, "not_yours")
    return found


def _message(
    here: Visit,
    key: str,
    text: str,
    *,
    kind: EventKind = EventKind.CREATED,
    target: str | None = None,
    files: Sequence[NewAttachment] = (),
    call: Call | None = None,
) -> Message:
    channel = Channel(PLATFORM, here.request.path_params["conversation"], is_direct=True)
    return Message(
        key=key,
        channel=channel,
        author=Author(here.visitor),
        text=text,
        sent_at=now(),
        kind=kind,
        target=target,
        attachments=tuple(
            Attachment(each.id, each.name, each.media_type, len(each.content)) for each in files
        ),
        language=here.strings.code,
        call=call,
    )


def _call(here: Visit, fields: Mapping[str, Any], text: str) -> Call | None:
    """What a form was filled in with, where the text alone would be read otherwise."""
    call = read_call(fields.get("call"), limit=here.site.bot.settings.limits.message_kb)
    typed = here.site.bot.offers.call(text, here.key()) if call else None
    if call is None or typed is None:
        return call
    same = (call.skill, dict(call.arguments)) == (typed.skill, dict(typed.arguments))
    return None if same else call


def _limited_message(here: Visit, request: Request) -> Request:
    limit = here.site.bot.settings.limits.message_kb
    return limited(request, limit * 1024 * ESCAPED + SLACK, Refusal(413, "long_message", limit=limit))


async def _read_message(here: Visit) -> tuple[Mapping[str, Any], list[NewAttachment]]:
    if not here.request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await read_json(_limited_message(here, here.request)), []
    limits = here.site.bot.settings.limits
    largest = limits.attachment_mb * 1024 * 1024
    refusal = Refusal(413, "large_file", limit=limits.attachment_mb)
    request = limited(here.request, largest * 2 + SLACK, refusal)
    try:
        async with (
            asyncio.timeout(READ_SECONDS),
            request.form(max_files=FILES, max_fields=FILES, max_part_size=largest) as form,
        ):
            files = [
                await _attachment(each, largest, refusal)
                for each in form.getlist("files")
                if isinstance(each, UploadFile)
            ]
            return {name: value for name, value in form.items() if isinstance(value, str)}, files
    except TimeoutError:
        raise Refusal(408, "slow") from None
    except (HTTPException, ValueError):
        raise Refusal(400, "malformed") from None


async def _attachment(upload: UploadFile, largest: int, refusal: Refusal) -> NewAttachment:
    content = await upload.read()
    if len(content) > largest:
        raise refusal
    name = file_name(upload.filename or "")
    return NewAttachment(secrets.token_hex(16), name, mimetypes.guess_type(name)[0] or "", content)


def file_name(given: str) -> str:
    """The last part of what a browser called a file, without anything that is not text."""
    name = clean_text(given).replace("\\", "/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() else "_" for letter in name).strip()[:200] or "file"


def _number(text: str | None, default: int | None) -> int | None:
    if text is None or not re.fullmatch(r"[0-9]{1,19}", text):
        return default
    return min(int(text), BIGGEST)
