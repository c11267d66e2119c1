"""files.*: sharing in three steps, looking up, and the host that keeps the content."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from aiohttp import web

from bot.testing.slack.bodies import file_body, pick
from bot.testing.slack.chat import Written, own, writable
from bot.testing.slack.faults import Faults
from bot.testing.slack.markup import pings
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, StoredFile
from bot.testing.slack.web_api import ApiError, Call, method

COMPLETED_KEYS = (
    "id", "title", "created", "timestamp", "name", "mimetype", "filetype", "pretty_type", "user", "editable",
    "size", "mode", "is_external", "external_type", "is_public", "public_url_shared", "display_as_bot",
    "username", "url_private", "url_private_download", "permalink", "has_rich_preview",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Download:
    """One request for a file's content: at which host, and whether a token came with it."""

    host: str
    path: str
    authorized: bool


@method("files.getUploadURLExternal", "files:write", per_minute=100)
def upload_address(slack: People, call: Call) -> Json:
    """Step one: where to send the content."""
    name, length = call.text("filename"), call.number("length", 0)
    if length <= 0:
        raise ApiError("invalid_arguments", "length must be greater than 0")
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    file = slack.store_file(call.workspace.bot_user_id, name, b"", mimetype)
    file.complete = False
    return {"upload_url": f"{slack.origin}/upload/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", "files:write", per_minute=100)
def complete_upload(slack: People, call: Call) -> Json:
    """Step three: share what was sent, as one message in each channel."""
    files = [_sent(slack, each) for each in call.structure("files") or []]
    if not files:
        raise ApiError("invalid_arguments", "files must not be empty")
    channels = call.optional("channels") or call.optional("channel_id")
    comment = call.optional("initial_comment") or ""
    for channel in channels.split(",") if channels else []:
        call.arguments["channel"] = channel
        place = writable(call)
        message = own(call, place, Written(comment, [], [], None, pings(comment, [])))
        message.files = files
        place.keep(message)
        slack.emit_message(message)
        for file in files:
            file.shares[channel] = message.ts
    bodies = [file_body(slack, file) for file in files]
    return {"files": [pick(body, COMPLETED_KEYS) for body in bodies]}


@method("files.info", "files:read", per_minute=100)
def file_info(slack: People, call: Call) -> Json:
    """One file."""
    file = slack.files.get(call.text("file"))
    if file is None or not file.complete:
        raise ApiError("file_not_found")
    return {"file": file_body(slack, file) | {"shares": _shares(slack, file), "channels": list(file.shares)}}


def _shares(slack: People, file: StoredFile) -> Json:
    """Where the file was shared: {"public" or "private": {channel: [its messages]}}."""
    shares: Json = {}
    for channel, ts in file.shares.items():
        place = slack.places[channel]
        kind = "public" if place.kind == "channel" else "private"
        told = {"ts": ts, "channel_name": place.name, "team_id": place.workspace.team_id}
        shares.setdefault(kind, {})[channel] = [told | {"reply_users": [], "reply_count": 0}]
    return shares


def _sent(slack: People, named: Json) -> StoredFile:
    file = slack.files.get(str(named.get("id")))
    if file is None or not file.content:
        raise ApiError("file_not_found")
    file.complete = True
    file.title = str(named.get("title") or file.name)
    return file


class FilesHost:
    """Takes uploads and gives contents to those who bear a token; `downloads` tells who asked."""

    def __init__(self, slack: People, faults: Faults) -> None:
        self.downloads: list[Download] = []
        self.redirect_to: str | None = None
        self._slack = slack
        self._faults = faults

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Step two: the content itself, as the body or as a form."""
        planned = await self._faults.next("upload")
        if planned is not None and not planned.accepted:
            return planned.respond(request)
        file = self._slack.files.get(request.match_info["file"])
        if file is None:
            raise web.HTTPNotFound
        if request.content_type.startswith("multipart/"):
            parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
            file.content = parts[0].file.read() if parts else b""
        else:
            file.content = await request.read()
        return web.Response(text=f"OK - {len(file.content)}") if planned is None else planned.respond(request)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file's content; without a good token Slack leads to its sign-in page instead."""
        self._record(request)
        planned = await self._faults.next("download")
        if planned is not None:
            return planned.respond(request)
        file = self._slack.files.get(request.match_info["file"])
        if file is None:
            raise web.HTTPNotFound
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in {each.bot_token for each in self._slack.workspaces.values()}:
            raise web.HTTPFound("/signin")
        if self.redirect_to:
            raise web.HTTPFound(self.redirect_to)
        return web.Response(body=file.content, headers={"Content-Type": file.mimetype})

    async def sign_in(self, _request: web.Request) -> web.StreamResponse:
        """The page that people without a session get instead of a file."""
        return web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html")

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        """A host that is not Slack's: it gives anyone something, and remembers what they sent."""
        self._record(request)
        return web.Response(body=b"from elsewhere", content_type="application/octet-stream")

    def _record(self, request: web.Request) -> None:
        self.downloads.append(Download(request.host, request.path, "Authorization" in request.headers))
