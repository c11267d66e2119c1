"""Whether an address of this machine can be listened on."""

from __future__ import annotations

import errno
import socket

TAKEN = "something listens there"


def why_not(host: str, port: int) -> str:
    """Why nothing can listen there now, `TAKEN` when something else does; empty when it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            tried.listen(1)
    except OSError as error:
        return TAKEN if error.errno == errno.EADDRINUSE else str(error.strerror or error)
    return ""


def reached_at(host: str) -> str:
    """The address at which this machine reaches what listens on `host`, fit for a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared only
    return f"[{host}]" if ":" in host else host
