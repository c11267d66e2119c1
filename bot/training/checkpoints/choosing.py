"""Which checkpoint a command of the lab means: a folder, a role's model, or the one that is live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.assembly import registry_of
from bot.errors import BadInput
from bot.training.rows.labels import LABELLINGS

if TYPE_CHECKING:
    from bot.settings import Settings

WEIGHTS = Path(__file__).parents[2] / "worker" / "weights"
"""Models that come with parley: a folder for each role."""


def chosen_folder(task: str, model: str, settings: Settings) -> Path:
    """The folder of a model, named by its path or its role; that of the task's own role when empty.

    Raises BadInput when there is none, with those there are.
    """
    if task not in LABELLINGS:
        raise BadInput(f"{task!r} is no task that gives labels. Those are: {', '.join(LABELLINGS)}.")
    if Path(model).is_dir() and model:
        return Path(model)
    folders = known_folders(settings)
    if found := folders.get(model or task):
        return found
    named = f"no model {model!r}" if model else f"no built-in model for {task}"
    raise BadInput(
        f"There is {named}. Give --model the folder of a checkpoint, or one of: {', '.join(sorted(folders))}."
    )


def known_folders(settings: Settings) -> Mapping[str, Path]:
    """The folder of each role's model: the settings' own before the live version before the built-in one.

    Versions of the catalogue are there by their names too.
    """
    built_in = {each.name: each for each in WEIGHTS.glob("*") if (each / "config.json").exists()}
    own = {role: chosen.folder for role, chosen in settings.models.items() if chosen.folder}
    return built_in | _of_catalogue(settings) | own


def _of_catalogue(settings: Settings) -> dict[str, Path]:
    registry = registry_of(settings)
    register = registry.read()
    versions = [each for each in register.versions.values() if not each.is_adapter]
    named = {each.name: registry.folder_of(each) for each in versions}
    live = {each.role: registry.folder_of(each) for each in versions if register.live(each.role) == each}
    return named | live
