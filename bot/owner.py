"""Which process holds a lease: a name that says whether its process is still alive on this machine."""

from __future__ import annotations

import os
import socket
import uuid

_ours: set[str] = set()


def new_owner() -> str:
    """A name for a bot of this process, unlike any before: `host:process:random`."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    _ours.add(owner)
    return owner


def is_dead(owner: str) -> bool:
    """Whether a holder was a process of this machine that is gone (or had this process's number before)."""
    host, _, process = owner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return owner not in _ours
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
