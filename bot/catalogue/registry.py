"""The register as a file of the data folder, with the folder of each version beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.catalogue.register import Register
from bot.catalogue.version import Version
from bot.catalogue.writing import damaged, locked, read_json, write_json
from bot.errors import BadModel
from bot.worker.checkpoint import file_sha256

MODELS = "models"
"""The folder of the catalogue in the data folder."""
FILE = "registry.json"

Stamp = tuple[int, int, int]


class Registry:
    """`folder` is that of the catalogue; it is made by the first change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Register:
        """What is registered; nothing where there is no file. Raises BadInput for a damaged one."""
        file = self.folder / FILE
        fields = read_json(file)
        if not fields:
            return Register()
        try:
            return Register.unpacked(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(file, f"{type(error).__name__}: {error}") from None

    def change(
        self, change: Callable[[Register], Register], *, then: Callable[[], None] | None = None
    ) -> Register:
        """Replace the register by what `change` makes of it, and do what comes `then`.

        Nobody else changes it meanwhile.
        """
        with locked(self.folder):
            changed = change(self.read())
            write_json(self.folder / FILE, changed.packed())
            if then:
                then()
        return changed

    def stamp(self) -> Stamp | None:
        """What differs after every change; None where there is no file."""
        try:
            found = (self.folder / FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def folder_of(self, version: Version) -> Path:
        """Where the files of a version lie."""
        return self.folder / version.role / version.name

    def check_files(self, version: Version) -> None:
        """Raise BadModel unless every file is there, as it was when it was added."""
        folder = self.folder_of(version)
        for path, sha256 in version.files.items():
            if not (folder / path).is_file():
                raise BadModel(f"{folder / path} is missing. {_advice(version)}")
            if file_sha256(folder / path) != sha256:
                raise BadModel(f"{folder / path} is not what was added (sha256 differs). {_advice(version)}")

    def is_whole(self, version: Version) -> bool:
        """Whether every file is as it was when it was added."""
        try:
            self.check_files(version)
        except BadModel:
            return False
        return True


def _advice(version: Version) -> str:
    return f"Restore it from a backup, or add it anew from {version.source}, under another name."
