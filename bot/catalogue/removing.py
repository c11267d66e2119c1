"""A version that nobody needs any more: forgotten by the catalogue, its files deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.catalogue.agreement import Agreements
from bot.catalogue.register import Register
from bot.catalogue.registry import Registry
from bot.errors import BadInput, BadModel
from bot.models import Task

GONE = ".gone-"
"""What the name of a folder begins with that is to be deleted; no version has such a name."""


def remove(registry: Registry, role: str, name: str) -> None:
    """Take a version out of the catalogue and delete what is kept of it; its steps stay in the history.

    The register is changed first, so a crash leaves at most files that nobody knows: removing it again
    deletes them, and so does adding another version of that name. Raises BadInput as `check` does, and for
    files that cannot be deleted.
    """
    folder, gone = _places(registry, role, name)
    graphs = _graphs(registry, name)
    try:
        registry.change(
            lambda register: _without(registry, register, role, name), then=lambda: _set_aside(folder, gone)
        )
        for each in filter(Path.exists, (gone, *graphs)):
            shutil.rmtree(each)
    except OSError as error:
        raise BadInput(
            f"{name} is no longer in the catalogue, but not all of its files could be deleted "
            f"({error.filename}: {error.strerror}). Remove it again when they can."
        ) from None
    Agreements(registry.folder).forget(name)


def check(registry: Registry, role: str, name: str) -> None:
    """Raise BadInput for what cannot be removed: a version that is live or a shadow, or is not there."""
    _without(registry, registry.read(), role, name)


def _without(registry: Registry, register: Register, role: str, name: str) -> Register:
    """The register that forgot a version; the same when it has, and only files are left."""
    is_left = any(each.exists() for each in _places(registry, role, name))
    if is_left and register.was_removed(role, name):
        return register
    return register.without(role, name)


def _places(registry: Registry, role: str, name: str) -> tuple[Path, Path]:
    """The folder of a version, and what it is called while it is deleted."""
    folder = registry.folder / role / name
    return folder, folder.with_name(f"{GONE}{name}")


def _set_aside(folder: Path, gone: Path) -> None:
    """Rename the folder at once, so that a new version may have its name before all is deleted."""
    if gone.exists():
        shutil.rmtree(gone)
    if folder.exists():
        folder.rename(gone)


def _graphs(registry: Registry, name: str) -> list[Path]:
    """The form for onnxruntime that was made of a version; a twin with the same weights gets it made anew."""
    version = registry.read().versions.get(name)
    if version is None or version.is_adapter:
        return []
    try:
        from bot.worker.encoders.ready import key_of

        return [registry.folder / key_of(registry.folder_of(version), Task(version.task))]
    except (ImportError, BadModel):
        return []
