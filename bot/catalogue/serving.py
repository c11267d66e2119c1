"""Which choice serves each role: the settings' own, else the live version, else the built-in model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from bot.catalogue.register import Register
from bot.catalogue.shadowing import Shadow
from bot.catalogue.version import Version
from bot.models import BUILT_IN, Task
from bot.settings import Settings
from bot.worker.catalogue import ENDPOINT
from bot.worker.options import ModelChoice, shadow_role


def choices(
    own: Mapping[str, ModelChoice], register: Register, folder: Path, *, elsewhere: Collection[str] = ()
) -> dict[str, ModelChoice]:
    """The choice of each role: the operator's `own`, with the live version where they name no model.

    `folder` is that of the catalogue; roles that are served `elsewhere` have none of it. Shadows are
    choices too, for roles of their own.
    """
    chosen = dict(own)
    for role in register.roles():
        live, shadow = register.live(role), register.shadow(role)
        if live and role not in elsewhere and not names_model(own.get(role, ModelChoice())):
            chosen[role] = choice_of(live, folder, own.get(role, ModelChoice()))
        if shadow and shadow.task == Task.CLASSIFICATION:
            chosen[shadow_role(role)] = choice_of(shadow, folder, own.get(role, ModelChoice()))
    return chosen


def shadows_of(register: Register, settings: Settings) -> dict[str, Shadow]:
    """The shadow of each role that has one, with what is live there."""
    return {
        role: Shadow(shadow.name, live_in(role, register, settings))
        for role in register.roles()
        if (shadow := register.shadow(role)) and shadow.task == Task.CLASSIFICATION
    }


def live_in(role: str, register: Register, settings: Settings) -> str:
    """What serves a role: the settings' folder or model, the live version, or the built-in model."""
    chosen, live = settings.models.get(role), register.live(role)
    if chosen and chosen.engine == ENDPOINT:
        return chosen.model or settings.endpoint.model
    if chosen and (named := chosen.adapter or chosen.folder):
        return named.name
    return live.name if live else BUILT_IN


def names_in_settings(role: str, settings: Settings) -> bool:
    """Whether settings say what serves a role, which then goes before the catalogue."""
    chosen = settings.models.get(role)
    return bool(chosen and (chosen.engine == ENDPOINT or chosen.folder or chosen.adapter))


def names_model(choice: ModelChoice) -> bool:
    """Whether settings name a model for a role, which then goes before the catalogue."""
    return bool(choice.folder or choice.adapter or ":" in choice.engine)


def choice_of(version: Version, folder: Path, settings: ModelChoice) -> ModelChoice:
    """A version as the model of a role; engine and length are what the settings say."""
    own = folder.absolute() / version.role / version.name
    if version.is_adapter:
        return replace(settings, folder=None, adapter=own, sha256="", task=version.task)
    return replace(settings, folder=own, adapter=None, sha256=version.weights, task=version.task)
