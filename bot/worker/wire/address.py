"""Where bot and worker meet: a private unix-domain socket, or loopback TCP where there is none.

An address is written `unix:PATH` or `tcp:HOST:PORT`, an IPv6 host in brackets. Whoever connects has to
show the key.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from bot.errors import BadInput

Conversation: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LONGEST_PATH = 100
LOOPBACK = "tcp:127.0.0.1:0"
LAST_PORT = 65535


@contextmanager
def private_address(run_dir: Path) -> Iterator[str]:
    """A new address nobody else uses; its socket file is gone afterwards.

    `run_dir` is made when missing, for this user alone. A path too long for a socket moves to a
    temporary folder.
    """
    if not hasattr(socket, "AF_UNIX"):
        yield LOOPBACK
        return
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_stale(run_dir)
    name = f"worker-{os.getpid()}-{secrets.token_hex(4)}.sock"
    path, temporary = run_dir.absolute() / name, None
    if len(os.fsencode(path)) > LONGEST_PATH:
        temporary = Path(tempfile.mkdtemp(prefix="parley-"))
        path = temporary / name
    try:
        yield f"unix:{path}"
    finally:
        remove(path)
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_stale(run_dir: Path) -> None:
    """Remove the sockets of bots that were killed."""
    for path in run_dir.glob("worker-*.sock"):
        owner = re.fullmatch(r"worker-(\d+)-[0-9a-f]+\.sock", path.name)
        if owner and not is_alive(int(owner[1])):
            remove(path)


def remove(path: Path) -> None:
    """Remove a socket file, if it is there."""
    path.unlink(missing_ok=True)


def remove_socket(path: Path) -> None:
    """Remove a file that is a socket."""
    if path.is_socket():
        remove(path)


def is_alive(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def parse(address: str) -> tuple[str, int]:
    """Path and 0, or host and port. Raises BadInput for what is no address."""
    kind, _, place = address.partition(":")
    if kind == "unix" and place:
        return place, 0
    host, _, port = place.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) <= LAST_PORT:
        return host.removeprefix("[").removesuffix("]"), int(port)
    raise BadInput(f"{address!r} is no address of a worker. Write tcp:HOST:PORT or unix:PATH.")


def is_http(address: str) -> bool:
    """Whether workers are reached there by HTTP, as those of Ray Serve are."""
    return address.startswith(("http://", "https://"))


def check(address: str) -> None:
    """Raise BadInput for what is no address of a worker that somebody else started."""
    if not is_http(address):
        parse(address)
    elif not re.fullmatch(r"https?://[^\s@/?#]+(/[^\s@?#]*)?", address):
        raise BadInput(
            f"{address!r} is no address of a worker. Write http://HOST:PORT or http://HOST:PORT/PATH."
        )


def is_private(address: str) -> bool:
    """Whether nobody on another machine can reach it."""
    host, _ = parse(address)
    if address.startswith("unix:") or host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def listen(address: str, conversation: Conversation) -> tuple[asyncio.Server, str]:
    """Listen at `address`; also returns it with the port filled in. A unix socket is for this user alone.

    A socket that is there already is replaced, any other file is left: OSError.
    """
    host, port = parse(address)
    if not address.startswith("unix:"):
        server = await asyncio.start_server(conversation, host, port)
        return server, f"tcp:{host if ':' not in host else f'[{host}]'}:{server.sockets[0].getsockname()[1]}"
    remove_socket(Path(host))
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(conversation, host), address
    finally:
        os.umask(before)


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to whoever listens at `address`."""
    host, port = parse(address)
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(host)
    return await asyncio.open_connection(host, port)
