"""Secrets: from the environment or from files of their own, never from the settings file."""

from __future__ import annotations

import stat
from pathlib import Path

from pydantic import SecretStr

from bot.errors import BadSettings

OTHERS = stat.S_IROTH | stat.S_IWOTH


def secret(value: SecretStr, file: Path | None, setting: str) -> str:
    """The secret of a setting, or of the file its `_file` twin names; empty when neither is set.

    Raises BadSettings, which never shows the secret.
    """
    if value.get_secret_value():
        return value.get_secret_value().strip()
    return "" if file is None else read_secret(file, f"{setting}_file")


def read_secret(file: Path, setting: str) -> str:
    """The secret in a file. Raises BadSettings when it cannot be read, is empty or open to everyone."""
    try:
        mode, text = file.stat().st_mode, file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"{setting}: {file} cannot be read.") from None
    if mode & OTHERS:
        raise BadSettings(f"{setting}: {file} is open to every user of this machine: chmod 600 {file}")
    if not text:
        raise BadSettings(f"{setting}: {file} is empty.")
    return text
