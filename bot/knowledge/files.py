"""Find the files of folders people added, and tell whether they changed.

A file's uri is its absolute path. One that came with a folder has `/./` behind the folder, as in
`/srv/docs/./guide/install.md`, so that the folder can be looked through again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import BadInput
from bot.knowledge.kinds import is_readable

MARK = "/./"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to index: `title` is what people see, relative to the folder it came with."""

    path: Path
    uri: str
    title: str


@dataclass(frozen=True, slots=True)
class Look:
    """A file as it is now. `modified` in seconds since 1970."""

    size: int
    modified: float


def find(path: Path) -> tuple[list[Source], int]:
    """The files to index under a path, in order of name, and how many others were left out.

    Hidden files and folders, links to folders and kinds that cannot be read are left out of folders.
    Raises BadInput when there is nothing at the path.
    """
    path = absolute(path)
    if path.is_file():
        return [Source(path, str(path), path.name)], 0
    if not path.is_dir():
        raise BadInput(f"{path}: there is no such file or folder.")
    found, skipped = [], 0
    for each in _walk(path):
        relative = each.relative_to(path).as_posix()
        if is_readable(each.name) and not any(part.startswith(".") for part in relative.split("/")):
            found.append(Source(each, f"{path}{MARK}{relative}", relative))
        else:
            skipped += 1
    return found, skipped


def absolute(path: Path) -> Path:
    """The path from the root, without dots; links stay as they are, for their names are what people know."""
    return Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow links


def path_of(uri: str) -> Path | None:
    """Where the file of a uri lies; None for an upload."""
    return Path(uri.replace(MARK, "/")) if uri.startswith("/") else None


def folder_of(uri: str) -> Path | None:
    """The folder a file came with; None for a file added by itself and for an upload."""
    folder, mark, _ = uri.partition(MARK)
    return Path(folder) if mark else None


def look(path: Path) -> Look | None:
    """Size and time of a file; None when it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return Look(facts.st_size, facts.st_mtime)


def is_gone(uri: str) -> bool:
    """Whether a file was taken away: a folder that cannot be reached takes nothing away."""
    path = path_of(uri)
    return path is not None and not path.exists() and (folder_of(uri) or path.parent).is_dir()


def read(path: Path, most: int) -> bytes:
    """A file's content, at most one byte more than `most`. Raises BadInput."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise BadInput(f"It cannot be opened: {error.strerror}.") from None


def digest(content: bytes) -> str:
    """The content's sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def folders(uris: Iterable[str]) -> set[Path]:
    """The folders some files came with."""
    return {folder for uri in uris if (folder := folder_of(uri)) is not None}


def _walk(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files))
