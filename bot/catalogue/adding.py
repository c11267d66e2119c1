"""A new version for the catalogue: looked at, copied into the data folder, noted as a candidate."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue.card import read_card
from bot.catalogue.hub import downloaded, is_hub_name
from bot.catalogue.registry import Registry
from bot.catalogue.source import copy, look_at, task_for
from bot.catalogue.version import Version, now
from bot.errors import BadInput
from bot.models import BUILT_IN, TASKS
from bot.worker.checkpoint import ADAPTER_WEIGHTS, SHA256, weights_sha256

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Addition:
    """What an operator says of a new version; what is empty is taken from its card."""

    role: str
    source: str
    name: str
    task: str = ""
    licence: str = ""
    languages: Sequence[str] = ()


def add(registry: Registry, addition: Addition, *, download: bool = False) -> Version:
    """Copy a checkpoint into the catalogue. Raises BadInput and BadModel for what is not taken.

    A source that is no folder here is a hub's name; it is fetched when `download` says so.
    """
    task = task_for(addition.role, addition.task)
    _check_names(addition)
    registry.read().with_added(_unmade(addition, task))
    with ExitStack() as stack:
        folder, commit = Path(addition.source), ""
        if not folder.is_dir() and is_hub_name(addition.source):
            if not download:
                raise BadInput(
                    f"There is no folder {addition.source}. Nothing is fetched unless you say so: "
                    "--download asks the model hub for it."
                )
            folder, commit = stack.enter_context(downloaded(addition.source, registry.folder))
        return _copy(registry, addition, folder, task=task, commit=commit)


def _copy(registry: Registry, addition: Addition, folder: Path, *, task: str, commit: str) -> Version:
    found, card = look_at(folder, addition.role, task), read_card(folder)
    target = registry.folder / addition.role / addition.name
    sums = copy(found, target)
    weights = sums[ADAPTER_WEIGHTS] if found.is_adapter else weights_sha256(target)
    if found.is_adapter:
        (target / SHA256).write_text(f"{weights}  {ADAPTER_WEIGHTS}\n", encoding="utf-8")
    version = Version(
        name=addition.name,
        role=addition.role,
        task=task,
        source=addition.source if commit else str(folder.absolute()),
        revision=commit,
        files=sums,
        weights=weights,
        bytes=found.bytes,
        added=now(),
        licence=addition.licence or card.licence,
        languages=tuple(addition.languages) or card.languages,
        is_adapter=found.is_adapter,
    )
    try:
        registry.change(lambda register: register.with_added(version))
    except BadInput:
        if addition.name not in registry.read().versions:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return version


def _check_names(addition: Addition) -> None:
    if not ROLE.fullmatch(addition.role):
        raise BadInput(f"{addition.role!r} is no role: write it in small letters, such as {min(TASKS)}.")
    if not NAME.fullmatch(addition.name):
        raise BadInput(f"{addition.name!r} is no name: use letters, digits, '.', '_' and '-'.")
    if addition.name == BUILT_IN or addition.name in TASKS:
        raise BadInput(f"{addition.name!r} means something else. Choose another with --name.")


def _unmade(addition: Addition, task: str) -> Version:
    """The version as far as it is known before anything is copied, to see that its name is free."""
    return Version(addition.name, addition.role, task, addition.source, {}, "", 0, "")
