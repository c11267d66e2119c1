"""The web chat as a way in: serves the page and wakes the pages that wait for an answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn

from bot.app import Bot
from bot.connector import Connector, Outgoing
from bot.connectors.web.operator import Operators
from bot.connectors.web.routes import build_app
from bot.connectors.web.security import Hosts, is_loopback
from bot.connectors.web.sessions import Sessions, load_key
from bot.connectors.web.streams import Streams
from bot.connectors.web.visit import PLATFORM, Site
from bot.errors import BadSettings
from bot.message import Message
from bot.settings import Settings, WebSettings

log = logging.getLogger(__name__)

KEY_FILE = "web.key"
BACKLOG = 512
GRACE_SECONDS = 2


class WebConnector(Connector):
    """The chat page. Sending wakes the open pages: what they show comes from the history, so once."""

    platform = PLATFORM
    delivers_once = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.web
        self._key_file = settings.data_dir / KEY_FILE
        self._streams = Streams()
        self._listening = asyncio.Event()
        self._port = settings.web.port

    @property
    def address(self) -> str:
        """Where the page is reached from this machine, as a URL."""
        host = self._settings.host
        host = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host  # noqa: S104 - compared only
        return f"http://[{host}]:{self._port}/" if ":" in host else f"http://{host}:{self._port}/"

    async def started(self) -> None:
        """Wait until the page is served."""
        await self._listening.wait()

    async def run(self, bot: Bot) -> None:
        """Serve until cancelled. Raises BadSettings when the address or the port cannot be had."""
        key = await asyncio.to_thread(load_key, self._key_file)
        opened = _listen(self._settings.host, self._settings.port)
        self._port = opened.getsockname()[1]
        site = Site(
            bot=bot,
            sessions=Sessions(key),
            streams=self._streams,
            title=self._settings.title,
            shared=_shares(self._settings),
            local=is_loopback(self._settings.host),
            operators=Operators(self._settings.operators),
            has_metrics=self._settings.metrics,
        )
        server = _Server(
            _configure(build_app(site, Hosts(self._settings.host, self._settings.allowed_hosts)))
        )
        serving = asyncio.create_task(server.serve(sockets=[opened]))
        self._listening.set()
        try:
            await asyncio.shield(serving)
        finally:
            self._listening.clear()
            self._streams.close()
            server.should_exit = True
            await serving

    async def send(self, outgoing: Outgoing) -> str:
        """Wake the pages that show the conversation; the part is in its history already."""
        self._streams.wake(outgoing.message.channel.conversation, ended=True)
        return outgoing.key

    async def show_typing(self, message: Message) -> None:
        """Show the typing sign."""
        self._streams.show(message.channel.conversation, message.key)

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Show the answer so far."""
        self._streams.show(message.channel.conversation, message.key, text)


class _Server(uvicorn.Server):
    """A server inside someone else's process: signals are not its business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configure(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _shares(settings: WebSettings) -> bool | None:
    if settings.uploads == "off":
        return None
    return settings.uploads == "shared" or (settings.uploads == "auto" and is_loopback(settings.host))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _open_socket(socket.socket(family, kind, protocol), address)
    except OSError as error:
        raise BadSettings(
            f"The page cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Set PARLEY_WEB__PORT to a free port, or PARLEY_WEB__HOST to an address of this machine."
        ) from None


def _open_socket(opened: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
