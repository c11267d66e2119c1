"""One person who talks to the real bot: by lines in the terminal, or on the chat page."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx2

from bot.app import Bot
from bot.assembly import open_bot
from bot.connectors.web import WebConnector
from bot.settings import EndpointSettings, LimitSettings, Settings, WebSettings, WorkerSettings
from bot.testing.endpoint import FakeEndpoint
from storage import InboxState

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()"]
SECONDS = 120.0
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)


class Person(Protocol):
    """Says one thing after another and hears each answer."""

    async def say(self, *lines: str) -> list[str]:
        """The answers, in order, all in one conversation that goes on with the next call."""


@dataclass
class AtTerminal:
    """`parley chat --json` in a process of its own for every call."""

    folder: Path
    environment: dict[str, str]

    async def say(self, *lines: str) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *PARLEY,
            *("chat", "--json", "--conversation", "mine", "--data-dir", str(self.folder / "data")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env=os.environ | self.environment,
        )
        async with asyncio.timeout(SECONDS):
            told, complaint = await process.communicate("".join(f"{line}\n" for line in lines).encode())
        assert process.returncode == 0, complaint.decode()
        return [json.loads(line)["text"] for line in told.decode().splitlines()]


@dataclass
class OnPage:
    """A visitor of the page, by what the page's script sends and is shown."""

    bot: Bot
    client: httpx2.AsyncClient
    conversation: str

    async def say(self, *lines: str) -> list[str]:
        return [(await self.post(line))[0] for line in lines]

    async def post(self, text: str, files: Sequence[tuple[str, bytes]] = ()) -> tuple[str, dict[str, Any]]:
        """The text and the whole of the answer to a message, sent with files."""
        address = f"api/conversations/{self.conversation}/messages"
        given = {"key": secrets.token_hex(16), "text": text}
        if files:
            sent = await self.client.post(
                address, data=given, files=[("files", (name, content)) for name, content in files]
            )
        else:
            sent = await self.client.post(address, json=given)
        assert sent.status_code == 202, sent.text
        key = sent.json()["key"]
        async with asyncio.timeout(SECONDS):
            while await self.bot.store.inbox.state(key) in UNFINISHED or self.bot.delivery.busy:
                await asyncio.sleep(0.01)
        shown = (await self.client.get(address)).json()["messages"][-1]
        assert shown["by_bot"], f"{text!r} was not answered"
        return _plain(shown["html"]), shown

    async def download(self, shown: dict[str, Any]) -> bytes:
        """The file below an answer."""
        address = re.search(r'href="(api/conversations/[^"]+/attachments/[^"]+)"', shown["html"])
        assert address is not None
        return (await self.client.get(html.unescape(address[1]))).content

    async def rate(self, shown: dict[str, Any], value: int) -> None:
        """A thumb under an answer."""
        place = f"api/conversations/{self.conversation}/messages/{quote(shown['key'], safe='')}/feedback"
        assert (await self.client.put(place, json={"value": value})).status_code == 200


def terminal(folder: Path, server: FakeEndpoint | None = None, *, worker: bool = False) -> AtTerminal:
    """A person at the terminal of a machine whose bot knows this server, if any."""
    environment = {"PARLEY_WORKER__ENABLED": str(worker).lower(), "OMP_NUM_THREADS": "1"}
    if server is not None:
        environment |= {"PARLEY_ENDPOINT__URL": server.url, "PARLEY_ENDPOINT__MODEL": "tiny"}
    return AtTerminal(folder, environment)


@asynccontextmanager
async def page(
    folder: Path, server: FakeEndpoint | None = None, *, worker: bool = False
) -> AsyncIterator[OnPage]:
    """A visitor of the page of a bot that knows this server, if any; with `worker` it has its models."""
    settings = Settings(
        data_dir=folder,
        web=WebSettings(port=0),
        worker=WorkerSettings(enabled=worker, threads=1),
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        endpoint=EndpointSettings(url=server.url, model="tiny") if server else EndpointSettings(),
    )
    connector = WebConnector(settings)
    async with open_bot(settings, [connector]) as bot:
        running = asyncio.create_task(bot.run())
        try:
            await connector.started()
            async with httpx2.AsyncClient(base_url=connector.address, timeout=SECONDS) as client:
                assert (await client.get("")).status_code == 200
                yield OnPage(bot, client, secrets.token_hex(16))
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def _plain(shown: str) -> str:
    """The text of an answer as a person reads it, a line for each block."""
    body = re.search(r'<div class="body">(.*?)</div>\n', shown, re.DOTALL)
    assert body is not None
    blocks = re.sub(r"</(p|li|h\d|blockquote|pre)>|<br/?>", "\n", body[1])
    lines = (" ".join(line.split()) for line in html.unescape(re.sub(r"<[^>]+>", "", blocks)).splitlines())
    return "\n".join(line for line in lines if line)
