"""One request to the REST API: what was asked, and the ways it is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from bot.testing.discord.state import Channel, File, Json, Post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.testing.discord.interactions import Interactions
    from bot.testing.discord.world import World

    Endpoint = Callable[["Call"], Awaitable[tuple[int, Any]]]

NO_CONTENT: tuple[int, None] = (204, None)


class Denied(Exception):
    """An answer of 4xx with Discord's own error code."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"message": message, "code": code} | ({"errors": errors} if errors else {})


def invalid(field_name: str, code: str, message: str) -> Denied:
    """400 for one field of a form."""
    errors = {field_name: {"_errors": [{"code": code, "message": message}]}}
    return Denied(400, 50035, "Invalid Form Body", errors)


@dataclass(slots=True)
class Call:
    """A request with its body read."""

    world: World
    interactions: Interactions
    path: dict[str, str]
    query: dict[str, str]
    body: Any = None
    files: dict[str, File] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """An id in the path. Raises Denied when it is none."""
        if not self.path[name].isdigit():
            raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{self.path[name]}" is not snowflake.')
        return int(self.path[name])

    @property
    def channel(self) -> Channel:
        """The channel in the path."""
        channel = self.world.state.channels.get(self.number("channel_id"))
        if channel is None:
            raise Denied(404, 10003, "Unknown Channel")
        if channel.refuses == 50001:
            raise Denied(403, 50001, "Missing Access")
        return channel

    @property
    def post(self) -> Post:
        """The message in the path, in its channel."""
        post = self.channel.posts.get(self.number("message_id"))
        if post is None:
            raise Denied(404, 10008, "Unknown Message")
        return post


async def read_body(request: web.Request, snowflake: Callable[[], int]) -> tuple[Any, dict[str, File]]:
    """A request's JSON, and the files that came with it by their field."""
    if request.content_type == "multipart/form-data":
        return await _read_parts(request, snowflake)
    raw = await request.read()
    if not raw:
        return None, {}
    try:
        return json.loads(raw), {}
    except ValueError:
        raise Denied(400, 50109, "The request body contains invalid JSON.") from None


async def _read_parts(request: web.Request, snowflake: Callable[[], int]) -> tuple[Any, dict[str, File]]:
    body: Any = {}
    files: dict[str, File] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise Denied(400, 50035, "Invalid Form Body")
        content = bytes(await part.read(decode=True))
        if part.name == "payload_json":
            body = json.loads(content)
        elif part.name:
            media_type = part.headers.get("Content-Type", "application/octet-stream")
            files[part.name] = File(snowflake(), part.filename or part.name, content, media_type)
    return body, files
