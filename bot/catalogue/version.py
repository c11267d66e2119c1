"""A version of a model: what is known of it, and what happened to it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Figures = Mapping[str, Any]


class State(StrEnum):
    """What a version does. One that is retired was live."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    LIVE = "live"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Version:
    """A checkpoint that was copied into the catalogue.

    `source` is the folder or the hub's name that it comes from, `revision` the hub's commit. `files` are
    the sha256 of all its files by their path, `weights` that of what the worker checks before it loads
    them. `is_adapter`: it builds on the built-in encoder. `figures` were measured, by the name of the file
    of rows.
    """

    name: str
    role: str
    task: str
    source: str
    files: Mapping[str, str]
    weights: str
    bytes: int
    added: str
    revision: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    is_adapter: bool = False
    state: State = State.CANDIDATE
    figures: Mapping[str, Figures] = field(default_factory=dict)

    def packed(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)

    @classmethod
    def unpacked(cls, fields: Mapping[str, Any]) -> Version:
        """The version of `packed`. Raises TypeError, ValueError or KeyError for what is none."""
        typed = {"languages": tuple(fields["languages"]), "state": State(fields["state"])}
        return cls(**{**fields, **typed})


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done: when, by which user of the machine, why, and what was measured for it.

    `before` is what was live until then, or the version's earlier state.
    """

    action: str
    role: str
    name: str
    before: str = ""
    reason: str = ""
    figures: Figures = field(default_factory=dict)
    at: str = ""
    who: str = ""

    def packed(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)

    @classmethod
    def unpacked(cls, fields: Mapping[str, Any]) -> Step:
        """The step of `packed`. Raises TypeError for what is none."""
        return cls(**fields)


def now() -> str:
    """This moment, for the register."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def user() -> str:
    """Who runs this process: the machine's name for the user, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
