"""Files that stay on Slack: fetched when a skill reads them, with the token going to Slack alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.connectors.slack.workspaces import Workspace, Workspaces
from bot.errors import BadInput, ParleyError, TooLarge
from bot.message import Attachment

log = logging.getLogger(__name__)

FETCH_SECONDS = 20.0
LOOK_UP_SECONDS = 1.0
CHUNK = 64 * 1024
SLACK = "slack.com"


class Files:
    """Reads files by the workspace's token. `api_url` says which hosts are Slack's own."""

    def __init__(self, workspaces: Workspaces, session: aiohttp.ClientSession, api_url: str) -> None:
        self._workspaces = workspaces
        self._session = session
        self._origins = origins_of(api_url)

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        """The bytes of a file. Raises TooLarge over `limit`, BadInput when it may not or cannot be read."""
        team, _, identity = attachment.source.partition(".")
        gone = BadInput(f"The file {attachment.name!r} is not there any more.")
        workspace = self._workspaces.get(team)
        if workspace is None:
            raise gone
        try:
            file = (await workspace.api.call("files.info", file=identity)).get("file") or {}
        except ParleyError as error:
            log.info("file %s: %s", identity, error)
            raise gone from None
        address = self._allowed(file, attachment.name)
        if int(file.get("size") or 0) > limit:
            raise _too_large(attachment.name, limit)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._read(address, workspace.token, attachment.name, limit)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.info("file %s was not read: %s", identity, type(error).__name__)
            raise BadInput(f"The file {attachment.name!r} cannot be read now. Try again later.") from None

    def _allowed(self, file: Mapping[str, Any], name: str) -> str:
        """The address to read from. A file that lies elsewhere would be given the token."""
        address = str(file.get("url_private_download") or file.get("url_private") or "")
        if file.get("mode") == "external" or file.get("is_external") or not self._is_slacks(address):
            raise BadInput(f"The file {name!r} does not lie on Slack, so it is not read.")
        return address

    def _is_slacks(self, address: str) -> bool:
        parts = urlsplit(address)
        return (parts.scheme, parts.netloc) in self._origins

    async def _read(self, address: str, token: str, name: str, limit: int) -> bytes:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(address, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                log.warning("a file was answered with %d: is the scope files:read there?", response.status)
                raise BadInput(f"The file {name!r} may not be read.")
            content = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK):
                content += chunk
                if len(content) > limit:
                    raise _too_large(name, limit)
            return bytes(content)


def origins_of(api_url: str) -> frozenset[tuple[str, str]]:
    """Scheme and host of the file servers that belong to an API: a test server's files lie on itself."""
    parts = urlsplit(api_url)
    files = ("https", f"files.{(parts.hostname or SLACK).removeprefix('www.')}")
    local = parts.scheme == "http" or parts.port is not None
    return frozenset({files, (parts.scheme, parts.netloc)} if local else {files})


async def looked_up(said: Mapping[str, Any], workspace: Workspace) -> Mapping[str, Any]:
    """A message whose files tell what they are; in shared channels they have to be asked for."""
    files = said.get("files") or []
    if not any(each.get("file_access") == "check_file_info" for each in files):
        return said
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            found = await asyncio.gather(*(_told(each, workspace) for each in files))
    except TimeoutError:
        return said
    return {**said, "files": found}


async def _told(file: Mapping[str, Any], workspace: Workspace) -> Mapping[str, Any]:
    if file.get("file_access") != "check_file_info":
        return file
    try:
        return (await workspace.api.call("files.info", file=file["id"])).get("file") or file
    except ParleyError as error:
        log.info("file %s: %s", file.get("id"), error)
        return file


def _too_large(name: str, limit: int) -> TooLarge:
    return TooLarge(f"The file {name!r} is larger than {limit // (1024 * 1024)} MiB.")
