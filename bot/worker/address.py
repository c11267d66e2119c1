"""Where bot and worker meet: a private unix-domain socket, or loopback TCP where there is none.

An address is written `unix:PATH` or `tcp:HOST:PORT`. Whoever connects has to show the key.
"""

from __future__ import annotations

import asyncio
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

Conversation: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LONGEST_PATH = 100
LOOPBACK = "tcp:127.0.0.1:0"


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


def is_alive(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


async def listen(address: str, conversation: Conversation) -> tuple[asyncio.Server, str]:
    """Listen at `address`; also returns it with the port filled in. A unix socket is for this user alone."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        remove(Path(place))
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(conversation, place), address
        finally:
            os.umask(before)
    host, _, port = place.rpartition(":")
    server = await asyncio.start_server(conversation, host, int(port))
    return server, f"tcp:{host}:{server.sockets[0].getsockname()[1]}"


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to whoever listens at `address`."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(place)
    host, _, port = place.rpartition(":")
    return await asyncio.open_connection(host, int(port))
