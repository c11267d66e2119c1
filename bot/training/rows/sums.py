"""The SHA-256 of files of rows, which say that they are still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bot.errors import BadInput

BLOCK = 1 << 20


def sha256_of(*files: Path) -> str:
    """One sum for files in their order: of a single file, its own."""
    sums = [_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as blocks:
            while block := blocks.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise BadInput(f"{file}: it cannot be read ({error.strerror}).") from None
    return digest.hexdigest()
