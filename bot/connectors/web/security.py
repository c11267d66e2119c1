"""The wall around the page: hosts, origins, headers, and errors that tell nothing to strangers."""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.connectors.web.refusal import Refusal, plain_refusal

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared only
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Hosts:
    """The names this page may be reached by, so that no foreign domain can be pointed at it (DNS rebinding).

    Loopback names, the address listened on and `allowed` always pass. When listening everywhere without
    `allowed`, plain IP addresses and this machine's own name pass too: neither can be rebound.
    """

    def __init__(self, listened: str, allowed: Sequence[str]) -> None:
        names = {name.casefold().strip("[]") for name in (*allowed, listened) if name}
        self._names = names | LOOPBACK_NAMES
        self._open = listened in EVERYWHERE and not allowed
        if self._open:
            own = socket.gethostname().casefold()
            self._names |= {own, f"{own}.local", socket.getfqdn().casefold()}

    def allow(self, host: str) -> bool:
        """Whether a Host header's value, with or without a port, names this page."""
        name = host_name(host)
        return name in self._names or (self._open and _is_address(name))


class Wall:
    """ASGI middleware: refuses foreign hosts and origins, adds the headers, ends every error politely."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        guarded = _Guarded(send)
        try:
            self._check(scope, Headers(scope=scope))
            await self._app(scope, receive, guarded)
        except Refusal as refusal:
            if not guarded.started:
                await plain_refusal(scope, refusal)(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - the wall: strangers learn a number alone
            await self._fail(scope, receive, guarded, error)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._hosts.allow(host):
            raise Refusal(421, "foreign_host", host=host[:80])
        if scope["method"] in SAFE_METHODS:
            return
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site is not None and site not in OWN_SITES:
            raise Refusal(403, "foreign_origin")
        if origin is not None and not self._is_own(origin, host):
            raise Refusal(403, "foreign_origin")

    def _is_own(self, origin: str, host: str) -> bool:
        """The same host and port; behind a proxy that changes ports the same name, unless it is loopback."""
        place = urlsplit(origin).netloc.casefold()
        if place == host.casefold():
            return True
        return bool(place) and host_name(place) == host_name(host) and host_name(place) not in LOOPBACK_NAMES

    async def _fail(self, scope: Scope, receive: Receive, send: _Guarded, error: Exception) -> None:
        number = secrets.token_hex(4)
        log.error("web request failed: id=%s path=%s", number, scope["path"][:200], exc_info=error)
        if not send.started:
            await plain_refusal(scope, Refusal(500, "unexpected", number=number))(scope, receive, send)


class _Guarded:
    """`send` with the security headers, remembering whether a response began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await self._send(message)


def host_name(host: str) -> str:
    """The name in a Host header, without port, brackets or a last dot."""
    name = host.casefold().rpartition(":")[0] if _has_port(host) else host.casefold()
    return name.strip("[]").removesuffix(".")


def is_loopback(host: str) -> bool:
    """Whether listening on `host` is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def _has_port(host: str) -> bool:
    _, colon, port = host.rpartition(":")
    return bool(colon) and port.isdigit() and (host.count(":") == 1 or "]:" in host)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
