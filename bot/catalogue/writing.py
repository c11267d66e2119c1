"""Files that are replaced as a whole, by one process at a time."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.errors import BadInput

try:
    import fcntl
except ImportError:  # another system than Unix: one operator at a time
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
LOCK_SECONDS = 10.0
PAUSE_SECONDS = 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let nobody else change what lies in a folder, which is made when it is missing. Raises BadInput."""
    with explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _wait_for(lock, folder)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, folder: Path) -> None:
    """Take the lock; it goes with its file descriptor, also when the process dies."""
    latest = time.monotonic() + LOCK_SECONDS
    while fcntl is not None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > latest:
                raise BadInput(f"{folder}: another command is changing it. Try again later.") from None
            time.sleep(PAUSE_SECONDS)
        else:
            return


def write_json(file: Path, value: object) -> None:
    """Replace a file by a value; until the new one is whole on disk the old one stays. Raises BadInput."""
    new = file.with_name(f"{file.name}.new")
    with explained(file):
        try:
            with new.open("w", encoding="utf-8") as written:
                written.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
                written.flush()
                os.fsync(written.fileno())
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is no such file. Raises BadInput for anything else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(file, type(error).__name__) from None
    if not isinstance(found, dict):
        raise damaged(file, "no object")
    return found


def damaged(file: Path, reason: str) -> BadInput:
    """What to do about a file that cannot be understood."""
    return BadInput(f"{file} cannot be understood ({reason}). Take it from a backup, or move it away.")


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Say in words why something could not be written there."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInput(f"{place}: the disk is full. Make room and try again; nothing changed.") from None
        raise BadInput(f"{place}: it cannot be written ({error.strerror}).") from None
