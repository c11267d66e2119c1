"""What serves each role, and which versions there are, as rows for a person or a script."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.catalogue.agreement import Agreement, Agreements
from bot.catalogue.card import read_card
from bot.catalogue.register import Register
from bot.catalogue.registry import Registry
from bot.catalogue.version import Figures, State, Version
from bot.errors import BadModel
from bot.models import BUILT_IN, EMBEDDING, RERANKING, TASKS
from bot.settings import Settings
from bot.worker.catalogue import ENDPOINT, Entry, find_entry
from bot.worker.checkpoint import WEIGHTS, published_sha256, weights_sha256
from bot.worker.memory import size_of
from bot.worker.options import ModelChoice, WorkerOptions

SETTINGS, CATALOGUE, NOTHING = "settings", "catalogue", "nothing"
NAMELESS = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A model of a role. `origin` is built-in, catalogue, settings, endpoint, or nothing where none serves.

    `state` is that of a version; of others live or, where something goes before them, empty.
    """

    role: str
    name: str
    origin: str
    serves: bool
    task: str = ""
    state: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    bytes: int = 0
    sha256: str = ""
    folder: str = ""
    added: str = ""
    figures: Mapping[str, Figures] | None = None
    agreement: Agreement | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self) | {"agreement": self.agreement.shown() if self.agreement else None}


def overview(
    registry: Registry, settings: Settings, options: WorkerOptions, *, at_endpoint: Collection[str] = ()
) -> list[Row]:
    """What serves each role first, then its other versions. `options` are what the worker is told."""
    register, agreements = registry.read(), Agreements(registry.folder).read()
    roles = dict.fromkeys([*TASKS, *sorted({*settings.models, *register.roles()} - TASKS.keys())])
    rows = []
    for role in roles:
        server = serving(role, registry, register, settings, options, at_endpoint=at_endpoint)
        others = [each for each in register.of(role) if each.name != server.name or not is_version(server)]
        rows += [server, *(_of_version(registry, each, agreements.get(each.name)) for each in others)]
    return rows


def serving(
    role: str,
    registry: Registry,
    register: Register,
    settings: Settings,
    options: WorkerOptions,
    *,
    at_endpoint: Collection[str] = (),
) -> Row:
    """What answers for a role now."""
    chosen = settings.models.get(role)
    if role in at_endpoint or (chosen and chosen.engine == ENDPOINT):
        model = (chosen.model if chosen else "") or settings.endpoint.model or NAMELESS
        task = TASKS.get(role) or (chosen.task if chosen else "")
        return Row(role, model, ENDPOINT, serves=True, task=task, state=State.LIVE)
    live, choice = register.live(role), options.choice(role)
    if live and registry.folder_of(live).absolute() in (choice.folder, choice.adapter):
        return _of_version(registry, live, None, serves=True)
    return _of_entry(role, options)


def is_version(row: Row) -> bool:
    """Whether a row is about a version of the catalogue."""
    return row.origin == CATALOGUE


def _of_version(
    registry: Registry, version: Version, agreement: Agreement | None, *, serves: bool = False
) -> Row:
    return Row(
        version.role,
        version.name,
        CATALOGUE,
        serves=serves,
        task=version.task,
        state=version.state,
        licence=version.licence,
        languages=version.languages,
        bytes=version.bytes,
        sha256=version.weights,
        folder=str(registry.folder_of(version)),
        added=version.added,
        figures=version.figures,
        agreement=agreement,
    )


def _of_entry(role: str, options: WorkerOptions) -> Row:
    """A model that comes with parley or is named by the settings; a row of nothing where there is none."""
    choice = options.choice(role)
    try:
        entry = find_entry(role, options)
    except BadModel:
        if role == RERANKING:
            return _as(_of_entry(EMBEDDING, options), role)
        return Row(role, NAMELESS, NOTHING, serves=False, task=TASKS.get(role, choice.task))
    folder = entry.adapter or entry.folder
    card = read_card(folder)
    is_own = bool(choice.folder or choice.adapter)
    return Row(
        role,
        folder.name if is_own else entry.name,
        SETTINGS if is_own else BUILT_IN,
        serves=True,
        task=entry.task,
        state=State.LIVE,
        licence=card.licence,
        languages=card.languages,
        bytes=size_of(folder) if entry.has_weights else 0,
        sha256=_sum_of(entry, choice),
        folder=str(folder),
    )


def _as(row: Row, role: str) -> Row:
    """The row of a model that serves another role as well."""
    return replace(row, role=role, task=TASKS[role])


def _sum_of(entry: Entry, choice: ModelChoice) -> str:
    """Of the weights that make the role what it is; empty where there are none to be read."""
    if entry.adapter:
        return published_sha256(entry.adapter)
    if choice.sha256 or entry.sha256:
        return choice.sha256 or entry.sha256
    has_file = entry.has_weights and (entry.folder / WEIGHTS).is_file()
    return weights_sha256(entry.folder) if has_file else ""
